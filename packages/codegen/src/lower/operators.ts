/** The operators of the language, and the ranges of their results. */
import { SyntaxKind } from "ts-morph";
import type { BinaryExpression } from "ts-morph";
import { SpecError } from "../errors.ts";
import { HIGHEST, isPowerOfTwo, scalar, U53_END } from "../ir.ts";
import type { Expr } from "../ir.ts";

const ARITHMETIC: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.PlusToken]: "+",
  [SyntaxKind.MinusToken]: "-",
  [SyntaxKind.AsteriskToken]: "*",
  [SyntaxKind.SlashToken]: "/",
  [SyntaxKind.PercentToken]: "%",
};
const BITWISE: Partial<Record<SyntaxKind, string>> = {
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
function interval(operator: string, left: Expr, right: Expr): [number, number] {
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

/** The operator on integers of an expression. Throws SpecError for another one. */
export function operatorOf(node: BinaryExpression): string {
  const token = node.getOperatorToken();
  const operator = ARITHMETIC[token.getKind()] ?? BITWISE[token.getKind()];
  if (operator === undefined) throw new SpecError(node, `operator ${token.getText()} is not in the language`);
  return operator;
}

/** An operation on integers: a checked one if its result may leave the range of u53. Throws SpecError. */
export function operation(node: BinaryExpression, operator: string, left: Expr, right: Expr): Expr {
  const bitwise = Object.values(BITWISE).includes(operator);
  if (bitwise && (left.high > HIGHEST.u32 || right.high > HIGHEST.u32))
    throw new SpecError(node, "bit operations are on u32 only");
  if ((operator === "<<" || operator === ">>") && right.high > 31)
    throw new SpecError(node, "shifts are by less than 32");
  if (operator === "/" || operator === "%") {
    if (right.low < 1) throw new SpecError(node, "the divisor may be zero");
    if (Math.max(left.high, right.high) > HIGHEST.u32 && !isPowerOfTwo(right)) {
      const reason = "more than 32 bits are divided by powers of two only: 32-bit kernels have no other division";
      throw new SpecError(node, reason);
    }
  }
  const [low, high] = interval(operator, left, right);
  if (bitwise && high > HIGHEST.u32) throw new SpecError(node, "the result may not fit u32");
  if (low >= 0 && high <= U53_END)
    return { is: "binary", operator, left, right, type: scalar(high <= HIGHEST.u32 ? "u32" : "u53"), low, high };
  const range = { low: Math.max(low, 0), high: Math.min(high, U53_END) };
  return { is: "checkedBinary", operator, left, right, type: scalar("u53"), ...range };
}
