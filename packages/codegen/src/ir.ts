/**
 * The intermediate form, from which the emitters print both targets. Its meaning is the language's: see
 * schema/language.ts.
 */

export type ScalarName = "bool" | "u8" | "u16" | "u32" | "u53" | "i53";

/** Element type of scratch memory. */
export type Element = "bool" | "u8" | "u32" | "u53";

export type Type =
  | { is: "scalar"; name: ScalarName }
  | { is: "kind"; union: UnionType }
  | { is: "bytes" }
  | { is: "struct"; name: string }
  | { is: "union"; union: UnionType }
  | { is: "list"; element: string }
  | { is: "value"; name: string }
  | { is: "scratch"; element: Element }
  | { is: "void" };

/** A member of a struct or union. */
export interface Field {
  name: string;
  doc: string;
  ordinal: number;
  type: Type;
  /** Name of the type in Cap'n Proto's own schema language. */
  wire: string;
  /** Bit offset in the data section, or index in the pointer section; unused for void. */
  slot: number;
  added: boolean;
}

export interface UnionType {
  /** Struct name and member name joined: the name of the view's type. */
  name: string;
  struct: string;
  member: string;
  doc: string;
  /** In the order of their ordinals: the position is the tag on the wire. */
  members: Field[];
  /** Bit offset of the tag. */
  tag: number;
}

export interface StructType {
  name: string;
  doc: string;
  fields: Field[];
  unions: UnionType[];
  /** Sizes with every member, and without the added ones. */
  words: number;
  pointers: number;
  baseWords: number;
  basePointers: number;
}

/** A record of an algorithm. `shared`: passed by reference, because other records refer to it. */
export interface ValueType {
  name: string;
  doc: string;
  module: string;
  shared: boolean;
  members: { name: string; doc: string; type: Type }[];
}

/** The base in which a literal is written. */
export type Radix = 2 | 8 | 10 | 16;

export type Expr = { type: Type; low: number; high: number } & (
  | { is: "number"; value: number; radix: Radix }
  | { is: "boolean"; value: boolean }
  | { is: "kindName"; union: string; member: string }
  | { is: "rule"; rule: string }
  | { is: "text"; value: string }
  | { is: "constant"; name: string }
  | { is: "variable"; name: string; constant: boolean }
  | { is: "present"; name: string; negated: boolean }
  | { is: "binary"; operator: string; left: Expr; right: Expr }
  | { is: "difference"; left: Expr; right: Expr }
  | { is: "atMost"; left: Expr; right: Expr }
  | { is: "compareBytes"; left: Expr; right: Expr; most: Expr }
  | { is: "checkedBinary"; operator: string; left: Expr; right: Expr }
  | { is: "not"; operand: Expr }
  | { is: "choice"; condition: Expr; then: Expr; otherwise: Expr }
  | { is: "narrow"; operand: Expr }
  | { is: "call"; callee: Callee; arguments: Expr[] }
  | { is: "field"; object: Expr; struct: string; field: Field }
  | { is: "strictField"; object: Expr; struct: string; field: Field; work: Expr }
  | { is: "unionMember"; object: Expr; union: UnionType; field: Field }
  | { is: "strictUnionMember"; object: Expr; union: UnionType; field: Field; work: Expr }
  | { is: "unionView"; object: Expr; union: UnionType }
  | { is: "unionKind"; object: Expr; union: UnionType }
  | { is: "valueMember"; object: Expr; member: string }
  | { is: "length"; object: Expr }
  | { is: "index"; object: Expr; index: Expr }
  | { is: "load"; object: Expr; width: "u16" | "u32" | "u53" | "i53"; offset: Expr }
  | { is: "slice"; object: Expr; start: Expr; end: Expr }
  | { is: "record"; value: string; shared: boolean; members: { name: string; value: Expr }[] }
  | { is: "offsetOf"; object: Expr }
  | { is: "cast"; struct: string; operand: Expr }
);

/** A function as its callers see it. */
export interface Callee {
  name: string;
  module: string;
  parameters: { name: string; type: Type }[];
  returns: Type;
  /** May return undefined. */
  optional: boolean;
  /** May fail with a rule. Known after the bodies of all functions have been read. */
  fallible: boolean;
  /** May write scratch memory. Known after the bodies of all functions have been read. */
  writes: boolean;
  /** Cannot fail, but ends early, with any result, if its task must stop. Known after the bodies of all functions have been read. */
  mayStop: boolean;
}

/** What ends a loop: a measure that has not become smaller, or is more than half of the one before. */
export type Guard = "decreases" | "halves";

export type Stmt =
  | { is: "declare"; name: string; type: Type; constant: boolean; optional: boolean; value: Expr }
  | { is: "assign"; name: string; value: Expr }
  | { is: "store"; element: Element; scratch: Expr; index: Expr; value: Expr }
  | { is: "if"; condition: Expr; then: Stmt[]; otherwise: Stmt[] }
  | { is: "return"; value: Expr | undefined; absent: boolean }
  | { is: "fail"; rule: Expr; subject: Expr; offset: Expr }
  | { is: "forOf"; name: string; element: string; list: Expr; body: Stmt[] }
  | { is: "forCount"; name: string; type: Type; from: Expr; limit: Expr; body: Stmt[] }
  | { is: "while"; condition: Expr; guard: Guard; measure: Expr; body: Stmt[] }
  | { is: "call"; call: Expr }
  | { is: "break" }
  | { is: "continue" };

export interface FunctionType extends Callee {
  doc: string;
  exported: boolean;
  body: Stmt[];
}

export interface Constant {
  name: string;
  doc: string;
  module: string;
  exported: boolean;
  type: Type;
  value: number;
  /** As it is written: literals, other constants, and operators. */
  initializer: Expr;
}

export interface Rule {
  name: string;
  kind: "corrupt" | "unsupported";
  doc: string;
}

/** The settings of a specification: schema/codegen.json. */
export interface Settings {
  capnpId: string;
  prefix: string;
  root: string;
  /** Structs that are the root of messages of their own too. */
  messages?: string[];
  structs: string;
  rules: string;
  wire: string;
  modules: string[];
  outputs: { capnp: string; checks: string; typescript: string; c: string; rules: string; structs: string };
}

/** The whole specification, read and checked. */
export interface Spec {
  settings: Settings;
  structs: StructType[];
  values: ValueType[];
  constants: Constant[];
  functions: FunctionType[];
  rules: Rule[];
  /** Text of the module that is derived from the structs, in the specification's own language. */
  checks: string;
}

export const scalar = (name: ScalarName): Type => ({ is: "scalar", name });
export const VOID: Type = { is: "void" };
export const BYTES: Type = { is: "bytes" };

/** 2^53: one more than the largest integer. */
export const U53_END = 2 ** 53;

/** The largest value of a scalar; a u53 field above 2^53 − 1 reads as 2^53. */
export const HIGHEST: Record<ScalarName, number> = {
  bool: 1,
  u8: 255,
  u16: 65535,
  u32: 4294967295,
  u53: U53_END,
  i53: U53_END,
};

export function sameType(a: Type, b: Type): boolean {
  if (a.is !== b.is) return false;
  if (a.is === "scalar" && b.is === "scalar") return a.name === b.name;
  if (a.is === "struct" && b.is === "struct") return a.name === b.name;
  if (a.is === "value" && b.is === "value") return a.name === b.name;
  if (a.is === "list" && b.is === "list") return a.element === b.element;
  if (a.is === "scratch" && b.is === "scratch") return a.element === b.element;
  if ((a.is === "union" || a.is === "kind") && (b.is === "union" || b.is === "kind")) {
    return a.union.name === b.union.name;
  }
  return true;
}

export const isInteger = (type: Type): boolean => type.is === "scalar" && type.name !== "bool" && type.name !== "i53";

/** Whether an expression has one possible value, which is a power of two. */
export const isPowerOfTwo = (expression: Expr): boolean =>
  expression.low === expression.high && Number.isInteger(Math.log2(expression.high));

/** `camelCase` or `PascalCase` as `snake_case`. */
export const snake = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/-/g, "_")
    .toLowerCase();
