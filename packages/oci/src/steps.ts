import { setImmediate, setTimeout } from "node:timers/promises";
import { syncfs, syncfsAside } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";

/**
 * A request of work that is written as a generator, before it continues; undefined: other work may be done here.
 *
 * - `pause`: milliseconds to wait for the lock of `path`. With `isOwn` this thread holds it: waiting without the event loop would never end.
 * - `syncfs`: a descriptor, whose file system is to be synchronized.
 * - `mustEnd`: the work is not ended here by Turns: others may see what it has done so far.
 */
export type Step =
  | { readonly pause: number; readonly path: string; readonly isOwn: boolean }
  | { readonly syncfs: number; readonly mustEnd?: true }
  | { readonly mustEnd: true }
  | undefined;

/** Work that blocks the thread (runSteps) or returns to the event loop now and then (runStepsAsync). */
export type Steps<T> = Generator<Step, T>;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Does the work without interruption. Throws its errors, and LayoutError (refused) for a lock that this thread holds. */
export function runSteps<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) {
    try {
      perform(next.value);
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next();
  }
  return next.value;
}

/** Does the work, and returns to the event loop between steps. An error of `turns` is thrown into the work. */
export async function runStepsAsync<T>(steps: Steps<T>, turns: Turns): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    try {
      if (next.value !== undefined) await performAsync(next.value, turns);
      else if (turns.isDue) await turns.take();
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next();
  }
  return next.value;
}

function perform(step: Step): void {
  if (step === undefined) return;
  if ("syncfs" in step) return syncfs(step.syncfs);
  if (!("pause" in step)) return;
  if (step.isOwn) {
    throw new LayoutError(
      "refused",
      step.path,
      "this thread holds its lock, in work that has not ended: await that first",
    );
  }
  Atomics.wait(pause, 0, 0, step.pause);
}

async function performAsync(step: Exclude<Step, undefined>, turns: Turns): Promise<void> {
  if ("syncfs" in step) await new Promise<void>((resolve, reject) => syncfsAside(step.syncfs, resolve, reject));
  else if ("pause" in step) await setTimeout(step.pause);
  else if (turns.isDue) await turns.pass();
  if (!("mustEnd" in step)) turns.check();
}

/** Milliseconds of work between two turns. */
const SLICE = 10;

/** Decides when long work returns to the event loop. */
export class Turns {
  readonly #check: () => void;
  #end = performance.now() + SLICE;

  /** @param check called after each turn, and by the work; what it throws ends the work */
  constructor(check: () => void) {
    this.#check = check;
  }

  get isDue(): boolean {
    return performance.now() >= this.#end;
  }

  /** Milliseconds until the next turn is due. */
  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  check(): void {
    this.#check();
  }

  /** Returns to the event loop, and calls `check`. */
  async take(): Promise<void> {
    await this.pass();
    this.#check();
  }

  /** Returns to the event loop. */
  async pass(): Promise<void> {
    await setImmediate();
    this.#end = performance.now() + SLICE;
  }
}
