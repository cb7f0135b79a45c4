import { PRECEDENCE } from "./emit-ts-expressions.ts";
import { HIGHEST, snake } from "./ir.ts";
import type { Expr, Field, Spec, Type, UnionType } from "./ir.ts";

const SCALARS = { bool: "bool", u8: "u8", u16: "u16", u32: "u32", u53: "u64", i53: "s64" } as const;
const UNARY = 11;
const C_OPERATOR: Record<string, string> = { "===": "==", "!==": "!=" };

/** Names and types of C: everything starts with the project's prefix. */
export class CNames {
  readonly prefix: string;
  readonly #shared: Set<string>;

  constructor(spec: Spec) {
    this.prefix = spec.settings.prefix;
    this.#shared = new Set(spec.values.filter((value) => value.shared).map((value) => value.name));
  }

  name(of: string): string {
    return `${this.prefix}_${snake(of)}`;
  }

  upper(...of: string[]): string {
    return [this.prefix, ...of].map(snake).join("_").toUpperCase();
  }

  isShared(type: Type): boolean {
    return type.is === "value" && this.#shared.has(type.name);
  }

  /** A type as a parameter, member or variable has it. */
  type(type: Type): string {
    switch (type.is) {
      case "scalar":
        return SCALARS[type.name];
      case "kind":
        return `enum ${this.name(type.union.name)}`;
      case "bytes":
        return `struct ${this.prefix}_bytes`;
      case "union":
        return `struct ${this.name(type.union.struct)}`;
      case "list":
        return `struct ${this.name(type.element)}_list`;
      case "struct":
        return `struct ${this.name(type.name)}`;
      case "value":
        return this.isShared(type) ? `const struct ${this.name(type.name)} *` : `struct ${this.name(type.name)}`;
      case "scratch":
        return `struct ${this.prefix}_scratch_${type.element}`;
      case "void":
        return "void";
    }
  }

  /** A declaration of `name`: a pointer type already ends with its star. */
  declare(type: Type, name: string): string {
    const text = this.type(type);
    return text.endsWith("*") ? `${text}${name}` : `${text} ${name}`;
  }

  literal(value: number): string {
    return value > HIGHEST.u32 ? `${value}ULL` : value > 2 ** 31 - 1 ? `${value}U` : String(value);
  }
}

const parenthesized = (text: string, own: number, outer: number): string => (own < outer ? `(${text})` : text);

/** Prints expressions that cannot fail. */
export class CExpressions {
  readonly #names: CNames;

  constructor(names: CNames) {
    this.#names = names;
  }

  print(expression: Expr, outer = 0): string {
    const names = this.#names;
    switch (expression.is) {
      case "number":
        return names.literal(expression.value);
      case "boolean":
        return String(expression.value);
      case "kindName":
        return expression.type.is === "kind" ? names.upper(expression.type.union.name, expression.member) : "";
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
      case "not":
        return `!${this.print(expression.operand, UNARY)}`;
      case "choice":
        return `(${this.print(expression.condition)} ? ${this.print(expression.then)} : ${this.print(expression.otherwise)})`;
      case "narrow":
        if (expression.operand.high <= HIGHEST.u32) return this.print(expression.operand, outer);
        return `${names.prefix}_narrow(${this.print(expression.operand)})`;
      case "call":
        return `${names.name(expression.callee.name)}(${this.list(expression.arguments)})`;
      case "field":
        return `${names.name(expression.struct)}_${snake(expression.field.name)}(${this.print(expression.object)})`;
      case "unionMember":
        return `${this.#union(expression.union)}_${snake(expression.field.name)}(${this.print(expression.object)})`;
      case "unionView":
        return this.print(expression.object, outer);
      case "unionKind":
        return `${this.#union(expression.union)}_kind(${this.print(expression.object)})`;
      case "valueMember":
        return `${this.print(expression.object, UNARY)}${names.isShared(expression.object.type) ? "->" : "."}${snake(expression.member)}`;
      case "length": {
        const object = this.print(expression.object, UNARY);
        return expression.object.type.is === "list" ? `${object}.part.count` : `${object}.length`;
      }
      case "index":
        return this.#index(expression);
      case "load":
        return `${names.prefix}_load_${expression.width}(${this.list([expression.object, expression.offset])})`;
      case "slice":
        return `${names.prefix}_slice(${this.list([expression.object, expression.start, expression.end])})`;
      case "record": {
        const members = expression.members.map((member) => `.${snake(member.name)} = ${this.print(member.value)}`);
        return `(struct ${names.name(expression.value)}) { ${members.join(", ")} }`;
      }
      case "offsetOf":
        return parenthesized(`(u64)${this.print(expression.object, UNARY)}.part.at * 8`, PRECEDENCE["*"] ?? 0, outer);
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

  #union(union: UnionType): string {
    return `${this.#names.name(union.struct)}_${snake(union.member)}`;
  }

  #binary(expression: Expr & { is: "binary" }, outer: number): string {
    const { operator, left, right } = expression;
    const own = PRECEDENCE[operator] ?? 0;
    // C would compute in 32 bits what the language means to be exact.
    const widen = ["+", "-", "*"].includes(operator) && expression.high > HIGHEST.u32 && left.high <= HIGHEST.u32 && right.high <= HIGHEST.u32;
    const mixes = own <= 2 || (own >= 3 && own <= 5) || own === 8;
    const inner = (side: Expr, at: number): string => this.print(side, side.is === "binary" && mixes && PRECEDENCE[side.operator] !== own && own !== 1 && !isComparison(side.operator) ? UNARY : side.is === "binary" && own === 1 && side.operator === "&&" ? UNARY : at);
    const a = widen ? `(u64)${this.print(left, UNARY)}` : inner(left, own);
    return parenthesized(`${a} ${C_OPERATOR[operator] ?? operator} ${inner(right, own + 1)}`, own, outer);
  }

  #index(expression: Expr & { is: "index" }): string {
    const { prefix } = this.#names;
    const args = this.list([expression.object, expression.index]);
    const { type } = expression.object;
    if (type.is === "list") return `${this.#names.name(type.element)}_at(${args})`;
    if (type.is === "bytes") return `${prefix}_byte(${args})`;
    return `${prefix}_scratch_${type.is === "scratch" ? type.element : ""}_get(${args})`;
  }
}

const isComparison = (operator: string): boolean => (PRECEDENCE[operator] ?? 0) === 6 || (PRECEDENCE[operator] ?? 0) === 7;

/** The wire module's reader of a pointer member. */
export function pointerReader(field: Field, strict: boolean): string {
  if (field.type.is === "struct") return strict ? "checkedStruct" : "structField";
  if (field.type.is === "list") return strict ? "checkedList" : "listField";
  return strict ? "checkedData" : "dataField";
}
