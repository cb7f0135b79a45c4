/** Assertions that Node and Lua both have. */
import { SystemFailure } from "./system.ts";

type Plain = string | number | boolean | undefined;

const shownLength = 200;

/** A value as one line for people. */
function shown(value: Plain): string {
  return `${value}`.slice(0, shownLength);
}

export function expectTrue(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

export function expectEqual(actual: Plain, expected: Plain, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${shown(actual)}, should be ${shown(expected)}`);
}

/** Equal texts, each once or as often as in the other, in any order. */
export function expectSameSet(actual: readonly string[], expected: readonly string[], what: string): void {
  const [found, wanted] = [actual.map((text) => text), expected.map((text) => text)];
  found.sort();
  wanted.sort();
  for (let index = 0; index < Math.min(found.length, wanted.length); index++) {
    expectEqual(found[index], wanted[index], `${what}, number ${index} in order`);
  }
  expectEqual(found.length, wanted.length, `${what}: how many`);
}

/** The action must be refused by the system, with this error. */
export function expectFailure(code: string, action: () => void, what: string): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error;
    expectEqual(error.code, code, what);
    return;
  }
  throw new Error(`${what}: it succeeded, ${code} was expected`);
}
