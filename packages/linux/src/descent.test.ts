import { readdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { mkdirat, openat } from "./at-calls.ts";
import { Descent, type Level } from "./descent.ts";
import { close, listDirectory } from "./descriptors.ts";
import { fresh } from "./directory-fixture.ts";
import { FileStatus } from "./file-status.ts";

const status = new FileStatus();

class Changed extends Error {
  readonly level: Level;

  constructor(level: Level, cause: unknown) {
    super("changed", { cause });
    this.level = level;
  }
}

function descentInto(fd: number): Descent {
  return new Descent(fd, (level, cause) => new Changed(level, cause));
}

/** Visits everything; returns the number of directories, and the most descriptors that were open for it. */
function walk(descent: Descent, enter = (level: Level): number => descent.enter(level)): [number, number] {
  const stack = [descent.root];
  const before = readdirSync("/proc/self/fd").length;
  let count = 0;
  let most = 0;
  for (let level = stack.pop(); level !== undefined; level = stack.pop()) {
    const descriptor = enter(level);
    if (count++ % 100 === 0) most = Math.max(most, readdirSync("/proc/self/fd").length - before);
    for (const { name } of listDirectory(descriptor)) {
      status.readAt(descriptor, name);
      stack.push(descent.level(level, name, status));
    }
  }
  return [count, most];
}

function deepen(fd: number, levels: number): void {
  let at = openat(fd, ".", 0);
  for (let i = 0; i < levels; i++) {
    for (const name of ["a", "b"]) mkdirat(at, name, 0o700);
    const next = openat(at, "a", 0);
    close(at);
    at = next;
  }
  close(at);
}

test("a tree of any depth takes a bounded number of descriptors, and little more time than a flat one", (t) => {
  const { fd } = fresh();
  deepen(fd, 5000);
  using descent = descentInto(fd);
  let opened = 0;
  const [count, most] = walk(descent, (level) => {
    for (let at: Level | undefined = level; at !== undefined && at.descriptor === undefined; at = at.parent) opened++;
    return descent.enter(level);
  });
  t.is(count, 10_001);
  t.true(most < 100, `${most} descriptors`);
  t.true(opened < 30 * count, `${opened} directories were opened`);
});

test("another directory, a link or nothing under the name is not entered, wherever the way up leads by then", (t) => {
  for (const replace of [
    (path: string) => mkdirat(-100, path, 0o700),
    (path: string) => symlinkSync("/", path),
    (path: string) => symlinkSync(`${path}.old`, path),
    () => {},
  ]) {
    const { fd, path } = fresh();
    deepen(fd, 200);
    using descent = descentInto(fd);
    let left = 1;
    const error = t.throws(
      () =>
        walk(descent, (level) => {
          if (level.depth === 150 && left-- > 0) {
            const victim = join(path, ...Array(100).fill("a"));
            renameSync(victim, `${victim}.old`);
            replace(victim);
          }
          return descent.enter(level);
        }),
      { instanceOf: Changed },
    );
    t.is(error?.level.depth, 100);
  }
});
