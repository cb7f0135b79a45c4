/** A build in a program that has other things to do: the event loop has its turns, and the build ends when asked to. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { Layout, LayoutError, Transaction } from "@puzzlefs/oci";
import test from "ava";

import { build } from "./build.ts";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { dumpImage, dumpTree, mixedTree } from "./tree-fixture.ts";
import type { BuildOptions, Progress } from "./options.ts";

/** A tree of many small files. */
function manyFiles(count: number): string {
  const rootfs = temporaryDirectory();
  for (let directory = 0; directory < count / 100; directory++) {
    mkdirSync(join(rootfs, `${directory}`));
    for (let file = 0; file < 100; file++)
      writeFileSync(join(rootfs, `${directory}/${file}`), noise(`${directory}/${file}`, 40 * file));
  }
  return rootfs;
}

/** Milliseconds of processor time of this thread between two turns of the event loop: a busy machine does not count. */
class TurnTimes {
  readonly #times: number[] = [];
  #last = processorTime();
  #immediate = globalThis.setImmediate(() => this.#turn());

  stop(): number[] {
    clearImmediate(this.#immediate);
    return this.#times;
  }

  #turn(): void {
    const now = processorTime();
    this.#times.push(now - this.#last);
    this.#last = now;
    this.#immediate = globalThis.setImmediate(() => this.#turn());
  }
}

function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

let shared: string | undefined;

const variants: Record<string, Partial<BuildOptions>> = {
  raw: {},
  "zstd, one thread": { compress: true, jobs: 1 },
};

for (const [name, options] of Object.entries(variants)) {
  test.serial(`${name}: the event loop has its turns while 20,000 files are built`, async (t) => {
    const rootfs = (shared ??= manyFiles(20_000));
    const ociDir = join(temporaryDirectory(), "oci");
    await build({ rootfs: mixedTree(), ociDir: join(temporaryDirectory(), "oci"), tag: "warm", ...options });
    const turns = new TurnTimes();
    const reports: Progress[] = [];
    await build({ rootfs, ociDir, tag: "v", progress: (report) => reports.push(report), ...options });
    const times = turns.stop();
    t.log(`${times.length} turns, longest ${Math.max(...times).toFixed(1)} ms of processor time between two`);
    t.true(Math.max(...times) < 50, `${times.filter((time) => time > 20)}`);
    t.true(times.length > 30);
    t.true(reports.length > 3);
    t.is(reports.at(-1)?.files, 20_000);
  });
}

for (const moment of ["before", "reading", "committing"] as const) {
  test(`aborted ${moment}: the reason is thrown, and nothing is left`, async (t) => {
    const rootfs = mixedTree();
    const directory = temporaryDirectory();
    const abort = new AbortController();
    const reason = new Error("no longer wanted");
    if (moment === "before") abort.abort(reason);
    const progress = ({ files }: Progress): void => {
      if (moment === "reading" || files > 65) abort.abort(reason);
    };
    const options = { rootfs, ociDir: join(directory, "new/oci"), tag: "v", signal: abort.signal };
    t.is(await t.throwsAsync(build({ ...options, ...(moment !== "before" && { progress }) })), reason);
    t.deepEqual(readdirSync(directory), []);
  });
}

test("a timer aborts a build", async (t) => {
  const directory = temporaryDirectory();
  const options = { rootfs: manyFiles(5000), ociDir: join(directory, "oci"), tag: "v", compress: true, level: 12 };
  await t.throwsAsync(build({ ...options, signal: AbortSignal.timeout(30) }), { name: "TimeoutError" });
  t.deepEqual(readdirSync(directory), []);
});

test("several builds of one process write into one layout at the same time", async (t) => {
  const ociDir = join(temporaryDirectory(), "oci");
  const trees = [mixedTree(), manyFiles(500), mixedTree()];
  await Promise.all(trees.map((rootfs, at) => build({ rootfs, ociDir, tag: `v${at}`, jobs: 2 })));
  for (const [at, rootfs] of trees.entries()) t.deepEqual(dumpImage(ociDir, `v${at}`), dumpTree(rootfs));
});

test("waiting for a lock that this thread holds in asynchronous work is refused, not endless", async (t) => {
  using layout = Layout.create(join(temporaryDirectory(), "oci"));
  const lock = layout.lock();
  const held = lock.next();
  t.true(held.done);
  t.like(
    t.throws(() => Transaction.begin(layout), { instanceOf: LayoutError }),
    { kind: "refused" },
  );
  const building = build({ rootfs: mixedTree(), ociDir: layout.path, tag: "v" });
  await setImmediate();
  if (held.done === true) held.value[Symbol.dispose]();
  await building;
  t.deepEqual(layout.tags(), ["v"]);
});
