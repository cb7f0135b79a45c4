import test from "ava";
import { emit } from "./emit/files.ts";
import { writeWholeSpec } from "./specification-fixture.ts";
import { analyze } from "./main.ts";

const CONSTANTS = `
import { DEPTH } from "./more.ts";
export const KIND_MASK: u32 = 0o170000;
export const MAGIC: u32 = 0xFD2FB528;
export const LIMIT: u53 = 1 << 27;
const KEYS: u32 = 0b100_0000;
/** Of each object that is open. */
export const POSITIONS: u32 = (DEPTH + 1) * (KEYS + 1);
export function kindOf(mode: u32): u32 {
  return (mode & KIND_MASK) + (mode & 0xff) + (mode & 0o7777) + POSITIONS;
}`;

async function outputs(): Promise<(path: string) => string> {
  const schema = writeWholeSpec({ algorithms: CONSTANTS, more: "export const DEPTH: u32 = 32;" });
  const files = await emit(analyze(schema));
  return (path) => files.get(path) ?? "";
}

test("a literal keeps its base in TypeScript and in C", async (t) => {
  const text = await outputs();
  t.regex(text("ts/generated/algorithms.ts"), /export const KIND_MASK = 0o170000;/);
  t.regex(text("ts/generated/algorithms.ts"), /export const MAGIC = 0xfd2fb528;/);
  t.regex(text("ts/generated/algorithms.ts"), /\(mode & 0xff\) \+ \(mode & 0o7777\)/);
  t.regex(text("c/generated/algorithms.h"), /#define PFS_KIND_MASK 0170000$/m);
  t.regex(text("c/generated/algorithms.h"), /#define PFS_MAGIC 0xfd2fb528U$/m);
  t.regex(text("c/generated/algorithms.c"), /\(mode & 0xff\) \+\s+\(mode & 07777\)/);
  // C has no binary literals.
  t.regex(text("c/generated/algorithms.h"), /#define PFS_KEYS 0x40$/m);
});

test("a constant is emitted as it is written, with the names that it is made of", async (t) => {
  const text = await outputs();
  t.regex(text("ts/generated/algorithms.ts"), /export const POSITIONS = \(DEPTH \+ 1\) \* \(KEYS \+ 1\);/);
  t.regex(text("ts/generated/algorithms.ts"), /export const LIMIT = 1 << 27;/);
  t.regex(text("c/generated/algorithms.h"), /#include "more.h"/);
  t.regex(text("c/generated/algorithms.h"), /#define PFS_POSITIONS \(\(PFS_DEPTH \+ 1\) \* \(PFS_KEYS \+ 1\)\)$/m);
  t.regex(text("c/generated/algorithms.h"), /#define PFS_LIMIT \(1 << 27\)$/m);
});

test("a module of constants alone has a header and no C source", async (t) => {
  const text = await outputs();
  t.regex(text("c/generated/more.h"), /#define PFS_DEPTH 32$/m);
  t.regex(text("ts/generated/more.ts"), /export const DEPTH = 32;/);
  t.is(text("c/generated/more.c"), "");
});
