import type { CNames } from "./names.ts";
import { HIGHEST, isPowerOfTwo, snake } from "../../ir.ts";
import type { Expr } from "../../ir.ts";
import { isComparison, precedenceOf, UNARY } from "../precedence.ts";

const OPERATOR: Record<string, string> = { "===": "==", "!==": "!=" };
/** What says the same with its sides exchanged. */
const MIRRORED: Record<string, string> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "===": "===", "!==": "!==" };
const INT_MAX = 2 ** 31 - 1;

/** Whether gcc and clang want parentheses around `inner` inside `outer`, though C does not. */
function clearer(inner: string, outer: string): boolean {
  if (isComparison(inner)) return false;
  if (outer === "||") return inner === "&&";
  const bits = ["|", "^", "&", "<<", ">>"];
  return inner !== outer && bits.includes(outer);
}

/** Prints expressions that cannot fail. */
export class CExpressions {
  readonly #names: CNames;

  constructor(names: CNames) {
    this.#names = names;
  }

  /** In parentheses where `outer` binds tighter. */
  print(expression: Expr, outer = 0): string {
    const names = this.#names;
    const { prefix } = names;
    switch (expression.is) {
      case "number":
        return names.literal(expression.value, expression.radix);
      case "boolean":
        return String(expression.value);
      case "kindName":
        return names.upper(expression.union, expression.member);
      case "rule":
        return names.upper("rule", expression.rule);
      case "text":
        return `${names.upper("text")}("${expression.value}")`;
      case "constant":
        return names.upper(expression.name);
      case "variable":
        return snake(expression.name);
      case "present":
        return `${expression.negated ? "!" : ""}${snake(expression.name)}_found`;
      case "binary":
        return this.#binary(expression, outer);
      case "difference":
        return `${prefix}_difference(${this.list([expression.left, expression.right])})`;
      case "not":
        return `!${this.print(expression.operand, UNARY)}`;
      case "choice": {
        const values = `${this.print(expression.then, 1)} : ${this.print(expression.otherwise, 1)}`;
        const text = `${this.print(expression.condition, 1)} ? ${values}`;
        return outer > 0 ? `(${text})` : text;
      }
      case "narrow":
        if (expression.operand.high <= HIGHEST.u32) return this.print(expression.operand, outer);
        return `${prefix}_narrow(${this.print(expression.operand)})`;
      case "call":
        return `${names.name(expression.callee.name)}(${this.list(expression.arguments)})`;
      case "field":
        return `${names.accessor(expression.struct, expression.field.name)}(${this.print(expression.object)})`;
      case "unionMember":
        return `${names.unionAccessor(expression.union, expression.field.name)}(${this.print(expression.object)})`;
      case "unionView":
        return this.print(expression.object, outer);
      case "unionKind":
        return `${names.unionAccessor(expression.union, "kind")}(${this.print(expression.object)})`;
      case "valueMember": {
        const access = names.isShared(expression.object.type) ? "->" : ".";
        return `${this.print(expression.object, UNARY)}${access}${snake(expression.member)}`;
      }
      case "length": {
        const count = expression.object.type.is === "list" ? "part.count" : "length";
        return `${this.print(expression.object, UNARY)}.${count}`;
      }
      case "index":
        return this.#index(expression);
      case "load":
        return `${prefix}_load_${expression.width}(${this.list([expression.object, expression.offset])})`;
      case "slice":
        return `${prefix}_slice(${this.list([expression.object, expression.start, expression.end])})`;
      case "record": {
        const members = expression.members.map((member) => `.${snake(member.name)} = ${this.print(member.value)}`);
        return `(struct ${names.name(expression.value)}) { ${members.join(", ")} }`;
      }
      case "offsetOf": {
        const text = `(u64)${this.print(expression.object, UNARY)}.part.at * 8`;
        return outer > precedenceOf("*") ? `(${text})` : text;
      }
      case "cast":
        return `(${names.type(expression.type)}) { .part = ${this.print(expression.operand)} }`;
      case "checkedBinary":
      case "strictField":
      case "strictUnionMember":
        throw new Error(`${expression.is} inside an expression: the placement check should have refused it`);
    }
  }

  list(expressions: Expr[]): string {
    return expressions.map((expression) => this.print(expression)).join(", ");
  }

  #binary(expression: Expr & { is: "binary" }, outer: number): string {
    const { operator, left, right } = constantLast(expression);
    const own = precedenceOf(operator);
    const operand = (side: Expr, at: number): string =>
      this.print(side, side.is === "binary" && clearer(side.operator, operator) ? UNARY : at);
    const width = cast(expression);
    const a = width === "" ? operand(left, own) : `${width}${this.print(left, UNARY)}`;
    const narrowed = operator === "/" || operator === "%" ? width : "";
    const b = narrowed === "" ? operand(right, own + 1) : `${narrowed}${this.print(right, UNARY)}`;
    const text = `${a} ${OPERATOR[operator] ?? operator} ${b}`;
    return own < outer ? `(${text})` : text;
  }

  #index(expression: Expr & { is: "index" }): string {
    const { prefix } = this.#names;
    const args = this.list([expression.object, expression.index]);
    const { type } = expression.object;
    if (type.is === "list") return `${this.#names.name(type.element)}_at(${args})`;
    if (type.is === "scratch") return `${prefix}_scratch_${type.element}_get(${args})`;
    return `${prefix}_byte(${args})`;
  }
}

const isConstant = ({ is }: Expr): boolean => is === "constant" || is === "number";

/** The kernel's C compares a variable with a constant, never the other way round. */
function constantLast(expression: Expr & { is: "binary" }): Expr & { is: "binary" } {
  const { left, right } = expression;
  const operator = MIRRORED[expression.operator];
  if (operator === undefined || !isConstant(left) || isConstant(right)) return expression;
  return { ...expression, operator, left: right, right: left };
}

/** What the left operand is cast to, so that C computes what the language means. */
function cast({ operator, left, right, high }: Expr & { is: "binary" }): string {
  if (operator === "/" || operator === "%") {
    // A 32-bit kernel divides 64 bits by powers of two only; the compiler has seen that these fit 32.
    return isPowerOfTwo(right) || (isSurelyNarrow(left) && isSurelyNarrow(right)) ? "" : "(u32)";
  }
  if (!["+", "-", "*", "<<"].includes(operator)) return "";
  if (high > HIGHEST.u32) return left.high <= HIGHEST.u32 && right.high <= HIGHEST.u32 ? "(u64)" : "";
  // Bytes and literals are signed 32-bit integers in C's arithmetic.
  return high > INT_MAX && !isSurelyUnsigned(left) && (operator === "<<" || !isSurelyUnsigned(right)) ? "(u32)" : "";
}

/** Whether an expression has an unsigned type in C, be it of 32 or 64 bits. */
const isSurelyUnsigned = (expression: Expr): boolean =>
  expression.type.is === "scalar" &&
  (expression.type.name === "u32" || expression.type.name === "u53") &&
  (expression.is === "binary"
    ? isSurelyUnsigned(expression.left) || (isSurelyUnsigned(expression.right) && !expression.operator.startsWith(">>"))
    : ["variable", "load", "field", "valueMember", "narrow", "call", "length"].includes(expression.is));

/** Whether an expression has at most 32 bits in C. */
function isSurelyNarrow(expression: Expr): boolean {
  if (expression.is === "number" || expression.is === "constant") return expression.high <= HIGHEST.u32;
  const simple = ["variable", "load", "field", "valueMember", "index", "call", "length"].includes(expression.is);
  return simple && expression.type.is === "scalar" && ["u8", "u16", "u32"].includes(expression.type.name);
}
