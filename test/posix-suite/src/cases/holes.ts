import { type Case, pathOf, type Subject } from "../case.ts";
import { expectEqual, expectFailure, expectTrue } from "../expect.ts";
import type { Sparse } from "../fixture.ts";
import { littleEndian } from "../little-endian.ts";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** Data between holes are in whole blocks of at most this many bytes. */
const BLOCK = 65_536;
/** Blocks that a piece of data may touch. */
const TOUCHED = 2;

interface SparseFile {
  path: string;
  sparse: Sparse;
  descriptor: number;
}

function eachFile(subject: Subject, check: (file: SparseFile) => void): void {
  for (const { path, sparse } of subject.entries) {
    if (sparse === undefined) continue;
    const descriptor = subject.system.open(pathOf(subject, path));
    try {
      check({ path, sparse, descriptor });
    } finally {
      subject.system.close(descriptor);
    }
  }
}

function seek(subject: Subject, { path, descriptor }: SparseFile, offset: number, whence: number): number {
  const { system } = subject;
  return system.call("lseek", path, descriptor, system.environment.wide(littleEndian(offset, 8)), whence);
}

/** Offset and length of a part that is between pieces of data by more than a block on each side. */
function gaps({ size, data }: Sparse): number[][] {
  const found: number[][] = [];
  let from = 0;
  for (const { offset, content } of [...data, { offset: size, content: "" }]) {
    if (offset - from > 3 * BLOCK) found.push([from + BLOCK, offset - BLOCK]);
    from = offset + content.length;
  }
  return found;
}

export const holeCases: Case[] = [
  {
    name: "sparse files have their size, their data, and zeros all around",
    check(subject) {
      const { system } = subject;
      eachFile(subject, ({ path, sparse, descriptor }) => {
        expectEqual(system.statusOf(descriptor).size, sparse.size, path);
        for (const { offset, content } of sparse.data) {
          expectEqual(system.pread(descriptor, offset, content.length), content, `${path} at ${offset}`);
        }
        for (const [from, to] of gaps(sparse)) {
          for (const offset of [from, from + 1, Math.floor((from + to) / 2), to - 4097]) {
            const length = Math.min(4097, to - offset);
            expectEqual(system.pread(descriptor, offset, length), "\0".repeat(length), `${path} at ${offset}`);
          }
        }
        expectEqual(system.pread(descriptor, sparse.size, 1), "", `the end of ${path}`);
      });
    },
  },
  {
    name: "SEEK_DATA and SEEK_HOLE find all data, and little else",
    needs: ["holes"],
    check(subject) {
      eachFile(subject, (file) => {
        const { path, sparse } = file;
        const pieces = sparse.data;
        let [at, bytes, found] = [0, 0, 0];
        const last = pieces.length === 0 ? 0 : pieces[pieces.length - 1].offset;
        while (at <= last && found < pieces.length) {
          const start = seek(subject, file, at, SEEK_DATA);
          const end = seek(subject, file, start, SEEK_HOLE);
          expectTrue(start >= at && end > start, `${path}: data from ${start} to ${end}, asked at ${at}`);
          expectEqual(seek(subject, file, end - 1, SEEK_DATA), end - 1, `${path}: the last byte before ${end}`);
          for (const { offset, content } of pieces) {
            if (offset >= start && offset + content.length <= end) found++;
          }
          bytes += end - start;
          at = end;
        }
        expectEqual(found, pieces.length, `${path}: pieces in extents`);
        expectTrue(bytes <= pieces.length * TOUCHED * BLOCK, `${path}: ${bytes} bytes of data`);
        for (const [from, to] of gaps(sparse)) {
          for (const offset of [from, to - 1]) {
            expectEqual(seek(subject, file, offset, SEEK_HOLE), offset, `${path}: hole at ${offset}`);
          }
        }
      });
    },
  },
  {
    name: "SEEK_DATA and SEEK_HOLE at the ends of files",
    needs: ["holes"],
    check(subject) {
      eachFile(subject, (file) => {
        const { path, sparse } = file;
        for (const whence of [SEEK_DATA, SEEK_HOLE]) {
          for (const offset of [sparse.size, sparse.size + 1]) {
            expectFailure("ENXIO", () => void seek(subject, file, offset, whence), `${path} at ${offset}`);
          }
        }
        const [piece] = sparse.data.slice(-1);
        if (piece === undefined || piece.offset + piece.content.length + 2 * BLOCK < sparse.size) {
          expectFailure("ENXIO", () => void seek(subject, file, sparse.size - 1, SEEK_DATA), `${path}: the hole`);
        }
        expectEqual(seek(subject, file, sparse.size - 1, SEEK_HOLE) >= sparse.size - 1, true, path);
      });
      const hello = subject.system.open(pathOf(subject, "hello"));
      const plain = { path: "hello", sparse: { size: 13, data: [] }, descriptor: hello };
      expectEqual(seek(subject, plain, 5, SEEK_DATA), 5, "data of a file without holes");
      expectEqual(seek(subject, plain, 5, SEEK_HOLE), 13, "the hole at its end");
      subject.system.close(hello);
    },
  },
  {
    name: "blocks leave holes out",
    needs: ["holes"],
    check(subject) {
      eachFile(subject, ({ path, sparse, descriptor }) => {
        const { blocks } = subject.system.statusOf(descriptor);
        const most = sparse.data.length * TOUCHED * BLOCK;
        expectTrue(blocks * 512 <= most, `${path}: ${blocks} blocks, more than ${most} bytes`);
        expectTrue(sparse.data.length === 0 || blocks > 0, `${path}: no blocks`);
      });
    },
  },
];
