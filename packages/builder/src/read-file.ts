import { constants, readSync } from "node:fs";

import { HOLE_BLOCK_BYTES } from "@puzzlefs/format";
import { close, FileStatus, openat, seekData, seekHole } from "@puzzlefs/linux";

import { BuildError, changed, readFailure } from "./errors.ts";
import { partsOf } from "./hole-blocks.ts";
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

/** Files of up to this size are read without yielding: they have no holes that count. */
const SMALL_BYTES = HOLE_BLOCK_BYTES - 1;

const opened = new FileStatus();

/**
 * Reads a regular file into `sink`: a small one at once, otherwise as the result is iterated, which yields between two
 * reads. Throws a BuildError if it cannot be read, or differs from the status that the walk read: this is checked before
 * the first read and after the last.
 */
export function readFile(sink: ContentSink, found: FoundFile): Iterable<void> | undefined {
  const { size } = found.status;
  if (size > SMALL_BYTES) return readLarge(sink, found, size);
  const file = open(found);
  try {
    checkUnchanged(file, found);
    for (let from = 0; from < size;) from += readOnce(sink, file, from, size, found.path);
    checkUnchanged(file, found);
  } catch (error) {
    throw failureOf(error, found);
  } finally {
    close(file);
  }
  return undefined;
}

function* readLarge(sink: ContentSink, found: FoundFile, size: number): Generator<void> {
  const { path, status } = found;
  const file = open(found);
  try {
    checkUnchanged(file, found);
    if (status.allocated < size) yield* readSparse(sink, file, size, path);
    else yield* readRange(sink, file, 0, size, path);
    checkUnchanged(file, found);
  } catch (error) {
    throw failureOf(error, found);
  } finally {
    close(file);
  }
}

function open({ directory, name, path }: FoundFile): number {
  try {
    return openat(directory, name, openFlags);
  } catch (error) {
    throw readFailure(path, "read", error);
  }
}

function failureOf(error: unknown, { path }: FoundFile): unknown {
  return error instanceof BuildError || (error as NodeJS.ErrnoException).syscall === undefined
    ? error
    : readFailure(path, "read", error);
}

function checkUnchanged(file: number, { path, status }: FoundFile): void {
  opened.readDescriptor(file);
  if (opened.type !== status.type || !opened.unchangedSince(status)) throw changed(path);
}

function* readRange(sink: ContentSink, file: number, from: number, to: number, path: string): Generator<void> {
  while (from < to) {
    from += readOnce(sink, file, from, to, path);
    if (from < to) yield;
  }
}

/** Returns the number of bytes read. */
function readOnce(sink: ContentSink, file: number, from: number, to: number, path: string): number {
  const { address, room } = sink.reserve(to - from);
  const count = readSync(file, sink.memory, address, Math.min(room, to - from), from);
  if (count === 0) throw changed(path);
  sink.advance(count);
  return count;
}

/** Reads the data, and passes on the holes between as lengths. */
function* readSparse(sink: ContentSink, file: number, size: number, path: string): Generator<void> {
  let at = 0;
  const sparse = { data: (from: number) => seekData(file, from), hole: (from: number) => seekHole(file, from) };
  for (const { hole, end } of partsOf(size, sparse)) {
    if (hole) sink.hole(end - at);
    else yield* readRange(sink, file, at, end, path);
    at = end;
  }
}
