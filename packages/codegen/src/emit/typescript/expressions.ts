import type { TsNames } from "./names.ts";
import { HIGHEST } from "../../ir.ts";
import type { Expr, Field, Radix } from "../../ir.ts";
import { pointerReader } from "../readers.ts";
import { precedenceOf, UNARY } from "../precedence.ts";

const CHECKED: Record<string, string> = { "+": "checkedAdd", "-": "checkedSubtract", "*": "checkedMultiply" };
/** The property of a part with its length. */
const countOf = (list: Expr): string => (list.type.is === "list" ? "count" : "length");

const inParentheses = (text: string, own: number, outer: number): string => (own < outer ? `(${text})` : text);

const RADIX_PREFIX: Record<Radix, string> = { 2: "0b", 8: "0o", 10: "", 16: "0x" };

/** An integer, in the base in which the specification has it. */
const literal = (value: number, radix: Radix): string => `${RADIX_PREFIX[radix]}${value.toString(radix)}`;

/** Prints expressions as TypeScript. */
export class TsExpressions {
  readonly #names: TsNames;

  constructor(names: TsNames) {
    this.#names = names;
  }

  /** In parentheses where `outer` binds tighter. */
  print(expression: Expr, outer = 0): string {
    const names = this.#names;
    switch (expression.is) {
      case "number":
        return literal(expression.value, expression.radix);
      case "boolean":
        return String(expression.value);
      case "kindName":
        return JSON.stringify(expression.member);
      case "rule":
        return `${names.value("Rule")}["${expression.rule}"]`;
      case "text":
        return `${names.value("text")}("${expression.value}")`;
      case "constant":
        return names.value(expression.name);
      case "variable":
        return expression.name;
      case "present":
        return inParentheses(`${expression.name} ${expression.negated ? "===" : "!=="} undefined`, 6, outer);
      case "binary":
        return this.#binary(expression, outer);
      case "checkedBinary":
        return this.#call(CHECKED[expression.operator] ?? "", [expression.left, expression.right]);
      case "difference": {
        const [left, right] = [this.print(expression.left, 7), this.print(expression.right, 8)];
        const minus = precedenceOf("-");
        const value = `${this.print(expression.left, minus)} - ${this.print(expression.right, minus + 1)}`;
        return inParentheses(`${left} > ${right} ? ${value} : 0`, 0, outer);
      }
      case "atMost":
        return this.#call("Math.min", [expression.left, expression.right]);
      case "compareBytes":
        return this.#call("compareBytes", [expression.left, expression.right, expression.most]);
      case "not":
        return `!${this.print(expression.operand, UNARY)}`;
      case "choice":
        return inParentheses(
          `${this.print(expression.condition, 1)} ? ${this.print(expression.then)} : ${this.print(expression.otherwise)}`,
          0,
          outer,
        );
      case "narrow":
        if (expression.operand.high <= HIGHEST.u32) return this.print(expression.operand, outer);
        return this.#call("narrow", [expression.operand]);
      case "call":
        return this.#call(expression.callee.name, expression.arguments);
      case "strictField":
      case "strictUnionMember":
        return this.#viewed(expression.field, this.#part(expression));
      case "field":
        if (expression.object.is !== "variable") return this.read(this.#part(expression.object), expression.field);
        return `${this.#object(expression)}.${expression.field.name}`;
      case "unionMember":
        return `${this.#object(expression)}.${expression.field.name}`;
      case "unionView":
        return `${this.#object(expression)}.${expression.union.member}`;
      case "unionKind":
        return `${names.value(expression.union.name)}.kindOf(${this.#part(expression.object)})`;
      case "valueMember":
        return `${this.#object(expression)}.${expression.member}`;
      case "length":
        if (expression.object.is === "field") return `${this.#part(expression.object)}.${countOf(expression.object)}`;
        return `${this.#object(expression)}.length`;
      case "index":
        return this.#index(expression);
      case "load":
        return `${this.#object(expression)}.${expression.width}(${this.print(expression.offset)})`;
      case "slice":
        return `${this.#object(expression)}.slice(${this.#list([expression.start, expression.end])})`;
      case "record":
        return `{ ${expression.members.map((member) => `${member.name}: ${this.print(member.value)}`).join(", ")} }`;
      case "offsetOf":
        return inParentheses(`${this.#part(expression.object)}.at * 8`, precedenceOf("*"), outer);
      case "cast":
        return `new ${names.value(expression.struct)}(${this.print(expression.operand)})`;
    }
  }

  /** Reads a member of `part` in the message. */
  read(part: string, field: Field): string {
    if (field.type.is !== "scalar") return this.#viewed(field, this.#follow(part, field));
    const reader = this.#names.value(`${field.type.name}Field`);
    if (field.type.name !== "bool") return `${reader}(${part}, ${field.slot / 8})`;
    return `${reader}(${part}, ${Math.floor(field.slot / 8)}, ${1 << (field.slot % 8)})`;
  }

  /** The part of a list that for…of runs over. */
  list(list: Expr): string {
    return this.#part(list);
  }

  /** The part of a message that is behind a pointer member of `part`; with `work`, followed strictly. */
  #follow(part: string, field: Field, ...work: string[]): string {
    const reader = this.#names.value(pointerReader(field, work.length === 0 ? "total" : "strict"));
    return `${reader}(${[part, field.slot, ...work].join(", ")})`;
  }

  /** The view of a part as the type that `field` has. */
  #viewed(field: Field, part: string): string {
    const { type } = field;
    if (type.is === "struct") return `new ${this.#names.value(type.name)}(${part})`;
    if (type.is !== "list") return part;
    return `new ${this.#names.value("StructList")}(${part}, ${this.#names.value(type.element)})`;
  }

  /** The part of a message that a view would see: no view is made only to be looked through. */
  #part(view: Expr): string {
    switch (view.is) {
      case "field":
        return this.#follow(this.#part(view.object), view.field);
      case "strictField":
      case "strictUnionMember":
        return this.#follow(this.#part(view.object), view.field, this.print(view.work));
      case "index":
        return `${this.#names.value("element")}(${this.#part(view.object)}, ${this.print(view.index)})`;
      case "unionView":
        return this.#part(view.object);
      case "cast":
        return this.print(view.operand);
      default:
        return `${this.print(view, UNARY)}.part`;
    }
  }

  #object(expression: { object: Expr }): string {
    return this.print(expression.object, UNARY);
  }

  #list(expressions: Expr[]): string {
    return expressions.map((expression) => this.print(expression)).join(", ");
  }

  #call(name: string, args: Expr[]): string {
    return `${this.#names.value(name)}(${this.#list(args)})`;
  }

  #binary(expression: Expr & { is: "binary" }, outer: number): string {
    const { operator, left, right } = expression;
    const own = precedenceOf(operator);
    const shift = precedenceOf(">>");
    const a = this.print(left, own);
    const b = this.print(right, own + 1);
    if (operator === "/") {
      const power = right.low === right.high ? Math.log2(right.high) : NaN;
      if (left.high > HIGHEST.u32 || !Number.isInteger(power)) return `Math.floor(${a} / ${b})`;
      return inParentheses(`${this.print(left, shift)} >>> ${power}`, shift, outer);
    }
    if (operator === ">>") return inParentheses(`${a} >>> ${b}`, own, outer);
    // JavaScript's bit operations return signed numbers.
    const signed = ["&", "|", "^", "<<"].includes(operator) && expression.high >= 2 ** 31;
    if (signed) return inParentheses(`(${a} ${operator} ${b}) >>> 0`, shift, outer);
    return inParentheses(`${a} ${operator} ${b}`, own, outer);
  }

  #index(expression: Expr & { is: "index" }): string {
    const { type } = expression.object;
    if (type.is === "list") return `new ${this.#names.value(type.element)}(${this.#part(expression)})`;
    const object = this.#object(expression);
    const index = this.print(expression.index);
    if (type.is === "bytes") return `${object}.at(${index})`;
    if (type.is === "scratch" && type.element === "bool") return `(${object}[${index}] === 1)`;
    return `(${object}[${index}] ?? 0)`;
  }

  /** The view of one element of a list. */
  element(list: string, struct: string, index: string): string {
    return `new ${this.#names.value(struct)}(${this.#names.value("element")}(${list}, ${index}))`;
  }
}
