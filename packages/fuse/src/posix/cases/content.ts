import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync } from "node:fs";
import { type Case, pathOf, type Subject } from "../case.ts";
import { patternByte, SIZES } from "../fixture.ts";

/** Reads `length` bytes at `offset` and compares what came with the pattern; returns the number of bytes. */
function readPattern(descriptor: number, offset: number, length: number): number {
  const buffer = Buffer.alloc(length);
  const count = readSync(descriptor, buffer, 0, length, offset);
  for (let index = 0; index < count; index++) {
    if (buffer[index] !== patternByte(offset + index)) assert.fail(`byte ${offset + index} is wrong`);
  }
  return count;
}

function withFile(subject: Subject, path: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(pathOf(subject, path), "r");
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export const contentCases: Case[] = [
  {
    name: "files of every size around pages and readahead, read at once",
    check(subject) {
      for (const size of SIZES) {
        withFile(subject, `sizes/${size}`, (file) =>
          assert.equal(readPattern(file, 0, size + 1), size, `size ${size}`),
        );
      }
    },
  },
  {
    name: "small files, names as content",
    check(subject) {
      for (const { path, content } of subject.entries) {
        if (!path.startsWith("names/")) continue;
        assert.ok(readFileSync(pathOf(subject, path)).equals(content ?? Buffer.alloc(0)), path);
      }
    },
  },
  {
    name: "reads at odd offsets and of odd lengths",
    check(subject) {
      const size = 1_000_003;
      withFile(subject, `sizes/${size}`, (file) => {
        for (const offset of [0, 1, 511, 4095, 4097, 65535, 131_071, 131_073, 524_287, 999_999]) {
          for (const length of [1, 2, 511, 4096, 4097, 100_001]) {
            assert.equal(readPattern(file, offset, length), Math.min(length, size - offset), `${length} at ${offset}`);
          }
        }
      });
    },
  },
  {
    name: "reads backwards, in steps of a prime",
    check(subject) {
      withFile(subject, "sizes/1000003", (file) => {
        for (let offset = 1_000_003 - 10_007; offset >= 0; offset -= 10_007) {
          assert.equal(readPattern(file, offset, 10_007), 10_007, `at ${offset}`);
        }
      });
    },
  },
  {
    name: "reads at and past the end give nothing",
    check(subject) {
      for (const size of SIZES) {
        withFile(subject, `sizes/${size}`, (file) => {
          for (const offset of [size, size + 1, size + 4096, size + 1_000_000]) {
            assert.equal(readPattern(file, offset, 100), 0, `size ${size} at ${offset}`);
          }
        });
      }
    },
  },
  {
    name: "many files open at once",
    check(subject) {
      const files = Array.from({ length: 500 }, (_, index) =>
        openSync(pathOf(subject, `many/entry-${index * 40}`), "r"),
      );
      for (const [index, file] of files.entries()) assert.equal(readFileSync(file, "latin1"), `${index * 40}`);
      for (const file of files) closeSync(file);
    },
  },
  {
    name: "reading a directory is EISDIR",
    check(subject) {
      withFile(subject, "sizes", (directory) => {
        assert.throws(() => readSync(directory, Buffer.alloc(1), 0, 1, 0), { code: "EISDIR" });
      });
    },
  },
  {
    name: "fstat and fsync of an open file",
    check(subject) {
      withFile(subject, "sizes/4097", (file) => {
        assert.equal(fstatSync(file).size, 4097);
        fsyncSync(file);
      });
    },
  },
  {
    name: "a script runs from the tree",
    check(subject) {
      assert.equal(execFileSync(`${subject.root}/bin/script`, ["well"], { encoding: "latin1" }), "ran well\n");
    },
  },
];
