/** Replaces the npm package `canvas` in the bundle, so that charts are the same on every machine: Vega looks for this function. */
export const createCanvas = undefined;
