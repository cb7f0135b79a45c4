import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { SpecError } from "./errors.ts";
import { writeSpec } from "./specification-fixture.ts";
import type { Parts } from "./specification-fixture.ts";
import { analyze } from "./main.ts";

/** In a bad specification, marks the line and column of the error. */
const MARK = "¶";

const inBody = (body: string, more = ""): Parts => ({
  algorithms: `export function f(a: u32, b: u53, bytes: Bytes, leaf: Leaf, root: Root, words: Scratch<u32>, work: Scratch<u53>): void {\n${body}\n}\n${more}`,
});
const alone = (algorithms: string): Parts => ({ algorithms });
const structs = (text: string): Parts => ({ structs: text });
const rules = (text: string): Parts => ({ rules: text });

const OPTIONAL = `function found(leaf: Leaf, n: u53): Leaf | undefined {\n  if (n === 0) return undefined;\n  return leaf;\n}`;
const RECORD = `export interface Pair extends Value { x: u32; y: u53 }\n`;
const SHARED = `export interface Place extends Shared { x: u32 }\n`;
const PLACEMENT = "a call that may fail, return undefined or write memory needs a statement of its own (const x = …)";

/** Each with the reason in the error message. */
const REFUSED: Record<string, [Parts, string]> = {
  "a type error": [inBody(`const ¶x: u32 = "1";`), "Type 'string' is not assignable to type 'number'."],
  "an arrow function": [inBody("const g = ¶() => 1;"), "ArrowFunction is not in the language"],
  "a nested function": [inBody("¶function g(): void {}"), "FunctionDeclaration is not in the language"],
  "a class": [alone("¶export class C {}"), "ClassDeclaration is not in the language"],
  "a type alias": [alone("¶type N = u53;"), "TypeAliasDeclaration is not in the language"],
  "a module's variable": [alone("¶let n: u53 = 1;"), "VariableStatement is not in the language"],
  "a statement of a module": [alone("¶f();\nfunction f(): void {}"), "ExpressionStatement is not in the language"],
  recursion: [
    alone(
      "¶export function f(n: u53): u53 {\n  const m = g(n);\n  return m;\n}\nfunction g(n: u53): u53 {\n  const m = f(n);\n  return m;\n}",
    ),
    "f calls itself: f → g → f",
  ],
  "let without a type": [inBody("let ¶x = a;"), "write `const x = …` or `let x: type = …`"],
  "let without a value": [inBody("let ¶x: u32;"), "a variable has one name and starts with a value"],
  var: [inBody("var ¶x: u32 = 1;"), "write `const x = …` or `let x: type = …`"],
  destructuring: [inBody("const ¶{ number } = leaf;"), "a variable has one name and starts with a value"],
  allocation: [inBody("const x = ¶new Uint8Array(3);"), "NewExpression is not in the language"],
  "an array": [inBody("const x = ¶[1, 2];"), "ArrayLiteralExpression is not in the language"],
  "an object without a record's type": [
    inBody("const x = ¶{ a: 1 };"),
    "ObjectLiteralExpression is not in the language",
  ],
  "a string": [inBody(`const x = ¶"text";`), "StringLiteral is not in the language"],
  "an unknown type": [alone("export function f(x: ¶string): void {}"), "string is no type of the language"],
  "scratch of another element": [
    alone("export function f(x: ¶Scratch<u16>): void {}"),
    "Scratch<u16> is no type of the language",
  ],
  "another union": [
    alone("export function f(n: u53): ¶u53 | null {\n  return n;\n}"),
    "only `T | undefined` is a union here",
  ],
  "no type of a result": [alone("¶export function f(n: u53) {\n  return n;\n}"), "a function declares what it returns"],
  "a generic function": [
    alone("¶export function f<T>(x: u53): void {}"),
    "a function is neither generic nor asynchronous nor a generator",
  ],
  "an optional parameter": [alone("export function f(¶x?: u53): void {}"), "a parameter is always given"],
  "a function twice": [
    { algorithms: "export function f(): void {}", more: "¶export function f(): void {}" },
    "f is there twice",
  ],
  "a function of the runtime": [
    { more: "", algorithms: "¶function narrow(): void {}" },
    "narrow is a name of the language or of the generated code",
  ],
  "a constant twice": [
    { algorithms: "export const ¶N: u32 = 1;", more: "const N: u32 = 2;" },
    "more has a constant N, too",
  ],
  "a constant of a call": [
    alone("const N: u32 = ¶u32(1);"),
    "a constant is made of literals, constants, +, -, * and <<, and from 0 up to 2^53",
  ],
  "a constant below 0": [
    alone("const N: u32 = ¶1 - 2;"),
    "a constant is made of literals, constants, +, -, * and <<, and from 0 up to 2^53",
  ],
  "a constant of itself": [
    {
      algorithms: `import { M } from "./more.ts";\nexport const ¶N: u32 = M;`,
      more: `import { N } from "./algorithms.ts";\nexport const M: u32 = N;`,
    },
    "N is computed from itself",
  ],
  "a constant without a type": [alone("const ¶N = 1;"), "a constant declares an integer type"],
  "a constant beyond its type": [alone("const N: u8 = ¶256;"), "256 is no u8"],
  "a broken number": [inBody("const x = ¶1.5;"), "1.5 is no integer up to 2^53"],
  "a record of another kind": [alone("¶export interface Pair { x: u32 }"), "a record extends Value or Shared"],
  "an optional member of a record": [
    alone("export interface Pair extends Value { ¶x?: u32 }"),
    "a record has only members that are always there",
  ],
  "a record's member left to a variable's name": [
    alone(`${RECORD}export function f(x: u32): Pair {\n  return { ¶x, y: 1 };\n}`),
    "write `name: value`",
  ],
  "a shared record in a variable": [
    alone(`${SHARED}¶export function f(): void {\n  const p: Place = { x: 1 };\n}`),
    "f: a shared record is only returned",
  ],
  "opening a shared record": [
    alone(
      `${SHARED}function open(): Place {\n  return { x: 1 };\n}\nexport function f(): void {\n  const p = ¶open();\n}`,
    ),
    "open opens a shared record: only C and TypeScript code outside the specification may call it",
  ],
  "a wider value for u32": [inBody("const x: u32 = ¶b;"), "may not fit u32: up to 9007199254740992; use u32(…)"],
  "a wider value for u8": [inBody("const x: u8 = ¶a;"), "may not fit u8: up to 4294967295; use a wider type"],
  "a wider value stored": [inBody("words[0] = ¶b;"), "may not fit u32: up to 9007199254740992; use u32(…)"],
  "a sum that may not fit": [inBody("const x: u32 = ¶a + 1;"), "may not fit u32: up to 4294967296; use u32(…)"],
  "a wider index of a list": [
    inBody("const x = root.leaves[¶b];"),
    "may not fit u32: up to 9007199254740992; use u32(…)",
  ],
  "a signed number for an integer": [inBody("const x: u53 = ¶leaf.signed;"), "is of type i53, not u53"],
  "arithmetic on signed numbers": [inBody("const x = ¶leaf.signed + 1;"), "not an integer"],
  "sides of two types": [inBody("const x = ¶a === 0 ? a : leaf.signed;"), "both sides of ?: need one type"],
  "division by what may be zero": [inBody("const x = ¶b / a;"), "the divisor may be zero"],
  "a remainder by what may be zero": [inBody("const x = ¶b % a;"), "the divisor may be zero"],
  "64-bit division": [
    inBody("const x = ¶b / 10;"),
    "more than 32 bits are divided by powers of two only: 32-bit kernels have no other division",
  ],
  "bit operations on u53": [inBody("const x = ¶b & 1;"), "bit operations are on u32 only"],
  "a shift by 32": [inBody("const x = ¶a >> 32;"), "shifts are by less than 32"],
  "a shift by what may be too much": [inBody("const x = ¶a >> a;"), "shifts are by less than 32"],
  "a shift out of range": [inBody("const x = ¶a << 1;"), "the result may not fit u32"],
  "an operator that is not there": [inBody("const x = ¶a ** 2;"), "operator ** is not in the language"],
  "a negative number": [inBody("const x = ¶-1;"), "PrefixUnaryExpression is not in the language"],
  "optional chaining": [inBody("const x = ¶leaf?.number;"), "?. is not in the language"],
  "a cast": [inBody("const x = ¶a as u53;"), "AsExpression is not in the language"],
  "a name that is no value": [inBody("const x = ¶f;"), "f is neither a variable nor a constant"],
  "undefined compared with what is always there": [
    inBody("if (¶leaf === undefined) return;"),
    "only what may be undefined is compared with undefined",
  ],
  "an optional value used as if it were there": [
    alone(
      `${OPTIONAL}\nexport function f(leaf: Leaf): Leaf | undefined {\n  const x = found(leaf, 1);\n  return ¶x;\n}`,
    ),
    "x may be undefined here: compare it with undefined first",
  ],
  "an optional function that fails": [
    alone(
      `¶export function f(leaf: Leaf, n: u53): Leaf | undefined {\n  if (n === 0) fail("arithmetic-overflow", 0, 0);\n  return leaf;\n}`,
    ),
    "f may fail and may be undefined: choose one",
  ],
  "a failing call inside an expression": [
    alone(
      `function g(n: u53): u53 {\n  if (n > 9) fail("arithmetic-overflow", 0, 0);\n  return n;\n}\n¶export function f(n: u53): boolean {\n  return g(n) > 1;\n}`,
    ),
    `f: ${PLACEMENT}`,
  ],
  "a checked sum inside an expression": [
    alone("¶export function f(a: u53): boolean {\n  return a + a > 1;\n}"),
    `f: ${PLACEMENT}`,
  ],
  "a write inside an expression": [
    alone(
      "function g(w: Scratch<u32>): u32 {\n  w[0] = 1;\n  return 1;\n}\n¶export function f(w: Scratch<u32>): u53 {\n  return g(w) + w[0];\n}",
    ),
    `f: ${PLACEMENT}`,
  ],
  "a failing value stored": [
    alone("¶export function f(w: Scratch<u53>, a: u53): void {\n  w[0] = a + a;\n}"),
    `f: ${PLACEMENT}`,
  ],
  "a kind compared with a kind": [
    inBody("if (root.choice.kind === ¶root.choice.kind) return;"),
    "a kind is compared with a member's name",
  ],
  "a kind compared with what is none": [
    inBody(`if (¶root.choice.kind === "three") return;`),
    'This comparison appears to be unintentional because the types \'"invalid" | "none" | "one" | "many"\' and \'"three"\' have no overlap.',
  ],
  "bytes compared": [inBody("if (¶bytes === leaf.bytes) return;"), "these cannot be compared"],
  "a function as a value": [inBody("const x = ¶bytes.slice;"), "there is no member slice here"],
  "an element of a word": [
    inBody("const x = ¶root.choice.kind[0];"),
    "only bytes, lists and scratch memory have elements",
  ],
  "a function of the host": [inBody("const x = ¶bytes.toString();"), "toString is no function of bytes"],
  "text that is no literal": [inBody("const x = ¶text(root.choice.kind);"), "text takes a literal of plain ASCII"],
  "text beyond ASCII": [inBody(`const x = ¶text("é");`), "text takes a literal of plain ASCII"],
  "a comparison of many bytes": [
    inBody("const x = ¶compareBytes(bytes, bytes, 4097);"),
    "compareBytes compares at most 4096 bytes",
  ],
  "view without a type": [
    alone(`${RECORD}export function f(pair: Pair): void {\n  const x = ¶view(pair);\n}`),
    "view sees a part of a message as the struct that its variable declares",
  ],
  "checked of a number": [inBody("¶checked(leaf.number, work);"), "checked takes a member that is behind a pointer"],
  "a function of no module": [inBody("¶parseInt(root.choice.kind);"), "parseInt is no function of the specification"],
  "decreases elsewhere": [inBody("¶decreases(1);"), "decreases is no function of the specification"],
  "an unknown rule": [inBody(`fail(¶"no-such-rule", 0, 0);`), "no-such-rule is not in the list of rules"],
  "a rule's number by a variable": [
    inBody("const x = ruleNumber(¶root.choice.kind);"),
    "a rule is named by a string literal",
  ],
  "assignment to a constant": [inBody("¶a = 1;"), "only a `let` and scratch memory are assigned"],
  "assignment to a member": [
    alone(`${RECORD}export function f(pair: Pair): void {\n  ¶pair.x = 1;\n}`),
    "only a `let` and scratch memory are assigned",
  ],
  "an increment": [inBody("let x: u53 = 0;\n¶x++;"), "only calls and assignments are statements"],
  "a compound assignment": [inBody("let x: u53 = 0;\n¶x += 1;"), "only calls and assignments are statements"],
  "a missing return": [
    alone("¶export function f(leaf: Leaf, n: u53): Leaf | undefined {\n  if (n === 0) return leaf;\n}"),
    "not every path returns",
  ],
  "a loop that TypeScript knows to be endless": [
    alone("¶export function f(): u53 {\n  while (true) {\n    decreases(1);\n  }\n}"),
    "not every path returns",
  ],
  "a variable that hides another": [inBody("if (a === 0) {\nconst ¶a = 1;\n}"), "a hides another variable"],
  "a name of the generated code": [
    inBody("const ¶failure = 1;"),
    "failure is a name of the language or of the generated code",
  ],
  "a word of C": [inBody("const ¶register = 1;"), "register is a word of C or of the generated code"],
  "a block of its own": [inBody("¶{\nconst x = 1;\n}"), "Block is not in the language"],
  switch: [inBody("¶switch (a) { default: }"), "SwitchStatement is not in the language"],
  try: [inBody("¶try { f } finally { }"), "TryStatement is not in the language"],
  throw: [inBody("¶throw a;"), "ThrowStatement is not in the language"],
  "do while": [inBody("¶do { } while (a === 0);"), "DoStatement is not in the language"],
  "while without decreases": [
    inBody("¶while (a === 0) { f(a, b, bytes, leaf, root, words, work); }"),
    "a while loop begins with decreases(measure) or halves(measure)",
  ],
  "while without a block": [
    inBody("¶while (a === 0) f(a, b, bytes, leaf, root, words, work);"),
    "a while loop begins with decreases(measure) or halves(measure)",
  ],
  "for without a type": [inBody("¶for (let i = 0; i < a; i++) { }"), "write for (let i: u32 = …; i < …; i++)"],
  "for with two variables": [
    inBody("¶for (let i: u32 = 0, j: u32 = 0; i < a; i++) { }"),
    "write for (let i: u32 = …; i < …; i++)",
  ],
  "for downwards": [inBody("¶for (let i: u32 = 9; i > 0; i--) { }"), "write for (let i: u32 = …; i < …; i++)"],
  "for in steps": [inBody("¶for (let i: u32 = 0; i < a; i += 2) { }"), "write for (let i: u32 = …; i < …; i++)"],
  "for without end": [inBody("¶for (;;) { }"), "write for (let i: u32 = …; i < …; i++)"],
  "for in": [inBody("¶for (const x in leaf) { }"), "ForInStatement is not in the language"],
  "for…of with let": [inBody("¶for (let x of root.leaves) { }"), "write for (const item of …) over a list of structs"],
  "for…of over scratch": [
    inBody("¶for (const x of root.choice.kind) { }"),
    "write for (const item of …) over a list of structs",
  ],
  "an ordinal left out": [
    structs("¶export interface S extends Struct { a: U16<0>; b: U16<2> }"),
    "ordinals must run from 0 without gaps: 1 is missing or doubled",
  ],
  "an ordinal twice": [
    structs("¶export interface S extends Struct { a: U16<0>; b: U16<0> }"),
    "ordinals must run from 0 without gaps: 1 is missing or doubled",
  ],
  "no ordinal": [structs("export interface S extends Struct { ¶a: U16<number> }"), "a member needs an ordinal"],
  "a struct in itself": [structs("¶export interface S extends Struct { a: Ref<S, 0> }"), "S contains itself"],
  "structs in each other": [
    structs("¶export interface S extends Struct { a: Ref<T, 0> }\nexport interface T extends Struct { b: List<S, 0> }"),
    "S contains itself",
  ],
  "an unknown struct": [
    structs("export interface S extends Struct { ¶a: Ref<Struct, 0> }"),
    "Struct is no struct of this file",
  ],
  "an unknown type of a member": [
    structs("export interface S extends Struct { ¶a: string }"),
    "string is no type of a member",
  ],
  "a function in a struct": [structs("export interface S extends Struct { ¶a(): void }"), "a struct has only members"],
  "an optional member": [structs("export interface S extends Struct { ¶a?: U16<0> }"), "write Added<…> instead of `?`"],
  "an interface that is no struct": [structs("¶export interface S { a: U16<0> }"), "a struct extends Struct"],
  "something else among the structs": [structs("¶export const x = 1;"), "this file holds structs only"],
  "a union with data": [
    structs("export interface S extends Struct { u: Union<{ ¶a: U16<0>; b: Void<1> }> }"),
    "a union's members are Void or behind a pointer",
  ],
  "a union with an added member": [
    structs("export interface S extends Struct { u: Union<{ a: Void<0>; ¶b: Added<Data<1>> }> }"),
    "a union's members are not optional",
  ],
  "a union with a function": [
    structs("export interface S extends Struct { u: Union<{ ¶a(): void }> }"),
    "a union has only members",
  ],
  "a union of something else": [
    structs("export interface S extends Struct { ¶u: Union<Struct> }"),
    "a union lists its members",
  ],
  "a rule without a doc": [
    rules(`export const rules = {\n  ¶"a": "corrupt",\n};`),
    "a needs a comment with its meaning",
  ],
  "a rule of another kind": [
    rules(`export const rules = {\n  /** Bad. */\n  ¶"a": "bad",\n};`),
    "a rule is corrupt or unsupported",
  ],
  "a rule that is a function": [
    rules(`export const rules = {\n  /** Bad. */\n  ¶a() {},\n};`),
    "a rule is `name: kind`",
  ],
  "rules that are computed": [rules("export const rules = ¶Object.freeze({});"), "rules is an object literal"],
};

/** Takes the mark out; returns the directory of the specification, and file, line and column of the mark. */
function unmark(parts: Parts): [string, string] {
  const directory = writeSpec(parts);
  for (const file of readdirSync(directory).filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync(join(directory, file), "utf8");
    const before = text.split(MARK)[0]?.split("\n") ?? [];
    if (!text.includes(MARK)) continue;
    writeFileSync(join(directory, file), text.replace(MARK, ""));
    return [directory, `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`];
  }
  return [directory, "nowhere"];
}

/** The statement of the compiler that threw an error, as file:line. */
const thrownAt = (error: Error): string =>
  /\/codegen\/src\/([\w/-]+\.ts:\d+):\d+\)?$/m.exec(error.stack ?? "")?.[1] ?? "";

/** Every statement of the compiler that refuses something, as file:line. */
function refusals(): string[] {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).filter((file) =>
    /^[^.]+\.ts$/.test(file),
  );
  return files.flatMap((file) => {
    const lines = readFileSync(join(import.meta.dirname, file), "utf8").split("\n");
    return lines.flatMap((line, index) => (line.includes("throw new SpecError(") ? [`${file}:${index + 1}`] : []));
  });
}

const hit = new Set<string>();
for (const [name, [parts, reason]] of Object.entries(REFUSED)) {
  test.serial(`refused: ${name}`, (t) => {
    const [directory, at] = unmark(parts);
    const error = t.throws(() => analyze(directory), { instanceOf: SpecError });
    t.is(error.message, `${at}: ${reason}`);
    hit.add(thrownAt(error));
  });
}

test.serial("every refusal of the compiler is in the table", (t) => {
  t.deepEqual(
    refusals().filter((statement) => !hit.has(statement)),
    [],
  );
});
