import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { noise } from "@puzzlefs/testing";
import { missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/**
 * A build's memory does not depend on how large the tree is. PUZZLEFS_TEST_FULL=1 makes five gigabytes of real
 * content instead of holes for the most part.
 */

const scratch = new Scratch();
const isFull = process.env["PUZZLEFS_TEST_FULL"] === "1";
const megabyte = 1_000_000;
const totalBytes = 5000 * megabyte;
const randomPart = (isFull ? 4500 : 300) * megabyte;
const sparseFileBytes = totalBytes - randomPart;
const limitKilobytes = 400_000;
const gnuTime = "/usr/bin/time";
const lacks = missing(gnuTime);

test.after.always(() => scratch.remove());

for (const options of [[], ["-c"], ["-c", "--chunking", "stream"]]) {
  const title = `five gigabytes in less than 400 MB of memory: ${options.join(" ")}`;
  if (lacks.length > 0) test.serial.skip(`${title} (needs ${lacks.join(", ")})`, () => {});
  else {
    test.serial(title, (t) => {
      t.timeout(1_200_000);
      const tree = largeTree();
      const report = scratch.fresh("time");
      const store = scratch.fresh("store");
      run(gnuTime, ["-f", "%M %e", "-o", report, puzzlefs, "build", ...options, tree, `${store}:v1`]);
      const [kilobytes, seconds] = readFileSync(report, "latin1").trim().split(" ").map(Number) as [number, number];
      t.log(`${Math.round(kilobytes / 1000)} MB, ${seconds} s`);
      t.true(kilobytes < limitKilobytes, `${kilobytes} kB`);
      run("rm", ["-rf", store]);
    });
  }
}

let made: string | undefined;

/** Files of 1 KB to 64 MB with random content, and one with little but holes. */
function largeTree(): string {
  if (made !== undefined) return made;
  made = scratch.directory("large");
  const block = noise(77, 64 * megabyte);
  for (let i = 0, done = 0; done < randomPart; i++) {
    const bytes = Math.min(randomPart - done, block.length, 1000 * 2 ** (i % 17));
    if (i % 100 === 0) mkdirSync(join(made, `${i / 100}`));
    const file = openSync(join(made, `${Math.floor(i / 100)}/${i}`), "w");
    // A few bytes in each chunk make it another one.
    for (let at = 0; at < bytes; at += 10_000) block.writeUInt32LE(i * 7 + at, at);
    writeSync(file, block, 0, bytes);
    closeSync(file);
    done += bytes;
  }
  const sparse = openSync(join(made, "sparse"), "w");
  ftruncateSync(sparse, sparseFileBytes);
  for (let at = 0; at < sparseFileBytes; at += 100 * megabyte) writeSync(sparse, "data", at);
  closeSync(sparse);
  return made;
}
