/** What a way to distribute versions costs. Bytes are those of bodies: headers of HTTP, tokens and redirections are left out for all. */
import type { Newest, Version } from "./fleet-version.ts";

export interface Cost {
  bytes: number;
  requests: number;
}

export interface Strategy {
  name: string;
  /** Makes a version the newest one. Returns the bytes that the registry stores in addition. */
  publish(version: Newest): Promise<number> | number;
  /** What a node receives that has `from`, or nothing, and is to have the newest version. */
  update(from: Version | undefined): Cost;
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
