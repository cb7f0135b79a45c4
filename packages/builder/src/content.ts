import { closeSync, constants, openSync, readSync } from "node:fs";

import { printable, seekData, seekHole } from "@puzzlefs/linux";

import type { ContentStream } from "./content-stream.ts";
import { BuildError, readFailure } from "./errors.ts";
import { FileStatus } from "@puzzlefs/linux";

/** Files with less missing than this are read with their zeros: finding the holes costs two calls each. */
const leastHole = 65536;

/** Content is read without following a link or waiting for a fifo's writer, should the file be replaced by one. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const statusAfter = new FileStatus();

/**
 * Reads a regular file into `stream`; `found` is what the walk was told of it. `fsPath` leads to it,
 * `path` (latin1) is for messages. Throws a BuildError if it cannot be read or is not what was found any more.
 */
export function readContent(
  memory: Uint8Array<SharedArrayBuffer>,
  stream: ContentStream,
  fsPath: Buffer,
  path: string,
  found: FileStatus,
): void {
  const { size } = found;
  let file: number;
  try {
    file = openSync(fsPath, openFlags);
  } catch (error) {
    throw readFailure(path, "read", error);
  }
  try {
    if (size - found.allocated >= leastHole) readSparse(memory, stream, file, size, path);
    else readRange(memory, stream, file, 0, size, path);
    statusAfter.readDescriptor(file);
    if (!statusAfter.unchangedSince(found)) throw changed(path);
  } catch (error) {
    throw error instanceof BuildError || (error as NodeJS.ErrnoException).syscall === undefined
      ? error
      : readFailure(path, "read", error);
  } finally {
    closeSync(file);
  }
}

function readRange(
  memory: Uint8Array<SharedArrayBuffer>,
  stream: ContentStream,
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

/** Reads the data and passes on the holes between as lengths. */
function readSparse(
  memory: Uint8Array<SharedArrayBuffer>,
  stream: ContentStream,
  file: number,
  size: number,
  path: string,
): void {
  let at = 0;
  while (at < size) {
    const data = Math.min(seekData(file, at) ?? size, size);
    stream.hole(data - at);
    if (data === size) return;
    const end = Math.min(seekHole(file, data) ?? size, size);
    readRange(memory, stream, file, data, end, path);
    at = end;
  }
}

function changed(path: string): BuildError {
  return new BuildError(
    printable(Buffer.from(path, "latin1")),
    "it changed while it was being read; build from a tree at rest",
  );
}
