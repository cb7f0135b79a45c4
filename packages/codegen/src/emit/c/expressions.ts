import { braces, call, fill } from "./document.ts";
import type { Doc } from "./document.ts";
import type { CNames } from "./names.ts";
import { HIGHEST, isPowerOfTwo, snake } from "../../ir.ts";
import type { Expr } from "../../ir.ts";
import { isComparison, precedenceOf, UNARY } from "../precedence.ts";

const OPERATOR: Record<string, string> = { "===": "==", "!==": "!=" };
/** The comparison with its sides exchanged. */
const MIRRORED: Record<string, string> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "===": "===", "!==": "!==" };
const INT_MAX = 2 ** 31 - 1;

/** Whether gcc and clang warn unless `inner` is in parentheses inside `outer`. */
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
  print(expression: Expr, outer = 0): Doc {
    const names = this.#names;
    const { prefix } = names;
    const member = (object: Expr, access: string): Doc => [this.print(object, UNARY), access];
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
        return this.#call(`${prefix}_difference`, expression.left, expression.right);
      case "atMost":
        return this.#call(`${prefix}_at_most`, expression.left, expression.right);
      case "compareBytes":
        return this.#call(`${prefix}_compare_bytes`, expression.left, expression.right, expression.most);
      case "not":
        return ["!", this.print(expression.operand, UNARY)];
      case "choice": {
        const [condition, then, otherwise] = [expression.condition, expression.then, expression.otherwise];
        return inParentheses(
          fill([[this.print(condition, 1), " ?"], [this.print(then, 1), " :"], this.print(otherwise, 1)]),
          outer > 0,
        );
      }
      case "narrow":
        if (expression.operand.high <= HIGHEST.u32) return this.print(expression.operand, outer);
        return this.#call(`${prefix}_narrow`, expression.operand);
      case "call":
        return this.#call(names.name(expression.callee.name), ...expression.arguments);
      case "field":
        return this.#call(names.accessor(expression.struct, expression.field.name), expression.object);
      case "unionMember":
        return this.#call(names.unionAccessor(expression.union, expression.field.name), expression.object);
      case "unionView":
        return this.print(expression.object, outer);
      case "unionKind":
        return this.#call(names.unionAccessor(expression.union, "kind"), expression.object);
      case "valueMember": {
        const access = names.isShared(expression.object.type) ? "->" : ".";
        return member(expression.object, `${access}${snake(expression.member)}`);
      }
      case "length":
        return member(expression.object, expression.object.type.is === "list" ? ".part.count" : ".length");
      case "index":
        return this.#index(expression);
      case "load":
        return this.#call(`${prefix}_load_${expression.width}`, expression.object, expression.offset);
      case "slice":
        return this.#call(`${prefix}_slice`, expression.object, expression.start, expression.end);
      case "record": {
        const members = expression.members.map(({ name, value }) => [`.${snake(name)} = `, this.print(value)]);
        return [`(struct ${names.name(expression.value)}) `, braces(members)];
      }
      case "offsetOf":
        return inParentheses(["(u64)", member(expression.object, ".part.at"), " * 8"], outer > precedenceOf("*"));
      case "cast":
        return [`(${names.type(expression.type)}) `, braces([[".part = ", this.print(expression.operand)]])];
      case "checkedBinary":
      case "strictField":
      case "strictUnionMember":
        throw new Error(`${expression.is} inside an expression: checkEffects should have refused it`);
    }
  }

  list(expressions: readonly Expr[]): Doc[] {
    return expressions.map((expression) => this.print(expression));
  }

  #call(name: string, ...args: Expr[]): Doc {
    return call(name, this.list(args));
  }

  #binary(expression: Expr & { is: "binary" }, outer: number): Doc {
    return inParentheses(fill(this.#operands(expression)), precedenceOf(expression.operator) < outer);
  }

  /** The operands of a chain of operations of one precedence, each with the operator after it. */
  #operands(expression: Expr & { is: "binary" }): Doc[] {
    const { operator, left, right } = constantLast(expression);
    const own = precedenceOf(operator);
    const isClearer = (side: Expr): boolean => side.is === "binary" && clearer(side.operator, operator);
    const operand = (side: Expr, at: number): Doc => this.print(side, isClearer(side) ? UNARY : at);
    const width = cast(expression);
    const narrowed = operator === "/" || operator === "%" ? width : "";
    const last = narrowed === "" ? operand(right, own + 1) : [narrowed, this.print(right, UNARY)];
    const chained = width === "" && left.is === "binary" && precedenceOf(left.operator) === own && !isClearer(left);
    const first = width === "" ? operand(left, own) : [width, this.print(left, UNARY)];
    const before = chained ? this.#operands(left) : [first];
    const sign = ` ${OPERATOR[operator] ?? operator}`;
    return [...before.slice(0, -1), [before.at(-1) ?? "", sign], last];
  }

  #index(expression: Expr & { is: "index" }): Doc {
    const { prefix } = this.#names;
    const { object, index } = expression;
    if (object.type.is === "list") return this.#call(`${this.#names.name(object.type.element)}_at`, object, index);
    if (object.type.is === "scratch") return this.#call(`${prefix}_scratch_${object.type.element}_get`, object, index);
    return this.#call(`${prefix}_byte`, object, index);
  }
}

const inParentheses = (doc: Doc, needed: boolean): Doc => (needed ? ["(", doc, ")"] : doc);

const isConstant = ({ is }: Expr): boolean => is === "constant" || is === "number";

/** The kernel's C compares a variable with a constant, never the other way round. */
function constantLast(expression: Expr & { is: "binary" }): Expr & { is: "binary" } {
  const { left, right } = expression;
  const operator = MIRRORED[expression.operator];
  if (operator === undefined || !isConstant(left) || isConstant(right)) return expression;
  return { ...expression, operator, left: right, right: left };
}

/** The cast of the left operand that makes C compute in as many bits as the language. */
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
    : ["variable", "load", "field", "valueMember", "narrow", "call", "length", "compareBytes"].includes(expression.is));

/** Whether an expression has at most 32 bits in C. */
function isSurelyNarrow(expression: Expr): boolean {
  if (expression.is === "number" || expression.is === "constant") return expression.high <= HIGHEST.u32;
  const simple = ["variable", "load", "field", "valueMember", "index", "call", "length"].includes(expression.is);
  return simple && expression.type.is === "scalar" && ["u8", "u16", "u32"].includes(expression.type.name);
}
