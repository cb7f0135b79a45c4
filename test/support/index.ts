/** What the tests of all packages share. Nothing here needs ava; temporary.ts does, and has an entry of its own. */
export { noise, prose } from "./content.ts";
export { eventually, PATIENCE } from "./patience.ts";
export { running, waitsForFuse, type Running } from "./processes.ts";
export { Random, runSeed } from "./random.ts";
