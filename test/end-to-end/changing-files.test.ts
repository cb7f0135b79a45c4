import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, renameSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import test from "ava";
import { noise } from "@puzzlefs/testing";
import { build, layoutState } from "../support/images.ts";
import { puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** Files that change under the builder: an error that names the path, and a layout that is as it was. */

const scratch = new Scratch();
const bytes = 24_000_000;
const attempts = 20;

test.after.always(() => scratch.remove());

const smallFiles = 300;

/** Changes that are repeated in a directory with a large file, the victim, and small ones after it. */
const changes: Record<string, (directory: string, count: number) => void> = {
  vanish: (directory, count) => {
    const small = join(directory, `w-${count % smallFiles}`);
    if (Math.floor(count / smallFiles) % 2 === 0) renameSync(small, `${small}.away`);
    else renameSync(`${small}.away`, small);
  },
  shrink: (directory, count) => truncateSync(join(directory, "victim"), count % 2 === 0 ? bytes / 2 : bytes),
  grow: (directory, count) => truncateSync(join(directory, "victim"), count % 2 === 0 ? bytes + 100_000 : bytes),
  "are written to": (directory, count) => writeAt(join(directory, "victim"), count % bytes, count),
};

for (const [what, change] of Object.entries(changes)) {
  for (const options of [[], ["-c", "--chunking", "stream"]]) {
    test.serial(`files that ${what} while they are read: ${options.join(" ")}`, async (t) => {
      const tree = scratch.directory("tree");
      const directory = join(tree, "sub");
      mkdirSync(directory);
      writeFileSync(join(tree, "first"), noise(1, 3_000_000));
      writeFileSync(join(directory, "victim"), noise(2, bytes));
      for (let i = 0; i < smallFiles; i++) writeFileSync(join(directory, `w-${i}`), `${i}`);
      const store = scratch.fresh("store");
      build(tree, `${store}:v1`, ...options);
      let failures = 0;
      let count = 0;
      for (let i = 0; i < attempts && failures < 2; i++) {
        const before = layoutState(store);
        const { code, stderr } = await buildWhile(() => change(directory, count++), tree, store, options);
        if (code === 0) continue;
        failures++;
        t.is(code, 1);
        t.regex(stderr, /sub\/(victim|w-\d+)(\.away)?: .*(changed|vanished)/);
        t.deepEqual(layoutState(store), before);
      }
      t.true(failures > 0, `${attempts} builds ended well while a file changed all the time`);
    });
  }
}

function writeAt(path: string, position: number, value: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.of(value & 0xff), 0, 1, position);
  closeSync(file);
}

/** Builds, calling `disturb` as often as possible meanwhile. */
async function buildWhile(
  disturb: () => void,
  tree: string,
  store: string,
  options: readonly string[],
): Promise<{ code: number; stderr: string }> {
  const child = spawn(puzzlefs, ["build", ...options, tree, `${store}:v2`], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const end = once(child, "close");
  while (child.exitCode === null && child.signalCode === null) {
    disturb();
    await setImmediate();
  }
  await end;
  return { code: child.exitCode ?? -1, stderr };
}
