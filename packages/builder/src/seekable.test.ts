import { createRequire } from "node:module";
import { zstdDecompressSync } from "node:zlib";

import test from "ava";

import type * as zstd from "zstd-napi";

import { seekTableBytes } from "@puzzlefs/format";
import { noise, prose } from "@puzzlefs/testing";
import { putSeekTable, SeekableCompressor } from "./seekable.ts";

const { decompress } = createRequire(import.meta.url)("zstd-napi") as typeof zstd;

test("frames of the wanted size, one after another, then the table", (t) => {
  const content = prose("seekable", 100_000);
  for (const frameSize of [0, 1024, 4096, 65_536, 200_000]) {
    const compressor = new SeekableCompressor(3, frameSize);
    const blob = compressor.compress(content);
    if (blob === undefined) return t.fail();
    let at = 0;
    const parts = compressor.frames.map(({ compressed, decompressed }) => {
      const part = zstdDecompressSync(blob.subarray(at, (at += compressed)));
      t.is(part.length, decompressed);
      return part;
    });
    t.true(Buffer.concat(parts).equals(content));
    t.is(blob.length, at + seekTableBytes(compressor.frames.length));
    // A whole blob is a valid zstd stream: its table is a frame to skip.
    t.true(decompress(blob).equals(content));
  }
  return undefined;
});

test("a chunk that does not become smaller, table included, is not compressed", (t) => {
  const compressor = new SeekableCompressor(3, 0);
  for (const content of [noise("x", 50_000), Buffer.from("short")]) t.is(compressor.compress(content), undefined);
  // Letters that repeat compress to a few bytes: with the table, to more than the shortest of these contents.
  const smaller = Array.from({ length: 100 }, (_, length) => compressor.compress(Buffer.alloc(length + 1, "a")));
  const shortest = smaller.findIndex((blob) => blob !== undefined);
  t.true(shortest > seekTableBytes(1) && shortest < 99, `${shortest}`);
  t.true(smaller.slice(shortest).every((blob) => blob !== undefined));
});

test("a context that is used again produces the same bytes", (t) => {
  const [one, other] = [new SeekableCompressor(3, 0), new SeekableCompressor(3, 0)];
  const chunks = [prose("1", 30_000), noise("2", 30_000), prose("3", 200_000), prose("4", 10)];
  for (const chunk of chunks) one.compress(chunk);
  for (const chunk of chunks.toReversed()) {
    t.deepEqual(one.compress(chunk), other.compress(chunk));
  }
});

test("the table's bytes are those of the seekable format", (t) => {
  const table = new Uint8Array(seekTableBytes(2));
  t.is(
    putSeekTable(table, 0, [
      { compressed: 0x01020304, decompressed: 5 },
      { compressed: 6, decompressed: 7 },
    ]),
    table.length,
  );
  t.is(
    Buffer.from(table)
      .toString("hex")
      .replace(/.{8}(?=.)/g, "$& "),
    "5e2a4d18 19000000 04030201 05000000 06000000 07000000 02000000 00b1ea92 8f",
  );
});
