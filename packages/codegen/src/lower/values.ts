/** Operators, ranges and constructors of expressions. */
import { SyntaxKind } from "ts-morph";
import type { NumericLiteral } from "ts-morph";
import { SpecError } from "../errors.ts";
import { HIGHEST, scalar, U53_END } from "../ir.ts";
import type { Expr, Radix, Type } from "../ir.ts";

export const ARITHMETIC: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.PlusToken]: "+",
  [SyntaxKind.MinusToken]: "-",
  [SyntaxKind.AsteriskToken]: "*",
  [SyntaxKind.SlashToken]: "/",
  [SyntaxKind.PercentToken]: "%",
};
export const BITWISE: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.AmpersandToken]: "&",
  [SyntaxKind.BarToken]: "|",
  [SyntaxKind.CaretToken]: "^",
  [SyntaxKind.LessThanLessThanToken]: "<<",
  [SyntaxKind.GreaterThanGreaterThanToken]: ">>",
};
export const COMPARISON: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.EqualsEqualsEqualsToken]: "===",
  [SyntaxKind.ExclamationEqualsEqualsToken]: "!==",
  [SyntaxKind.LessThanToken]: "<",
  [SyntaxKind.LessThanEqualsToken]: "<=",
  [SyntaxKind.GreaterThanToken]: ">",
  [SyntaxKind.GreaterThanEqualsToken]: ">=",
};
export const LOGICAL: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.AmpersandAmpersandToken]: "&&",
  [SyntaxKind.BarBarToken]: "||",
};

/** The interval of an integer operation; division floors. */
export function interval(operator: string, left: Expr, right: Expr): [number, number] {
  if (operator === "+") return [left.low + right.low, left.high + right.high];
  if (operator === "-") return [left.low - right.high, left.high - right.low];
  if (operator === "*") return [left.low * right.low, left.high * right.high];
  if (operator === "/") return [Math.floor(left.low / right.high), Math.floor(left.high / right.low)];
  if (operator === "%") return [0, right.high - 1];
  if (operator === "&") return [0, Math.min(left.high, right.high)];
  if (operator === "<<") return [0, left.high * 2 ** right.high];
  if (operator === ">>") return [0, Math.floor(left.high / 2 ** right.low)];
  return [0, 2 ** Math.ceil(Math.log2(Math.max(left.high, right.high) + 1)) - 1];
}

type Shape = Expr extends infer E ? (E extends Expr ? Omit<E, "type" | "low" | "high"> : never) : never;

export const plain = (shape: Shape, type: Type, high = 0): Expr => ({ ...shape, type, low: 0, high }) as Expr;
export const ranged = (shape: Shape, type: Type): Expr =>
  plain(shape, type, type.is === "scalar" ? HIGHEST[type.name] : 0);
export const boolean = (shape: Shape): Expr => plain(shape, scalar("bool"), 1);
export const number = (value: number, radix: Radix = 10): Expr => ({
  is: "number",
  value,
  radix,
  type: scalar(value <= HIGHEST.u32 ? "u32" : "u53"),
  low: value,
  high: value,
});

const RADIX: Record<string, Radix> = { "0x": 16, "0o": 8, "0b": 2 };

/** An integer literal up to 2^53. Throws SpecError for another number. */
export function integer(node: NumericLiteral): Expr {
  const value = Number(node.getLiteralText());
  if (!Number.isInteger(value) || value > U53_END) {
    throw new SpecError(node, `${node.getText()} is no integer up to 2^53`);
  }
  return number(value, RADIX[node.getText().slice(0, 2).toLowerCase()]);
}

/** `left - right`, or 0 where right is larger. */
export function difference(left: Expr, right: Expr): Expr {
  const high = Math.max(left.high - right.low, 0);
  return { is: "difference", left, right, type: scalar(high <= HIGHEST.u32 ? "u32" : "u53"), low: 0, high };
}
