import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { compile, writeWholeSpec } from "./specification-fixture.ts";
import type { FunctionType } from "./ir.ts";
import { snake } from "./ir.ts";
import { analyze } from "./main.ts";

/** One function for each operator and each reader of the language, all with the same parameters. */
const OPERATIONS: Record<string, string> = {
  plus: "return a + b;",
  plusNarrow: "return c + d;",
  plusBytes: "return bytes[0] + bytes[1] * 16777216;",
  plusLiteral: "return bytes[0] + 2147483647;",
  minus: "return a - b;",
  minusNarrow: "return c - d;",
  minusNever: "return c + 4294967295 - d;",
  times: "return a * b;",
  timesNarrow: "const product = c * d;\nreturn product;",
  timesShort: "return bytes.u16(0) * bytes.u16(1);",
  sumOfProducts: "const x = c * 3;\nconst y = d * 5;\nconst sum = x + y;\nreturn sum;",
  divide: "return a / 8;",
  divideOnce: "return c / 1;",
  divideFar: "return a / 4294967296;",
  divideNarrow: "return c / ((d & 65535) + 1);",
  divideWide: "const x: u53 = c;\nreturn x / 1000;",
  remainder: "return a % 4096;",
  remainderFar: "return a % 4294967296;",
  remainderNarrow: "return c % ((d & 65535) + 1);",
  and: "return c & d;",
  or: "return c | d;",
  xor: "return c ^ d;",
  mixed: "return (c & 15) | ((d ^ c) & 240) | (c >> 24);",
  left: "return (c & 255) << (d & 15);",
  leftFar: "return bytes[0] << 24;",
  leftLiteral: "return 1 << (d & 31);",
  right: "return c >> (d & 31);",
  narrowed: "return u32(a) + 1;",
  subtractDown: "return difference(a, b);",
  differenceNarrow: "return difference(c, d) + difference(d, c);",
  bounded: "return atMost(a, b) % 1024 + atMost(c, 255) * atMost(a, d);",
  choice: "return a > b ? a : c > d ? b : c;",
  compare:
    "return (a < b ? 1 : 0) + (a <= b ? 2 : 0) + (a > b ? 4 : 0) + (a >= b ? 8 : 0) + (a === b ? 16 : 0) + (a !== b ? 32 : 0);",
  logic: "return (a < b && c < d) || !(c === d && (a > 9 || b > 9)) ? 1 : 0;",
  precedence: "return (c & 7) + (d >> 3) * 2 + difference(9, c % 4 + 1);",
  byteAt: "return bytes[a];",
  load16: "return bytes.u16(a);",
  load32: "return bytes.u32(a);",
  load53: "return bytes.u53(a);",
  loadAt0: "return bytes.u53(0);",
  signed: "return bytes.i53(0) === bytes.i53(8) ? 1 : 0;",
  sliced: "const part = bytes.slice(a, b);\nreturn part.length * 256 + part[0];",
  sliceTwice: "return bytes.slice(c, 20).slice(1, d).u32(0);",
  compared:
    "return compareBytes(bytes.slice(0, c), bytes.slice(d, 24), 3) + 4 * compareBytes(bytes, bytes.slice(1, 20), d % 40);",
  comparedWhole: "return compareBytes(bytes.slice(0, c % 9), bytes.slice(0, d % 9), 4096);",
  texts: `const x = text("a {(, b");\nreturn x.length * 256 + x[c];`,
  scratch53: "numbers[a] = b;\nnumbers[2] = numbers[a];\nreturn numbers[2] + numbers[c] % 1024;",
  scratch32: "words[a] = c;\nreturn words[b] + words[a];",
  scratch8: "small[a] = c & 255;\nreturn small[b] + small[a];",
  scratchBit:
    "bits[a] = c > d;\nbits[3] = true;\nbits[3] = !bits[a];\nreturn (bits[a] ? 1 : 0) + (bits[b] ? 2 : 0) + (bits[3] ? 4 : 0);",
  lengths: "return u32(numbers.length) + u32(words.length) + u32(small.length) + u32(bits.length) + bytes.length;",
  count: "let sum: u53 = 0;\nfor (let i: u32 = bytes[0]; i < bytes[1]; i++) sum = u32(sum) + i;\nreturn sum;",
  halve:
    "let low: u53 = 0;\nlet high: u53 = a % 65536;\nwhile (u32(low) + 1 < high) {\ndecreases(high - low);\nconst middle: u53 = (u32(low) + u32(high)) / 2;\nif (middle % 7 < 3) low = middle;\nelse high = middle;\n}\nreturn low;",
  halved:
    "let low: u53 = 0;\nlet high: u53 = a % 65536;\nwhile (low < high) {\nhalves(high - low);\nconst middle: u53 = (u32(low) + u32(high)) / 2;\nif (middle % 7 < 3) low = middle;\nelse high = middle;\n}\nreturn u32(low) * 65536 + u32(high);",
  lessThanHalved:
    "let n: u53 = a;\nlet rounds: u53 = 0;\nwhile (rounds < 99) {\nhalves(n);\nn = difference(n / 2, c % 2) + (d % 64 === rounds ? 1 : 0);\nrounds = u32(rounds) + 1;\n}\nreturn rounds;",
  stuck:
    "let n: u53 = 0;\nwhile (n < 100) {\ndecreases(difference(9, n % 16));\nif (c % 2 === 0) continue;\nn = u32(n) + 1;\nif (n > d) break;\n}\nreturn n;",
  refuse: `if (a > b) fail("list-tag", c, d);\nif (c > d) fail(ruleNumber("traversal-limit"), a, b);\nreturn 1;`,
};
const PARAMETERS =
  "a: u53, b: u53, c: u32, d: u32, bytes: Bytes, numbers: Scratch<u53>, words: Scratch<u32>, small: Scratch<u8>, bits: Scratch<bit>";
const SCRATCH_LENGTH = 12;

const MODULE = Object.entries(OPERATIONS)
  .map(([name, body]) => `export function ${name}(${PARAMETERS}): u53 {\n${body}\n}`)
  .join("\n\n");

interface Input {
  a: number;
  b: number;
  c: number;
  d: number;
  bytes: Uint8Array;
}

const edges = [0, 1, 7, 8, 11, 12, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const u32 = fc.oneof(fc.constantFrom(...edges), fc.nat(20), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const far = [2 ** 32, 2 ** 32 + 1, 2 ** 52, 2 ** 53 - 1, 2 ** 53];
const u53 = fc.oneof(u32, fc.constantFrom(...far), fc.integer({ min: 0, max: 2 ** 53 - 1 }));
const byte = fc.oneof(fc.constantFrom(0, 0x1f, 0x20, 0x7f, 0x80, 0xdf, 0xe0, 0xff), fc.nat(255));
const inputs: fc.Arbitrary<Input> = fc.record({
  a: u53,
  b: u53,
  c: u32,
  d: u32,
  bytes: fc.array(byte, { maxLength: 24 }).map((list) => Uint8Array.from(list)),
});

type Operation = (...args: unknown[]) => number;

/** The result of the generated TypeScript: a number, or the rule, inode and offset of a failure. */
function inTypeScript(operation: Operation, bytes: unknown, { a, b, c, d }: Input): string {
  const scratch = [
    new Float64Array(SCRATCH_LENGTH),
    new Uint32Array(SCRATCH_LENGTH),
    new Uint8Array(SCRATCH_LENGTH),
    new Uint8Array(SCRATCH_LENGTH),
  ];
  try {
    return String(operation(a, b, c, d, bytes, ...scratch));
  } catch (error) {
    const { rule, inode, offset } = error as { rule?: string; inode?: number; offset?: number };
    if (rule === undefined) throw error;
    return `${rule} ${inode} ${offset}`;
  }
}

/** A program that reads one input a line, and writes the result of the generated C. */
function harness(functions: readonly FunctionType[]): string {
  const cases = functions.map((fn, position) => {
    const call = `pfs_${snake(fn.name)}(a, b, c, d, bytes, numbers, words, small, bits`;
    return `\t\tcase ${position}: ${fn.fallible ? `good = ${call}, &failure, &out)` : `out = ${call})`}; break;`;
  });
  return `
#include <stdio.h>
#include <string.h>
#include "c/generated/format.h"
int main(void)
{
	unsigned which, c, d, length;
	unsigned long long a, b;
	static u8 data[64];
	while (scanf("%u %llu %llu %u %u %u", &which, &a, &b, &c, &d, &length) == 6) {
		u64 n[${SCRATCH_LENGTH}] = { 0 }; u32 w[${SCRATCH_LENGTH}] = { 0 }; u8 s[${SCRATCH_LENGTH}] = { 0 }, f[${SCRATCH_LENGTH}] = { 0 };
		struct pfs_scratch_u53 numbers = { n, ${SCRATCH_LENGTH} };
		struct pfs_scratch_u32 words = { w, ${SCRATCH_LENGTH} };
		struct pfs_scratch_u8 small = { s, ${SCRATCH_LENGTH} };
		struct pfs_scratch_bool bits = { f, ${SCRATCH_LENGTH} };
		struct pfs_failure failure = { 0 };
		struct pfs_bytes bytes = { data, length };
		bool good = true;
		u64 out = 0;
		memset(data, 0xaa, sizeof(data));
		for (unsigned i = 0; i < length; i++) { unsigned byte; if (scanf("%x", &byte) != 1) return 1; data[i] = byte; }
		switch (which) {
${cases.join("\n")}
		}
		if (good) printf("%llu\\n", (unsigned long long)out);
		else printf("%s %llu %llu\\n", pfs_rule_names[failure.rule], (unsigned long long)failure.inode, (unsigned long long)failure.offset);
	}
	return 0;
}
`;
}

function inC(out: string, functions: readonly FunctionType[], given: readonly Input[]): string[][] {
  writeFileSync(join(out, "harness.c"), harness(functions));
  const generated = readdirSync(join(out, "c/generated")).filter((file) => file.endsWith(".c"));
  const sources = ["harness.c", "c/format_base.c", ...generated.map((file) => join("c/generated", file))];
  const checks = ["-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"];
  const flags = [
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-Wdeclaration-after-statement",
    ...checks,
  ];
  execFileSync("gcc", [...flags, ...sources, "-o", "harness"], {
    cwd: out,
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines = functions.flatMap((_, which) =>
    given.map(({ a, b, c, d, bytes }) =>
      [which, a, b, c, d, bytes.length, ...[...bytes].map((each) => each.toString(16))].join(" "),
    ),
  );
  const answers = execFileSync(join(out, "harness"), { input: lines.join("\n"), encoding: "utf8", maxBuffer: 2 ** 28 });
  const all = answers.trimEnd().split("\n");
  return functions.map((_, which) => all.slice(which * given.length, (which + 1) * given.length));
}

test("every operator has the same result in TypeScript and in C", async (t) => {
  const schema = writeWholeSpec({ algorithms: MODULE });
  const out = await compile(schema);
  const functions = analyze(schema).functions.filter((fn) => fn.name in OPERATIONS);
  t.is(functions.length, Object.keys(OPERATIONS).length);
  const load = (file: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(out, "ts", file)).href) as Promise<Record<string, unknown>>;
  const operations = (await load("generated/algorithms.ts")) as Record<string, Operation>;
  const { Bytes } = (await load("runtime.ts")) as { Bytes: { of(bytes: Uint8Array): unknown } };

  const given = fc.sample(inputs, { numRuns: 2000, seed: 11 });
  const c = inC(out, functions, given);
  for (const [position, fn] of functions.entries()) {
    const operation = operations[fn.name] as Operation;
    const differences = given.flatMap((input, at) => {
      const answer = inTypeScript(operation, Bytes.of(input.bytes), input);
      return answer === c[position]?.[at] ? [] : [{ ...input, typescript: answer, c: c[position]?.[at] }];
    });
    t.deepEqual(differences.slice(0, 3), [], fn.name);
  }
});

test("the meaning is exact: floors, saturation, failures above 2^53 − 1, reads and writes outside", async (t) => {
  const schema = writeWholeSpec({ algorithms: MODULE });
  const out = await compile(schema);
  const operations = (await import(pathToFileURL(join(out, "ts/generated/algorithms.ts")).href)) as Record<
    string,
    Operation
  >;
  const { Bytes } = (await import(pathToFileURL(join(out, "ts/runtime.ts")).href)) as {
    Bytes: { of(bytes: Uint8Array): unknown };
  };
  const result = (name: string, input: Partial<Input>): string => {
    const whole = { a: 0, b: 0, c: 0, d: 0, bytes: new Uint8Array(0), ...input };
    return inTypeScript(operations[name] as Operation, Bytes.of(whole.bytes), whole);
  };
  const overflow = "arithmetic-overflow 0 0";
  const top = 2 ** 53 - 1;
  t.is(result("plus", { a: top, b: 0 }), String(top));
  t.is(result("plus", { a: top, b: 1 }), overflow);
  t.is(result("minus", { a: 5, b: 6 }), overflow);
  t.is(result("times", { a: 2 ** 27, b: 2 ** 26 }), overflow);
  t.is(result("divide", { a: 15 }), "1");
  t.is(result("leftFar", { bytes: Uint8Array.of(255) }), "4278190080");
  t.is(result("leftLiteral", { d: 31 }), "2147483648");
  t.is(result("narrowed", { a: top }), "4294967296");
  t.is(result("loadAt0", { bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0) }), String(2 ** 53));
  t.is(result("loadAt0", { bytes: new Uint8Array(7).fill(255) }), "0");
  t.is(result("signed", { bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0xe0, 0xff) }), "1");
  t.is(result("comparedWhole", { c: 3, d: 4, bytes: new Uint8Array(8) }), "0");
  t.is(result("comparedWhole", { c: 4, d: 3, bytes: new Uint8Array(8) }), "2");
  t.is(result("comparedWhole", { c: 4, d: 4, bytes: new Uint8Array(8) }), "1");
  t.is(result("scratch53", { a: SCRATCH_LENGTH, b: 77 }), "0");
  t.is(result("scratch53", { a: 1, b: 77 }), "77");
  t.is(result("stuck", { c: 0, d: 5 }), "0");
  t.is(result("refuse", { a: 2, b: 1, c: 3, d: 4 }), "list-tag 3 4");
});
