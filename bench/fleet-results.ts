/** What the simulation of a fleet found: bench/results/fleet.json, of which a section of docs/benchmarks.md and a chart are made. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Measured } from "./fleet-series.ts";
import type { Simulated } from "./fleet-timeline.ts";
import type { Circumstances } from "./store-results.ts";

/** Of the versions that were simulated: means. */
export interface Versions {
  chunks: number;
  bytes: number;
  /** Of one that is of no other release, against the one before. */
  newChunks: number;
  newBytes: number;
  /** Of one of another release. */
  releaseBytes: number;
  bundleBytes: number;
  /** From the version before. */
  patchBytes: number;
  packs: number;
  mostPacks: number;
}

export interface FleetResults extends Circumstances, Simulated {
  nodes: number;
  versions: number;
  seed: number;
  /** Of the run: of the processor, and of memory at most. */
  seconds: number;
  memory: number;
  measured: Measured;
  model: Versions;
}

export const FLEET_RESULTS = resolve(import.meta.dirname, "results/fleet.json");

export function readFleet(path: string): FleetResults {
  return JSON.parse(readFileSync(path, "utf8")) as FleetResults;
}

export function writeFleet(path: string, results: FleetResults): void {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === "number" ? Number(value.toFixed(3)) : value;
  writeFileSync(path, `${JSON.stringify(results, rounded, 1)}\n`);
}
