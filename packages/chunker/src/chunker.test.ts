import { createHash } from "node:crypto";

import test from "ava";
import { noise } from "@puzzlefs/testing";
import fc from "@puzzlefs/testing/fast-check";

import { Chunker } from "./chunker.ts";
import { gearTable } from "./gear.ts";
import { referenceCut } from "./reference.ts";
import { checkChunkSizes, defaultChunkSizes, parseChunkSizes, type ChunkSizes } from "./sizes.ts";

/** Lengths of all chunks of `bytes`. */
function cutAll(bytes: Uint8Array, sizes: ChunkSizes): number[] {
  const chunker = new Chunker(sizes, bytes.length);
  chunker.memory.set(bytes, chunker.dataStart);
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; at += lengths[lengths.length - 1]) {
    lengths.push(chunker.cut(chunker.dataStart + at, bytes.length - at));
  }
  return lengths;
}

function referenceCutAll(bytes: Uint8Array, sizes: ChunkSizes): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; at += lengths[lengths.length - 1]) {
    lengths.push(referenceCut(bytes.subarray(at), sizes));
  }
  return lengths;
}

test("the gear table is the reference implementation's", (t) => {
  const gear = gearTable();
  t.is(gear[0], 0x3b5d3c7d207e37dcn);
  t.is(gear[1], 0x784d68ba91123086n);
  const digest = createHash("sha256").update(gear).digest("hex");
  t.is(digest, "91a3061015ae351cd3701852712bcd6aa4a1ce26c8a231d3969432b00f028f88");
});

test("default sizes on a megabyte of noise", (t) => {
  const bytes = noise("default", 1 << 20);
  t.deepEqual(cutAll(bytes, defaultChunkSizes), referenceCutAll(bytes, defaultChunkSizes));
});

test("any bytes, any sizes: the cut points of the plain loop", (t) => {
  const sizes = fc
    .tuple(fc.integer({ min: 64, max: 600 }), fc.integer({ min: 256, max: 1200 }), fc.integer({ min: 1024, max: 4096 }))
    .filter(([min, avg, max]) => min <= avg && avg <= max)
    .map(([min, avg, max]) => ({ min, avg, max }));
  // Runs of one value reach the maximum, noise does not; the mix moves every boundary to odd and even offsets.
  const runs = fc.array(
    fc.oneof(
      fc
        .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 6000 }))
        .map(([v, n]) => new Uint8Array(n).fill(v)),
      fc.tuple(fc.integer(), fc.integer({ min: 1, max: 6000 })).map(([seed, n]) => noise(String(seed), n)),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(runs, sizes, (parts, chosen) => {
      const bytes = Buffer.concat(parts);
      t.deepEqual(cutAll(bytes, chosen), referenceCutAll(bytes, chosen));
    }),
    { numRuns: 300 },
  );
});

test("lengths around the bounds", (t) => {
  const sizes = { min: 64, avg: 256, max: 1024 };
  const bytes = noise("edges", 1100);
  for (let length = 0; length <= bytes.length; length++) {
    const prefix = bytes.subarray(0, length);
    t.deepEqual(cutAll(prefix, sizes), referenceCutAll(prefix, sizes), `${length} bytes`);
  }
});

test("zeros are cut into chunks of the maximum size", (t) => {
  t.deepEqual(cutAll(new Uint8Array(600_000), defaultChunkSizes), [262144, 262144, 75712]);
});

test("with at least the maximum on offer the cut does not depend on what follows", (t) => {
  const sizes = { min: 64, avg: 256, max: 1024 };
  const bytes = noise("what follows", 4096);
  const chunker = new Chunker(sizes, bytes.length);
  chunker.memory.set(bytes, chunker.dataStart);
  const answer = chunker.cut(chunker.dataStart, 1024);
  for (const length of [1025, 2000, 4096]) t.is(chunker.cut(chunker.dataStart, length), answer);
});

test("sizes outside FastCDC's limits are refused", (t) => {
  for (const [min, avg, max] of [
    [63, 256, 1024],
    [64, 255, 1024],
    [64, 256, 1023],
    [1048577, 4194304, 16777216],
    [64, 4194305, 16777216],
    [64, 256, 16777217],
    [512, 256, 1024],
    [64, 2048, 1024],
    [64.5, 256, 1024],
  ]) {
    t.throws(() => checkChunkSizes({ min, avg, max }), { instanceOf: RangeError });
  }
  t.notThrows(() => checkChunkSizes({ min: 1048576, avg: 4194304, max: 16777216 }));
});

test("MIN:AVG:MAX with suffixes", (t) => {
  t.deepEqual(parseChunkSizes("16K:64k:256K"), defaultChunkSizes);
  t.deepEqual(parseChunkSizes("16384:65536:1M"), { min: 16384, avg: 65536, max: 1048576 });
  for (const text of ["", "1:2", "16K:64K:256G", "1:2:3", "a:b:c", "16K:64K:256K:1"]) {
    t.throws(() => parseChunkSizes(text), { instanceOf: RangeError }, text);
  }
});
