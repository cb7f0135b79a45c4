import { CExpressions } from "./expressions.ts";
import { returnsBool } from "./names.ts";
import type { CNames } from "./names.ts";
import { pointerReader } from "../readers.ts";
import { endsFlow, mayFail } from "../../walk.ts";
import { snake } from "../../ir.ts";
import type { Expr, FunctionType, Stmt } from "../../ir.ts";
import { precedenceOf, UNARY } from "../precedence.ts";

const CHECKED: Record<string, string> = { "+": "add", "-": "subtract", "*": "multiply" };

/** The declarations at the head of a block, as the kernel's C wants them, and what follows. */
class Block {
  readonly #declared = new Map<string, string>();
  readonly lines: string[] = [];
  readonly #indent: string;

  constructor(indent: string) {
    this.#indent = indent;
  }

  /** Declares a variable of the specification. */
  declare(declaration: string): void {
    this.#declared.set(declaration, "");
  }

  /** A variable that the compiler needs: one that it has already, or another; gives its name. */
  own(type: string, wanted: string): string {
    let name = wanted;
    for (let next = 2; (this.#declared.get(name) ?? type) !== type; next++) name = `${wanted}${next}`;
    this.#declared.set(name, type);
    return name;
  }

  text(): string[] {
    const declarations = [...this.#declared].map(
      ([name, type]) => `${this.#indent}${type}${type === "" ? "" : " "}${name};`,
    );
    const gap = declarations.length > 0 && this.lines.length > 0 ? [""] : [];
    return [...declarations, ...gap, ...this.lines];
  }
}

const isOptionalCall = (value: Expr): value is Expr & { is: "call" } => value.is === "call" && value.callee.optional;

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
    if (this.#fn.returns.is !== "void" || !this.#fn.fallible || endsFlow(this.#fn.body)) return lines;
    const [, attempt] = /^\tif \(!(.*)\)$/.exec(lines.at(-2) ?? "") ?? [];
    if (attempt !== undefined && lines.at(-1) === "\t\treturn false;")
      return [...lines.slice(0, -2), `\treturn ${attempt};`];
    return [...lines, "\treturn true;"];
  }

  #print(expression: Expr): string {
    return this.#expressions.print(expression);
  }

  #block(statements: Stmt[], indent: string): string[] {
    const block = new Block(indent);
    this.#fill(block, statements, indent);
    return block.text();
  }

  #fill(block: Block, statements: Stmt[], indent: string): void {
    for (const statement of statements) {
      if (statement.is === "declare") this.#declare(statement, block, indent);
      else block.lines.push(...this.#lines(statement, block, indent));
    }
  }

  #declare(statement: Stmt & { is: "declare" }, block: Block, indent: string): void {
    const name = snake(statement.name);
    const declared = this.#names.declare(statement.type, name);
    const { value } = statement;
    if (isOptionalCall(value)) {
      block.declare(declared);
      block.declare(`bool ${name}_found`);
      block.lines.push(`${indent}${name}_found = ${this.#attempt(value, `&${name}`)};`);
    } else if (block.lines.length === 0 && !mayFail(value)) {
      block.declare(`${declared} = ${this.#print(value)}`);
    } else {
      block.declare(declared);
      block.lines.push(...this.#into(name, value, indent));
    }
  }

  /** Puts a value that may fail into `target`. */
  #into(target: string, value: Expr, indent: string): string[] {
    if (!mayFail(value)) return [`${indent}${target} = ${this.#print(value)};`];
    return [`${indent}if (!${this.#attempt(value, `&${target}`)})`, `${indent}\treturn false;`];
  }

  /** A call that gives false on failure and else puts its value where `out` points. */
  #attempt(value: Expr, out: string): string {
    if (value.is === "checkedBinary") {
      const operands = this.#expressions.list([value.left, value.right]);
      return `${this.#names.prefix}_checked_${CHECKED[value.operator]}(${operands}, failure, ${out})`;
    }
    if (value.is === "strictField" || value.is === "strictUnionMember") {
      const part = out.startsWith("&") ? `${out}.part` : `&${out}->part`;
      const target = value.field.type.is === "bytes" ? out : part;
      const object = `${this.#expressions.print(value.object, UNARY)}.part`;
      const args = [object, value.field.slot, this.#print(value.work), "failure", target];
      return `${this.#names.name(pointerReader(value.field, "strict"))}(${args.join(", ")})`;
    }
    if (value.is !== "call") throw new Error(`${value.is} cannot fail`);
    const args = value.arguments.map((argument) => this.#print(argument));
    if (value.callee.fallible) args.push("failure");
    if (value.callee.returns.is !== "void") args.push(out);
    return `${this.#names.name(value.callee.name)}(${args.join(", ")})`;
  }

  #return(statement: Stmt & { is: "return" }, indent: string): string[] {
    const { value, absent } = statement;
    if (!returnsBool(this.#fn)) return [`${indent}return${value === undefined ? "" : ` ${this.#print(value)}`};`];
    if (absent) return [`${indent}return false;`];
    if (value === undefined) return [`${indent}return true;`];
    if (mayFail(value) || isOptionalCall(value)) return [`${indent}return ${this.#attempt(value, "out")};`];
    return [`${indent}*out = ${this.#print(value)};`, `${indent}return true;`];
  }

  #call(call: Expr, block: Block, indent: string): string[] {
    if (call.is === "call" && !mayFail(call) && !isOptionalCall(call)) return [`${indent}${this.#print(call)};`];
    if (call.is === "call" && call.callee.returns.is === "void") {
      return [`${indent}if (!${this.#attempt(call, "")})`, `${indent}\treturn false;`];
    }
    // A value that nobody wants still needs a place.
    return this.#into(block.own(this.#names.type(call.type), "unused"), call, indent);
  }

  #if(statement: Stmt & { is: "if" }, indent: string): string[] {
    const then = this.#block(statement.then, `${indent}\t`);
    const [only] = statement.otherwise;
    const chain = only?.is === "if" && statement.otherwise.length === 1 ? this.#if(only, indent) : undefined;
    const otherwise = chain ?? this.#block(statement.otherwise, `${indent}\t`);
    const braces = then.length > 1 || (chain === undefined && otherwise.length > 1);
    const [open, close] = braces ? [" {", "} "] : ["", ""];
    const head = [`${indent}if (${this.#print(statement.condition)})${open}`, ...then];
    if (chain !== undefined) return [...head, `${indent}${close}else ${chain[0]?.trimStart()}`, ...chain.slice(1)];
    if (otherwise.length > 0) head.push(`${indent}${close}else${open}`, ...otherwise);
    return braces ? [...head, `${indent}}`] : head;
  }

  #lines(statement: Exclude<Stmt, { is: "declare" }>, block: Block, indent: string): string[] {
    const { prefix } = this.#names;
    const inner = `${indent}\t`;
    switch (statement.is) {
      case "assign":
        return this.#into(snake(statement.name), statement.value, indent);
      case "store": {
        const args = this.#expressions.list([statement.scratch, statement.index, statement.value]);
        return [`${indent}${prefix}_scratch_${statement.element}_set(${args});`];
      }
      case "if":
        return this.#if(statement, indent);
      case "return":
        return this.#return(statement, indent);
      case "fail": {
        const args = this.#expressions.list([statement.rule, statement.subject, statement.offset]);
        return [`${indent}return ${prefix}_fail(failure, ${args});`];
      }
      case "forOf":
        return this.#forOf(statement, block, indent);
      case "forCount": {
        const name = snake(statement.name);
        const start = `${this.#names.type(statement.type)} ${name} = ${this.#print(statement.from)}`;
        const head = `${indent}for (${start}; ${name} < ${this.#print(statement.limit)}; ${name}++)`;
        return this.#loop(head, this.#block(statement.body, inner), indent);
      }
      case "while": {
        const condition = this.#expressions.print(statement.condition, precedenceOf("&&"));
        const guard = `${prefix}_decreases(&bound, ${this.#print(statement.measure)})`;
        const head = `${indent}for (u64 bound = U64_MAX; ${condition} && ${guard};)`;
        return this.#loop(head, this.#block(statement.body, inner), indent);
      }
      case "call":
        return this.#call(statement.call, block, indent);
      case "break":
      case "continue":
        return [`${indent}${statement.is};`];
    }
  }

  #loop(head: string, body: string[], indent: string): string[] {
    return body.length === 1 ? [head, ...body] : [`${head} {`, ...body, `${indent}}`];
  }

  #forOf(statement: Stmt & { is: "forOf" }, block: Block, indent: string): string[] {
    const struct = `struct ${this.#names.name(statement.element)}`;
    const name = snake(statement.name);
    const own = statement.list.is === "variable" && statement.list.constant;
    const list = own ? this.#print(statement.list) : block.own(`${struct}_list`, `${name}_list`);
    const index = `${name}_index`;
    const body = new Block(`${indent}\t`);
    body.declare(`${struct} ${name} = ${this.#names.name(statement.element)}_at(${list}, ${index})`);
    this.#fill(body, statement.body, `${indent}\t`);
    return [
      ...(own ? [] : [`${indent}${list} = ${this.#print(statement.list)};`]),
      ...this.#loop(`${indent}for (u32 ${index} = 0; ${index} < ${list}.part.count; ${index}++)`, body.text(), indent),
    ];
  }
}
