export { eventually, PATIENCE } from "./patience.ts";
export { running, waitsForFuse, type Running } from "./processes.ts";
export { noise, Random, runSeed } from "./random.ts";
