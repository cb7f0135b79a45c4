/**
 * Reads random ranges of random files of a tree, by pread(2) and through mappings, and compares each with the source: for
 * many processes at once, which is why it is light.
 */
import type { Memory } from "./environment.ts";
import type { System } from "./system.ts";
import { s64, u32 } from "./little-endian.ts";

export interface RangeSettings {
  /** The tree under test, and the one that it was made of. */
  root: string;
  source: string;
  seconds: number;
  /** Of the random numbers, 1 or more: no two processes have the same. */
  seed: number;
}

export interface SizedFile {
  path: string;
  size: number;
}

/** Counts of one process. */
export interface RangeCounts {
  read: number;
  mapped: number;
  bytes: number;
}

const LONGEST = 262_144;
const CLOCK_MONOTONIC = 1;
const POSIX_FADV_DONTNEED = 4;
/** The "minimal standard" generator: its products are exact in Lua's numbers and in JavaScript's. */
const MULTIPLIER = 16_807;
const MODULUS = 2_147_483_647;

export class RangeReader {
  private readonly system: System;
  private readonly settings: RangeSettings;
  private readonly clock: Memory;
  private state: number;
  private readonly counts: RangeCounts = { read: 0, mapped: 0, bytes: 0 };

  constructor(system: System, settings: RangeSettings) {
    this.system = system;
    this.settings = settings;
    this.clock = system.environment.memory(16);
    this.state = settings.seed;
    for (let index = 0; index < 10; index++) this.below(2);
  }

  /** @throws SystemFailure; Error for wrong bytes */
  run(files: readonly SizedFile[]): RangeCounts {
    const end = this.now() + this.settings.seconds;
    while (this.now() < end) {
      const { path, size } = files[this.below(files.length)];
      const longest = Math.min(size, 2 ** (4 + this.below(15)), LONGEST);
      const length = 1 + this.below(longest);
      this.compare(path, size, this.below(size - length + 1), length);
    }
    return this.counts;
  }

  private compare(path: string, size: number, offset: number, length: number): void {
    const { system, settings } = this;
    const source = system.open(`${settings.source}/${path}`);
    const expected = system.pread(source, offset, length);
    system.close(source);
    const file = system.open(`${settings.root}/${path}`);
    // Otherwise all pages would soon be cached, and the file system not be called.
    if (this.below(2) === 0) system.call("fadvise64", path, file, 0, 0, POSIX_FADV_DONTNEED);
    const isMapped = this.below(2) === 0;
    const isRight = isMapped
      ? this.mappedEquals(file, size, offset, expected)
      : system.pread(file, offset, length) === expected;
    system.close(file);
    if (!isRight) throw new Error(`${path}: wrong bytes, ${length} at ${offset}, ${isMapped ? "mapped" : "read"}`);
    if (isMapped) this.counts.mapped++;
    else this.counts.read++;
    this.counts.bytes += length;
  }

  /** An error of the file system ends this process here, by SIGBUS. */
  private mappedEquals(file: number, size: number, offset: number, expected: string): boolean {
    const address = this.system.map(file, size);
    const isRight = this.system.mappedEquals(address + offset, expected);
    this.system.unmap(address, size);
    return isRight;
  }

  private below(limit: number): number {
    this.state = (this.state * MULTIPLIER) % MODULUS;
    return this.state % limit;
  }

  /** Seconds. */
  private now(): number {
    this.system.call("clock_gettime", "the time", CLOCK_MONOTONIC, this.clock);
    const bytes = this.system.environment.bytes(this.clock, 0, 16);
    return s64(bytes, 0) + u32(bytes, 8) / 1e9;
  }
}

/** @param list a file with lines "SIZE PATH" */
export function readSizedFiles(system: System, list: string): SizedFile[] {
  const files: SizedFile[] = [];
  for (const line of system.readFile(list).split("\n")) {
    const space = line.indexOf(" ");
    if (space > 0) files.push({ size: Number(line.slice(0, space)), path: line.slice(space + 1) });
  }
  return files;
}
