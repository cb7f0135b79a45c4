import { constants, readSync } from "node:fs";

import { close, FileStatus, openat, seekData, seekHole } from "@puzzlefs/linux";

import type { ContentStream } from "./content-stream.ts";
import { BuildError, changed, readFailure } from "./errors.ts";
import type { FoundFile } from "./tree-node.ts";

/**
 * A hole counts in blocks of this many bytes, aligned, and to the file's end; what is left over is read as zeros. So data
 * between small holes stays together in chunks, and file systems with blocks of up to this size report the same holes.
 */
const holeBlock = 65536;

/** Should the file be replaced by a fifo or a terminal, opening it neither waits nor makes it ours. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

const opened = new FileStatus();

/** What content is read into. */
type Sink = Pick<ContentStream, "reserve" | "advance" | "hole">;

/**
 * Reads a regular file into `stream`. Throws a BuildError if it cannot be read, or is not what the walk found: looked
 * at before anything is read from it, and again afterwards.
 */
export function readContent(memory: Uint8Array<SharedArrayBuffer>, stream: Sink, found: FoundFile): void {
  const { path, status } = found;
  const { size } = status;
  let file: number;
  try {
    file = openat(found.directory, found.name, openFlags);
  } catch (error) {
    throw readFailure(path, "read", error);
  }
  try {
    checkUnchanged(file, found);
    if (status.allocated < size && size >= holeBlock) readSparse(memory, stream, file, size, path);
    else readRange(memory, stream, file, 0, size, path);
    checkUnchanged(file, found);
  } catch (error) {
    throw error instanceof BuildError || (error as NodeJS.ErrnoException).syscall === undefined
      ? error
      : readFailure(path, "read", error);
  } finally {
    close(file);
  }
}

function checkUnchanged(file: number, { path, status }: FoundFile): void {
  opened.readDescriptor(file);
  if (opened.type !== status.type || !opened.unchangedSince(status)) throw changed(path);
}

function readRange(
  memory: Uint8Array<SharedArrayBuffer>,
  stream: Sink,
  file: number,
  from: number,
  to: number,
  path: string,
): void {
  while (from < to) {
    const { address, room } = stream.reserve(to - from);
    const count = readSync(file, memory, address, Math.min(room, to - from), from);
    if (count === 0) throw changed(path);
    stream.advance(count);
    from += count;
  }
}

/** Reads the data, and passes on the holes between as lengths. */
function readSparse(
  memory: Uint8Array<SharedArrayBuffer>,
  stream: Sink,
  file: number,
  size: number,
  path: string,
): void {
  /** Where the stream has got to. */
  let done = 0;
  for (let at = 0; at < size;) {
    const data = Math.min(seekData(file, at) ?? size, size);
    const from = Math.ceil(at / holeBlock) * holeBlock;
    const to = data === size ? size : Math.floor(data / holeBlock) * holeBlock;
    if (to - from >= holeBlock) {
      readRange(memory, stream, file, done, from, path);
      stream.hole(to - from);
      done = to;
    }
    at = data === size ? size : Math.min(seekHole(file, data) ?? size, size);
  }
  readRange(memory, stream, file, done, size, path);
}
