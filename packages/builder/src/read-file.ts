import { constants, readSync } from "node:fs";

import { HOLE_BLOCK_BYTES } from "@puzzlefs/format";
import { close, FileStatus, openat, seekData, seekHole } from "@puzzlefs/linux";

import { BuildError, changed, readFailure } from "./errors.ts";
import type { ContentSink } from "./source.ts";

/** A name in an open directory. */
export interface FoundFile {
  /** Descriptor of the directory. */
  directory: number;
  /** Ends in NUL. */
  name: Uint8Array;
  /** For messages; latin1. */
  path: string;
  status: FileStatus;
}

/** If the file was replaced by a fifo or a terminal, opening it must not wait, or make it the controlling terminal. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

const opened = new FileStatus();

/**
 * Reads a regular file into `sink`; yields between two reads. Throws a BuildError if it cannot be read, or differs from
 * the status that the walk read: this is checked before the first read and after the last.
 */
export function* readFile(sink: ContentSink, found: FoundFile): Generator<void> {
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
    if (status.allocated < size && size >= HOLE_BLOCK_BYTES) yield* readSparse(sink, file, size, path);
    else if (size > 0) yield* readRange(sink, file, 0, size, path);
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

function* readRange(sink: ContentSink, file: number, from: number, to: number, path: string): Generator<void> {
  while (from < to) {
    const { address, room } = sink.reserve(to - from);
    const count = readSync(file, sink.memory, address, Math.min(room, to - from), from);
    if (count === 0) throw changed(path);
    sink.advance(count);
    from += count;
    if (from < to) yield;
  }
}

/** Reads the data, and passes on the holes between as lengths. */
function* readSparse(sink: ContentSink, file: number, size: number, path: string): Generator<void> {
  /** How far the content is read. */
  let done = 0;
  for (let at = 0; at < size;) {
    const data = Math.min(seekData(file, at) ?? size, size);
    const from = Math.ceil(at / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    const to = data === size ? size : Math.floor(data / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    if (to - from >= HOLE_BLOCK_BYTES) {
      yield* readRange(sink, file, done, from, path);
      sink.hole(to - from);
      done = to;
    }
    at = data === size ? size : Math.min(seekHole(file, data) ?? size, size);
  }
  yield* readRange(sink, file, done, size, path);
}
