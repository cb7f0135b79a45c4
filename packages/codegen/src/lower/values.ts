/** Constructors of expressions. */
import type { NumericLiteral } from "ts-morph";
import { SpecError } from "../errors.ts";
import { HIGHEST, scalar, U53_END } from "../ir.ts";
import type { Expr, Radix, Type } from "../ir.ts";

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

/** `left`, or `right` where left is larger. */
export function atMost(left: Expr, right: Expr): Expr {
  const high = Math.min(left.high, right.high);
  return {
    is: "atMost",
    left,
    right,
    type: scalar(high <= HIGHEST.u32 ? "u32" : "u53"),
    low: Math.min(left.low, right.low),
    high,
  };
}

/** `left - right`, or 0 where right is larger. */
export function difference(left: Expr, right: Expr): Expr {
  const high = Math.max(left.high - right.low, 0);
  return { is: "difference", left, right, type: scalar(high <= HIGHEST.u32 ? "u32" : "u53"), low: 0, high };
}
