/** Shared by the tests of all packages. Nothing here needs ava; temporary.ts does, and has a separate entry point. */
export { noise, prose } from "./content.ts";
export { eventually, PATIENCE } from "./patience.ts";
export { running, signalTo, waitsForFuse, type Running } from "./processes.ts";
export { effort, Random, rounds, runSeed } from "./random.ts";
