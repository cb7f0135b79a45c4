import { CExpressions, pointerReader } from "./emit-c-expressions.ts";
import type { CNames } from "./emit-c-expressions.ts";
import { mayFail } from "./flow.ts";
import { snake } from "./ir.ts";
import type { Expr, FunctionType, Stmt, Type } from "./ir.ts";

const CHECKED: Record<string, string> = { "+": "add", "-": "subtract", "*": "multiply" };

/** What a C function returns itself, and whether its value goes through `out`. */
export function returnsBool(fn: { fallible: boolean; optional: boolean }): boolean {
  return fn.fallible || fn.optional;
}

export function prototype(fn: FunctionType, names: CNames): string {
  const parameters = fn.parameters.map((parameter) => names.declare(parameter.type, snake(parameter.name)));
  if (fn.fallible) parameters.push(`struct ${names.prefix}_failure *failure`);
  if (returnsBool(fn) && fn.returns.is !== "void") parameters.push(`${names.type(fn.returns).replace(/^const (.*) \*$/, "$1")} *out`);
  const storage = fn.exported ? "" : "static ";
  const returns = returnsBool(fn) ? "bool" : names.type(fn.returns);
  return `${storage}${returns} ${names.name(fn.name)}(${parameters.join(", ")})`;
}

/** Prints one function's statements; what may fail becomes `if (!…) return false;`. */
export class CBody {
  readonly #names: CNames;
  readonly #fn: FunctionType;
  readonly #expressions: CExpressions;

  constructor(names: CNames, fn: FunctionType) {
    this.#names = names;
    this.#fn = fn;
    this.#expressions = new CExpressions(names);
  }

  text(): string[] {
    const lines = this.#block(this.#fn.body, "\t");
    const last = this.#fn.body.at(-1);
    if (this.#fn.returns.is === "void" && this.#fn.fallible && last?.is !== "return" && last?.is !== "fail") lines.push("\treturn true;");
    return lines;
  }

  /** Declarations come first in a block, as the kernel's C wants it. */
  #block(statements: Stmt[], indent: string): string[] {
    const declarations: string[] = [];
    const rest: string[] = [];
    for (const statement of statements) {
      if (statement.is !== "declare") {
        rest.push(...this.#statement(statement, indent));
        continue;
      }
      const name = snake(statement.name);
      const declared = this.#names.declare(statement.type, name);
      const optional = statement.value.is === "call" && statement.value.callee.optional;
      if (rest.length === 0 && !mayFail(statement.value) && !optional) {
        declarations.push(`${indent}${declared} = ${this.#expressions.print(statement.value)};`);
        continue;
      }
      declarations.push(`${indent}${declared};`);
      if (optional && statement.value.is === "call") {
        declarations.push(`${indent}bool ${name}_found;`);
        const call = statement.value;
        rest.push(`${indent}${name}_found = ${this.#names.name(call.callee.name)}(${[...call.arguments.map((argument) => this.#expressions.print(argument)), `&${name}`].join(", ")});`);
      } else rest.push(...this.#into(name, statement.value, indent));
    }
    return declarations.length > 0 && rest.length > 0 ? [...declarations, "", ...rest] : [...declarations, ...rest];
  }

  /** Puts a value that may fail into `target`. */
  #into(target: string, value: Expr, indent: string): string[] {
    if (!mayFail(value)) return [`${indent}${target} = ${this.#expressions.print(value)};`];
    return [`${indent}if (!${this.#attempt(value, `&${target}`)})`, `${indent}\treturn false;`];
  }

  /** A call that gives false on failure and else puts its value where `out` points. */
  #attempt(value: Expr, out: string): string {
    const { prefix } = this.#names;
    const part = (pointer: string): string => (pointer.startsWith("&") ? `${pointer}.part` : `&${pointer}->part`);
    if (value.is === "checkedBinary") return `${prefix}_checked_${CHECKED[value.operator]}(${this.#expressions.list([value.left, value.right])}, failure, ${out})`;
    if (value.is === "strictField" || value.is === "strictUnionMember") {
      const reader = this.#names.name(pointerReader(value.field, true));
      const target = value.field.type.is === "bytes" ? out : part(out);
      return `${reader}(${this.#expressions.print(value.object, 11)}.part, ${value.field.slot}, ${this.#expressions.print(value.work)}, failure, ${target})`;
    }
    if (value.is !== "call") throw new Error(`${value.is} cannot fail`);
    const args = value.arguments.map((argument) => this.#expressions.print(argument));
    if (value.callee.fallible) args.push("failure");
    if (value.callee.returns.is !== "void") args.push(out);
    return `${this.#names.name(value.callee.name)}(${args.join(", ")})`;
  }

  #return(statement: Stmt & { is: "return" }, indent: string): string[] {
    if (!returnsBool(this.#fn)) return [`${indent}return${statement.value === undefined ? "" : ` ${this.#expressions.print(statement.value)}`};`];
    if (statement.absent) return [`${indent}return false;`];
    if (statement.value === undefined) return [`${indent}return true;`];
    const optional = statement.value.is === "call" && statement.value.callee.optional;
    if (mayFail(statement.value) || optional) return [`${indent}return ${this.#attempt(statement.value, "out")};`];
    return [`${indent}*out = ${this.#expressions.print(statement.value)};`, `${indent}return true;`];
  }

  #call(call: Expr, indent: string): string[] {
    if (!mayFail(call)) return [`${indent}${this.#expressions.print(call)};`];
    if (call.is === "call" && call.callee.returns.is === "void") return [`${indent}if (!${this.#attempt(call, "")})`, `${indent}\treturn false;`];
    const unused = this.#names.declare(call.type, "unused");
    return [`${indent}{`, `${indent}\t${unused};`, "", ...this.#into("unused", call, `${indent}\t`), `${indent}}`];
  }

  #statement(statement: Stmt, indent: string): string[] {
    const print = (expression: Expr): string => this.#expressions.print(expression);
    const inner = `${indent}\t`;
    switch (statement.is) {
      case "declare":
        return [];
      case "assign":
        return this.#into(snake(statement.name), statement.value, indent);
      case "store": {
        const element = statement.scratch.type.is === "scratch" ? statement.scratch.type.element : "";
        return [`${indent}${this.#names.prefix}_scratch_${element}_set(${print(statement.scratch)}, ${print(statement.index)}, ${print(statement.value)});`];
      }
      case "if": {
        const [then, otherwise] = [this.#block(statement.then, inner), this.#block(statement.otherwise, inner)];
        const braces = then.length > 1 || otherwise.length > 1;
        const lines = [`${indent}if (${print(statement.condition)})${braces ? " {" : ""}`, ...then];
        if (otherwise.length > 0) lines.push(`${indent}${braces ? "} " : ""}else${braces ? " {" : ""}`, ...otherwise);
        return braces ? [...lines, `${indent}}`] : lines;
      }
      case "return":
        return this.#return(statement, indent);
      case "fail":
        return [`${indent}return ${this.#names.prefix}_fail(failure, ${print(statement.rule)}, ${print(statement.inode)}, ${print(statement.offset)});`];
      case "forOf":
        return this.#forOf(statement, indent);
      case "forCount": {
        const name = snake(statement.name);
        const head = `for (${this.#names.type(statement.type)} ${name} = ${print(statement.from)}; ${name} < ${print(statement.limit)}; ${name}++)`;
        return [`${indent}${head} {`, ...this.#block(statement.body, inner), `${indent}}`];
      }
      case "while": {
        const deeper = `${inner}\t`;
        const guard = [`${deeper}u64 measure = ${print(statement.measure)};`, "", `${deeper}if (measure >= previous)`, `${deeper}\tbreak;`, `${deeper}previous = measure;`];
        return [`${indent}{`, `${inner}u64 previous = U64_MAX;`, "", `${inner}while (${print(statement.condition)}) {`, ...guard, ...this.#nested(statement.body, deeper), `${inner}}`, `${indent}}`];
      }
      case "call":
        return this.#call(statement.call, indent);
      case "break":
        return [`${indent}break;`];
      case "continue":
        return [`${indent}continue;`];
    }
  }

  /** A block of its own only where it declares something. */
  #nested(statements: Stmt[], indent: string): string[] {
    if (!statements.some((statement) => statement.is === "declare")) return this.#block(statements, indent);
    return [`${indent}{`, ...this.#block(statements, `${indent}\t`), `${indent}}`];
  }

  #forOf(statement: Stmt & { is: "forOf" }, indent: string): string[] {
    const type: Type = { is: "list", element: statement.element };
    const [list, index, name] = [`${snake(statement.name)}_list`, `${snake(statement.name)}_index`, snake(statement.name)];
    const inner = `${indent}\t`;
    const deeper = `${inner}\t`;
    const item = `${this.#names.name(statement.element)}_at(${list}, ${index})`;
    return [
      `${indent}{`,
      `${inner}${this.#names.declare(type, list)} = ${this.#expressions.print(statement.list)};`,
      "",
      `${inner}for (u32 ${index} = 0; ${index} < ${list}.part.count; ${index}++) {`,
      `${deeper}struct ${this.#names.name(statement.element)} ${name} = ${item};`,
      "",
      ...this.#nested(statement.body, deeper),
      `${inner}}`,
      `${indent}}`,
    ];
  }
}
