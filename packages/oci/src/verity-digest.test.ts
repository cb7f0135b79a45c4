import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { hasCode } from "@puzzlefs/linux";
import { FsVerityHasher, fsVerityDigest } from "./verity-digest.ts";

const BLOCK = 4096;
/** Hashes in a block of the tree. */
const FAN = 128;

/** Bytes with a period that is prime, so that swapped blocks show. */
let state = 1;
const period = Buffer.from(Array.from({ length: 65_537 }, () => (state = (state * 75 + 74) % 65_537) & 0xff));
const pattern = (length: number) => Buffer.alloc(length, period);

const directory = temporaryDirectory();

/** The digest by fsverity-utils, or undefined if they are not installed. */
function reference(bytes: Buffer): string | undefined {
  const file = join(directory, `${bytes.length}`);
  writeFileSync(file, bytes);
  try {
    return execFileSync("fsverity", ["digest", "--compact", file], { encoding: "utf8" }).trim();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Around the ends of blocks of data and of the tree's levels (three with the last). */
const boundaries = [0, 1, 2, FAN, FAN + 1, 2 * FAN, FAN * FAN].map((blocks) => blocks * BLOCK);
const sizes = [...boundaries.flatMap((size) => [size - 1, size, size + 1]).filter((size) => size >= 0), 5_000_000];

for (const size of sizes)
  test(`fs-verity digest of ${size} bytes is that of fsverity(1)`, (t) => {
    const bytes = pattern(size);
    const expected = reference(bytes);
    if (expected === undefined) t.pass("skipped: fsverity-utils are not installed");
    else t.is(fsVerityDigest(bytes).toString("hex"), expected);
  });

test("fs-verity digest of pieces is that of the whole", (t) => {
  const bytes = pattern(3 * FAN * BLOCK + 777);
  const expected = fsVerityDigest(bytes);
  const hasher = new FsVerityHasher();
  for (const piece of [1, 100, 4095, 4096, 4097, 65536, 1_000_000]) {
    for (let start = 0; start < bytes.length; start += piece) hasher.update(bytes.subarray(start, start + piece));
    t.is(hasher.size, bytes.length);
    t.deepEqual(hasher.digest(), expected, `pieces of ${piece} bytes`);
  }
});

test("fs-verity digest of the empty file, without any tool", (t) => {
  t.is(
    fsVerityDigest(new Uint8Array()).toString("hex"),
    "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95",
  );
});
