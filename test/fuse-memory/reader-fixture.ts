/**
 * A program that reads a `files` tree of memory-mount.ts and checks every result: reads the file `big` past the page cache, again and
 * again, looks for names that are not there, and lists directories that the kernel does not know yet. Prints
 * "started", and at SIGTERM a ReaderResult. An error, or anything that is not as it should be, ends it with exit code 1.
 *
 *     node reader-fixture.ts ROOT FIRST STEP PER_DIRECTORY     lists the directories FIRST, FIRST + STEP, …
 */
import { strictEqual } from "node:assert";
import { createHash } from "node:crypto";
import { closeSync, constants, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

/** Printed as JSON. */
export interface ReaderResult {
  rounds: number;
  listed: number;
  /** Milliseconds. */
  longest: number;
}

/** A new directory this often, milliseconds: there are not infinitely many. */
const PAUSE = 100;

const [root, first, step, perDirectory] = process.argv.slice(2);
const buffer = Buffer.alloc(1 << 20);
const result: ReaderResult = { rounds: 0, listed: 0, longest: 0 };

function timed<T>(call: () => T): T {
  const started = performance.now();
  const value = call();
  result.longest = Math.max(result.longest, Math.ceil(performance.now() - started));
  return value;
}

/** Unlike it takes no other error for absence. */
function exists(path: string): boolean {
  return timed(() => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
}

function checksum(): string {
  const hash = createHash("sha256");
  const descriptor = timed(() => openSync(join(root, "big"), constants.O_RDONLY | constants.O_DIRECT));
  for (;;) {
    const count = timed(() => readSync(descriptor, buffer));
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
  }
  closeSync(descriptor);
  return hash.digest("hex");
}

function list(): void {
  const number = Number(first) + result.listed++ * Number(step);
  const directory = join(root, `d${number}`);
  if (!exists(directory)) return;
  const names = timed(() => readdirSync(directory)).map((name) => Number(name.slice("file-".length)));
  names.sort((a, b) => a - b);
  const expected = Array.from({ length: Number(perDirectory) }, (_, index) => number * Number(perDirectory) + index);
  strictEqual(names.join(), expected.join());
  for (const name of names) strictEqual(timed(() => lstatSync(join(directory, `file-${name}`))).size, 7);
}

const stop = new AbortController();
let nextList = 0;
process.on("SIGTERM", () => stop.abort());
const expected = checksum();
console.log("started");
for (; !stop.signal.aborted; result.rounds++) {
  strictEqual(checksum(), expected);
  strictEqual(exists(join(root, `absent-${process.pid}-${result.rounds}`)), false);
  if (performance.now() > nextList) {
    list();
    nextList = performance.now() + PAUSE;
  }
  await turn();
}
console.log(JSON.stringify(result));
