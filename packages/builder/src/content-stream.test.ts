import { hash } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { execFileSync } from "node:child_process";

import { Chunker, type ChunkSizes } from "@puzzlefs/chunker";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";

import { ContentStream } from "./content-stream.ts";
import { noPieces, type Pieces } from "./pieces.ts";
import { readFile } from "./read-file.ts";
import { BuildError } from "./errors.ts";
import { AT_FDCWD, FileStatus } from "@puzzlefs/linux";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { ChunkQueue } from "./queue.ts";
import { SlabRing } from "./slab.ts";

const sizes: ChunkSizes = { min: 64, avg: 256, max: 1024 };

/** A stream over small slabs, whose chunks are copied out as they come. */
class Recorder {
  readonly chunks: Buffer[] = [];
  readonly chunker: Chunker;
  readonly stream: ContentStream;
  readonly queue: ChunkQueue;

  constructor(slabBytes = 70_000, chosen = sizes) {
    this.chunker = new Chunker(chosen, 3 * slabBytes);
    this.queue = new ChunkQueue(3);
    const ring = new SlabRing(this.chunker.dataStart, slabBytes, this.queue, () => {
      throw new Error("no slab is free");
    });
    this.stream = new ContentStream(this.chunker, ring, (address, length) => {
      this.chunks.push(Buffer.from(this.chunker.memory.subarray(address, address + length)));
      return this.chunks.length - 1;
    });
  }

  /** Feeds bytes as a file reader would. */
  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const { address, room } = this.stream.reserve(bytes.length - from);
      const part = bytes.subarray(from, from + room);
      this.chunker.memory.set(part, address);
      this.stream.advance(part.length);
      from += part.length;
    }
  }

  contentOf(pieces: Pieces): Buffer {
    const parts: Buffer[] = [];
    for (let index = 0; index < pieces.length; index += 3) {
      const [chunk, offset, length] = pieces.slice(index, index + 3);
      parts.push(this.chunks[chunk].subarray(offset, offset + length));
    }
    return Buffer.concat(parts);
  }
}

/** Lengths and digests of the chunks that a file is in. */
function chunksOf(recorder: Recorder, pieces: Pieces): string[] {
  return pieces
    .filter((_, index) => index % 3 === 0)
    .map((chunk) => `${recorder.chunks[chunk].length} ${hash("sha1", recorder.chunks[chunk])}`);
}

test("files come back from their pieces; every byte is in one chunk", (t) => {
  const files = Array.from({ length: 200 }, (_, index) => noise(`file${index}`, (index * 37) % 5000));
  const recorder = new Recorder();
  const built = files.map((content) => {
    const file = { pieces: noPieces };
    recorder.stream.begin(file, content.length);
    recorder.write(content);
    return file;
  });
  recorder.stream.close();
  files.forEach((content, index) => t.deepEqual(recorder.contentOf(built[index].pieces), content));
  t.deepEqual(Buffer.concat(recorder.chunks), Buffer.concat(files));
  t.deepEqual([...recorder.queue.slabUsers], [0, 0, 0]);
});

test("slab boundaries have no effect: the chunks are those of one large slab", (t) => {
  const bytes = noise("boundaries", 500_000);
  const cut = (slabBytes: number): string[] => {
    const recorder = new Recorder(slabBytes);
    const file = { pieces: noPieces };
    recorder.stream.begin(file, bytes.length);
    recorder.write(bytes);
    recorder.stream.close();
    return chunksOf(recorder, file.pieces);
  };
  const expected = cut(600_000);
  for (const slabBytes of [66_000, 66_001, 70_001, 131_072]) t.deepEqual(cut(slabBytes), expected);
});

test("holes become the chunks of zeros, wherever they are", (t) => {
  const part = fc.record({ data: fc.integer({ min: 0, max: 3000 }), hole: fc.integer({ min: 0, max: 9000 }) });
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const total = parts.reduce((sum, { data, hole }) => sum + data + hole, 0);
      const run = (asHoles: boolean): string[] => {
        const recorder = new Recorder();
        const file = { pieces: noPieces };
        recorder.stream.begin(file, total);
        parts.forEach(({ data, hole }, index) => {
          recorder.write(noise(`${index}`, data));
          if (asHoles) recorder.stream.hole(hole);
          else recorder.write(Buffer.alloc(hole));
        });
        recorder.stream.close();
        return chunksOf(recorder, file.pieces);
      };
      t.deepEqual(run(true), run(false));
    }),
    { numRuns: 300 },
  );
});

test("a long hole is one chunk, referred to again and again", (t) => {
  const recorder = new Recorder();
  const file = { pieces: noPieces };
  recorder.stream.begin(file, 1_000_000);
  recorder.stream.hole(1_000_000);
  recorder.stream.close();
  t.true(recorder.chunks.length <= 2);
  t.is(recorder.contentOf(file.pieces).length, 1_000_000);
});

test("a hole behind data is cut from its first boundary on as one in front would be", (t) => {
  const recorder = new Recorder();
  const file = { pieces: noPieces };
  recorder.stream.begin(file, 1_000_100);
  recorder.write(noise("before", 100));
  recorder.stream.hole(1_000_000);
  recorder.stream.close();
  t.true(recorder.chunks.length <= 4, `${recorder.chunks.length} chunks`);
});

function statusOf(path: string): FileStatus {
  const status = new FileStatus();
  status.readPath(Buffer.from(`${path}\0`));
  return status;
}

function read(recorder: Recorder, path: string, status: FileStatus): Pieces {
  const file = { pieces: noPieces };
  recorder.stream.begin(file, status.size);
  const found = { directory: AT_FDCWD, name: Buffer.from(path), path, status };
  for (const _ of readFile(recorder.stream, found) ?? []);
  recorder.stream.close();
  return file.pieces;
}

/** Bytes that read(2) and similar calls have returned to this process. */
const bytesRead = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1]);

test("a sparse file is read as its content; its holes cost no reading", (t) => {
  const path = join(temporaryDirectory(), "sparse");
  const file = openSync(path, "w");
  writeSync(file, "begin", 0);
  writeSync(file, "middle", 3_000_001);
  ftruncateSync(file, 200_000_000);
  closeSync(file);
  const recorder = new Recorder(1 << 20, { min: 16384, avg: 65536, max: 262144 });
  const before = bytesRead();
  const pieces = read(recorder, path, statusOf(path));
  t.true(bytesRead() - before < 1_000_000);
  t.true(recorder.chunks.length < 20, `${recorder.chunks.length} chunks`);
  const content = recorder.contentOf(pieces);
  t.is(content.length, 200_000_000);
  t.is(content.toString("latin1", 0, 5), "begin");
  t.is(content.toString("latin1", 3_000_001, 3_000_007), "middle");
});

const replacements: Record<string, (path: string) => void> = {
  "a fifo": (path) => execFileSync("mkfifo", [path]),
  "a symbolic link": (path) => execFileSync("ln", ["-s", "/etc/passwd", path]),
  "a directory": (path) => execFileSync("mkdir", [path]),
  ...(process.geteuid?.() === 0 && { "a device": (path) => execFileSync("mknod", [path, "c", "1", "5"]) }),
  "another file": (path) => writeFileSync(path, "x".repeat(10_000)),
  nothing: () => {},
};

for (const [what, replace] of Object.entries(replacements)) {
  test(`a file replaced by ${what} since the walk is an error that names it, and is not read`, (t) => {
    const path = join(temporaryDirectory(), "victim");
    writeFileSync(path, "x".repeat(10_000));
    const status = statusOf(path);
    rmSync(path);
    replace(path);
    const recorder = new Recorder();
    recorder.stream.reserve = () => t.fail("something was read") as never;
    t.throws(() => read(recorder, path, status), { instanceOf: BuildError, message: /victim: / });
  });
}
