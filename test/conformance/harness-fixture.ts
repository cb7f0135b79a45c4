/** The builds of the C harness, started once for each test file. */
import { effort } from "@puzzlefs/testing";
import type { ExecutionContext, TestFn } from "ava";
import { COMPARED, Harness, compile } from "./harness.ts";
import type { Build } from "./harness.ts";
import { judge } from "./verdict.ts";
import type { ObjectKind } from "./verdict.ts";

export interface Harnesses {
  started: Map<Build, Harness>;
  compared: number;
}

export function useHarnesses(test: TestFn): Harnesses {
  const harnesses: Harnesses = { started: new Map(), compared: 0 };
  test.before("compile the generated C with gcc, clang and sanitizers", async () => {
    const programs = await Promise.all(COMPARED.map((build) => compile(build)));
    for (const [i, build] of COMPARED.entries()) harnesses.started.set(build, new Harness(programs[i] ?? ""));
  });
  test.after.always(() => {
    for (const harness of harnesses.started.values()) harness.close();
  });
  return harnesses;
}

/** The verdict of the generated TypeScript; throws if a build of the generated C returns another one. */
export async function agreed(
  harnesses: Harnesses,
  kind: ObjectKind,
  bytes: Uint8Array,
  size = bytes.length,
): Promise<string> {
  const answers = [...harnesses.started].map(async ([build, harness]) => ({
    build,
    text: await harness.judge(kind, bytes, size),
  }));
  const expected = judge(kind, bytes, size);
  for (const { build, text } of await Promise.all(answers)) {
    harnesses.compared++;
    if (text !== expected) throw new Error(`${build} differs from TypeScript:\n${difference(expected, text)}`);
  }
  return expected;
}

/** The first line in which two texts differ. */
function difference(typescript: string, c: string): string {
  const lines = c.split("\n");
  const at = typescript.split("\n").findIndex((line, i) => line !== lines[i]);
  return `TypeScript: ${typescript.split("\n")[at] ?? "(ends)"}\nC:          ${lines[at] ?? "(ends)"}`;
}

/** A property's parameters for fast-check, effort included. */
export const runs = (numRuns: number): { numRuns: number; endOnFailure: boolean } => ({
  numRuns: Math.ceil(numRuns * effort),
  endOnFailure: false,
});

export function note(t: ExecutionContext, harnesses: Harnesses): void {
  t.log(`${harnesses.compared} verdicts of C compared with TypeScript's`);
}
