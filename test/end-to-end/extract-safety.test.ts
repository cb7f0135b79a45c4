import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { build } from "../support/images.ts";
import { attempt, puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** Nothing outside the target is written, whatever the target contains before. */

const scratch = new Scratch();
const store = scratch.fresh("store");
const source = scratch.directory("source");

test.before(() => {
  mkdirSync(join(source, "etc"));
  writeFileSync(join(source, "etc/passwd"), "from the image");
  writeFileSync(join(source, "file"), "from the image");
  symlinkSync("etc", join(source, "link"));
  build(source, `${store}:v1`, "--mtime", "keep");
});

test.after.always(() => scratch.remove());

/** Entries of the target that lead to `outside`. */
const traps: Record<string, (target: string, outside: string) => void> = {
  "a link in a directory's place": (target, outside) => symlinkSync(outside, join(target, "etc")),
  "a link in a file's place": (target, outside) => symlinkSync(join(outside, "victim"), join(target, "file")),
  "a dangling link in a file's place": (target, outside) => symlinkSync(join(outside, "new"), join(target, "file")),
  "a link to a directory in a link's place": (target, outside) => symlinkSync(outside, join(target, "link")),
  "another name of a file outside": (target, outside) => linkSync(join(outside, "victim"), join(target, "file")),
};

for (const [name, set] of Object.entries(traps)) {
  test.serial(`extract --force does not write through ${name}`, (t) => {
    const target = scratch.directory("target");
    const outside = scratch.directory("outside");
    writeFileSync(join(outside, "victim"), "untouched");
    set(target, outside);
    const { status, stderr } = attempt(puzzlefs, ["extract", "--force", `${store}:v1`, target]);
    t.deepEqual(readdirSync(outside), ["victim"]);
    t.is(readFileSync(join(outside, "victim"), "utf8"), "untouched");
    t.is(status, 0, stderr);
    assertSameText(t, dumpDirectory(target), dumpDirectory(source), "target");
  });
}

test.serial("a directory that is not empty is refused without --force, and left alone", (t) => {
  const target = scratch.directory("target");
  writeFileSync(join(target, "mine"), "mine");
  const { status, stderr } = attempt(puzzlefs, ["extract", `${store}:v1`, target]);
  t.is(status, 1);
  t.true(stderr.includes(target));
  t.deepEqual(readdirSync(target), ["mine"]);
  t.false(existsSync(join(target, "file")));
});
