import type { TsNames } from "./emit-ts-names.ts";
import { HIGHEST } from "./ir.ts";
import type { Expr, Field } from "./ir.ts";
import { precedenceOf, UNARY } from "./precedence.ts";

const CHECKED: Record<string, string> = { "+": "checkedAdd", "-": "checkedSubtract", "*": "checkedMultiply" };
const READERS = {
  total: { struct: "structField", list: "listField", bytes: "dataField" },
  strict: { struct: "checkedStruct", list: "checkedList", bytes: "checkedData" },
} as const;

/** The wire module's reader of a pointer member. */
export function pointerReader(field: Field, kind: "total" | "strict"): string {
  const { is } = field.type;
  if (is !== "struct" && is !== "list" && is !== "bytes") throw new Error(`${field.name} is behind no pointer`);
  return READERS[kind][is];
}

const inParentheses = (text: string, own: number, outer: number): string => (own < outer ? `(${text})` : text);

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
        return this.pointer(`${this.#object(expression)}.part`, expression.field, this.print(expression.work));
      case "field":
      case "unionMember":
        return `${this.#object(expression)}.${expression.field.name}`;
      case "unionView":
        return `${this.#object(expression)}.${expression.union.member}`;
      case "unionKind":
        return `${this.#object(expression)}.kind`;
      case "valueMember":
        return `${this.#object(expression)}.${expression.member}`;
      case "length":
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
        return inParentheses(`${this.#object(expression)}.part.at * 8`, precedenceOf("*"), outer);
      case "cast":
        return `new ${names.value(expression.struct)}(${this.print(expression.operand)})`;
    }
  }

  /** A pointer member of `part`; with `work`, followed strictly. */
  pointer(part: string, field: Field, work?: string): string {
    const reader = this.#names.value(pointerReader(field, work === undefined ? "total" : "strict"));
    const found = `${reader}(${[part, field.slot, ...(work === undefined ? [] : [work])].join(", ")})`;
    if (field.type.is === "struct") return `new ${this.#names.value(field.type.name)}(${found})`;
    if (field.type.is !== "list") return found;
    return `new ${this.#names.value("StructList")}(${found}, ${this.#names.value(field.type.element)})`;
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
    // JavaScript's bit operations give signed numbers.
    const signed = ["&", "|", "^", "<<"].includes(operator) && expression.high >= 2 ** 31;
    if (signed) return inParentheses(`(${a} ${operator} ${b}) >>> 0`, shift, outer);
    return inParentheses(`${a} ${operator} ${b}`, own, outer);
  }

  #index(expression: Expr & { is: "index" }): string {
    const object = this.#object(expression);
    const index = this.print(expression.index);
    const { type } = expression.object;
    if (type.is === "list") return this.element(`${object}.part`, type.element, index);
    if (type.is === "bytes") return `${object}.at(${index})`;
    if (type.is === "scratch" && type.element === "bool") return `(${object}[${index}] === 1)`;
    return `(${object}[${index}] ?? 0)`;
  }

  /** The view of one element of a list. */
  element(list: string, struct: string, index: string): string {
    return `new ${this.#names.value(struct)}(${this.#names.value("element")}(${list}, ${index}))`;
  }
}
