import { setTimeout as sleep } from "node:timers/promises";

/** Time limit, milliseconds, of work that takes milliseconds on an idle machine: others may use both processors. */
export const PATIENCE = 240_000;

const SHORTEST_PAUSE = 5;
const LONGEST_PAUSE = 100;

/** Waits until `condition` holds, at most for PATIENCE; returns whether it holds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  const started = performance.now();
  for (let waited = 0; waited < PATIENCE; waited = performance.now() - started) {
    if (await condition()) return true;
    await sleep(Math.min(SHORTEST_PAUSE + waited / 20, LONGEST_PAUSE));
  }
  return condition();
}
