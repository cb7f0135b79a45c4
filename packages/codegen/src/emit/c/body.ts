import { assignment, call, fill } from "./document.ts";
import type { Doc } from "./document.ts";
import { CExpressions } from "./expressions.ts";
import { line } from "./lines.ts";
import type { Line } from "./lines.ts";
import { returnsBool } from "./names.ts";
import type { CNames } from "./names.ts";
import { pointerReader } from "../readers.ts";
import { endsFlow, isLong, mayBeCut, mayFail } from "../../walk.ts";
import { snake } from "../../ir.ts";
import type { Expr, FunctionType, Stmt } from "../../ir.ts";
import { precedenceOf, UNARY } from "../precedence.ts";

const CHECKED: Record<string, string> = { "+": "add", "-": "subtract", "*": "multiply" };

/** A block: its declarations, which come first in the kernel's C, and its statements. */
class Block {
  readonly #declared = new Map<string, Line>();
  readonly #own = new Map<string, string>();
  readonly lines: Line[] = [];
  readonly tabs: number;

  constructor(tabs: number) {
    this.tabs = tabs;
  }

  /** Declares a variable of the specification. */
  declare(declaration: string, value?: Doc): void {
    const doc = value === undefined ? declaration : assignment(declaration, value);
    this.#declared.set(declaration, line(this.tabs, doc, ";"));
  }

  /** The name of a variable that only the generated code needs: one that is declared already, or a new one. */
  own(type: string, wanted: string): string {
    let name = wanted;
    for (let next = 2; (this.#own.get(name) ?? type) !== type; next++) name = `${wanted}${next}`;
    this.#own.set(name, type);
    this.declare(`${type} ${name}`);
    return name;
  }

  add(...doc: Doc[]): void {
    this.lines.push(line(this.tabs, ...doc));
  }

  /** Fails if `attempt` does. */
  try(attempt: Doc): void {
    this.add("if (!", attempt, ")");
    this.lines.push(line(this.tabs + 1, "return false;"));
  }

  text(): Line[] {
    const gap = this.#declared.size > 0 && this.lines.length > 0 ? [""] : [];
    return [...this.#declared.values(), ...gap, ...this.lines];
  }
}

const isOptionalCall = (value: Expr): value is Expr & { is: "call" } => value.is === "call" && value.callee.optional;

/** Prints one function's statements; a statement that may fail becomes `if (!…) return false;`. */
export class CBody {
  readonly #names: CNames;
  readonly #fn: FunctionType;
  readonly #expressions: CExpressions;
  /** The value of a function that has succeeded: one whose loops may have been cut short fails then. */
  readonly #success: string;

  constructor(names: CNames, fn: FunctionType) {
    this.#names = names;
    this.#fn = fn;
    this.#expressions = new CExpressions(names);
    this.#success = fn.fallible && mayBeCut(fn.body) ? `${names.prefix}_finished(failure)` : "true";
  }

  text(): Line[] {
    const { body, returns, fallible } = this.#fn;
    if (returns.is !== "void" || !fallible || endsFlow(body)) return this.#block(body, 1).text();
    const last = body.at(-1);
    if (last?.is === "call" && mayFail(last.call)) {
      const block = this.#block(body.slice(0, -1), 1);
      block.add("return ", this.#succeeds(this.#attempt(last.call, this.#unused(last.call, block))), ";");
      return block.text();
    }
    const block = this.#block(body, 1);
    block.add("return ", this.#success, ";");
    return block.text();
  }

  #print(expression: Expr, outer = 0): Doc {
    return this.#expressions.print(expression, outer);
  }

  #block(statements: readonly Stmt[], tabs: number): Block {
    const block = new Block(tabs);
    this.#fill(block, statements);
    return block;
  }

  #fill(block: Block, statements: readonly Stmt[]): void {
    for (const statement of statements) this.#statement(statement, block);
  }

  #declare(statement: Stmt & { is: "declare" }, block: Block): void {
    const name = snake(statement.name);
    const declared = this.#names.declare(statement.type, name);
    const { value } = statement;
    if (isOptionalCall(value)) {
      block.declare(declared);
      block.declare(`bool ${name}_found`);
      block.add(assignment(`${name}_found`, this.#attempt(value, `&${name}`)), ";");
    } else if (block.lines.length === 0 && !mayFail(value)) {
      block.declare(declared, this.#print(value));
    } else {
      block.declare(declared);
      this.#into(name, value, block);
    }
  }

  /** Assigns a value that may fail to `target`. */
  #into(target: string, value: Expr, block: Block): void {
    if (mayFail(value)) block.try(this.#attempt(value, `&${target}`));
    else block.add(assignment(target, this.#print(value)), ";");
  }

  /** A call that returns false on failure; else it writes its value to where `out` points. */
  #attempt(value: Expr, out: string): Doc {
    if (value.is === "checkedBinary") {
      const args = [...this.#expressions.list([value.left, value.right]), "failure", out];
      return call(`${this.#names.prefix}_checked_${CHECKED[value.operator]}`, args);
    }
    if (value.is === "strictField" || value.is === "strictUnionMember") {
      const part = out.startsWith("&") ? `${out}.part` : `&${out}->part`;
      const target = value.field.type.is === "bytes" ? out : part;
      const object = [this.#print(value.object, UNARY), ".part"];
      const args = [object, String(value.field.slot), this.#print(value.work), "failure", target];
      return call(this.#names.name(pointerReader(value.field, "strict")), args);
    }
    if (value.is !== "call") throw new Error(`${value.is} cannot fail`);
    const args = this.#expressions.list(value.arguments);
    if (value.callee.fallible) args.push("failure");
    if (value.callee.returns.is !== "void") args.push(out);
    return call(this.#names.name(value.callee.name), args);
  }

  #return({ value, absent }: Stmt & { is: "return" }, block: Block): void {
    if (!returnsBool(this.#fn)) {
      if (value === undefined) block.add("return;");
      else block.add("return ", this.#print(value), ";");
    } else if (absent) block.add("return false;");
    else if (value !== undefined && (mayFail(value) || isOptionalCall(value))) {
      block.add("return ", this.#succeeds(this.#attempt(value, "out")), ";");
    } else {
      if (value !== undefined) block.add(assignment("*out", this.#print(value)), ";");
      block.add("return ", this.#success, ";");
    }
  }

  /** Whether the function succeeds that ends with `attempt`. */
  #succeeds(attempt: Doc): Doc {
    return this.#success === "true" ? attempt : fill([[attempt, " &&"], this.#success]);
  }

  /** Where a value goes that the caller ignores: C needs a variable for it. */
  #unused(value: Expr, block: Block): string {
    if (value.is === "call" && value.callee.returns.is === "void") return "";
    return `&${block.own(this.#names.type(value.type), "unused")}`;
  }

  #call(value: Expr, block: Block): void {
    if (mayFail(value)) block.try(this.#attempt(value, this.#unused(value, block)));
    else if (isOptionalCall(value)) block.add(this.#attempt(value, this.#unused(value, block)), ";");
    else block.add(this.#print(value), ";");
  }

  #if(statement: Stmt & { is: "if" }, block: Block, keyword = "if ("): void {
    const { tabs } = block;
    const then = this.#block(statement.then, tabs + 1).text();
    const [only] = statement.otherwise;
    const chain = only?.is === "if" && statement.otherwise.length === 1 ? only : undefined;
    const otherwise = chain === undefined ? this.#block(statement.otherwise, tabs + 1).text() : [];
    const needed = then.length > 1 || otherwise.length > 1;
    const [open, close] = needed ? [" {", "} "] : ["", ""];
    block.add(keyword, this.#print(statement.condition), `)${open}`);
    block.lines.push(...then);
    if (chain !== undefined) {
      this.#if(chain, block, `${close}else if (`);
      return;
    }
    if (otherwise.length > 0) {
      block.add(`${close}else${open}`);
      block.lines.push(...otherwise);
    }
    if (needed) block.add("}");
  }

  #statement(statement: Stmt, block: Block): void {
    const { prefix } = this.#names;
    const { tabs } = block;
    switch (statement.is) {
      case "declare":
        return this.#declare(statement, block);
      case "assign":
        return this.#into(snake(statement.name), statement.value, block);
      case "store": {
        const args = this.#expressions.list([statement.scratch, statement.index, statement.value]);
        return block.add(call(`${prefix}_scratch_${statement.element}_set`, args), ";");
      }
      case "if":
        return this.#if(statement, block);
      case "return":
        return this.#return(statement, block);
      case "fail": {
        const args = this.#expressions.list([statement.rule, statement.subject, statement.offset]);
        return block.add("return ", call(`${prefix}_fail`, ["failure", ...args]), ";");
      }
      case "forOf":
        return this.#forOf(statement, block);
      case "forCount": {
        const name = snake(statement.name);
        const start = [`${this.#names.type(statement.type)} ${name} = `, this.#print(statement.from), ";"];
        const goesOn = [`${name} < `, this.#print(statement.limit, precedenceOf("<") + 1)];
        const head = [start, this.#condition(statement, goesOn), `${name}++`];
        return this.#loop(head, this.#block(statement.body, tabs + 1), block);
      }
      case "while": {
        const condition = this.#print(statement.condition, precedenceOf("&&"));
        const guard = call(`${prefix}_${statement.guard}`, ["&bound", this.#print(statement.measure)]);
        const head = ["u64 bound = U64_MAX;", this.#condition(statement, condition, guard)];
        return this.#loop(head, this.#block(statement.body, tabs + 1), block);
      }
      case "call":
        return this.#call(statement.call, block);
      case "break":
      case "continue":
        return block.add(`${statement.is};`);
    }
  }

  /** The condition of a loop, which all of `terms` are. A long loop pauses now and then, and ends if the task must stop. */
  #condition(loop: Stmt, ...terms: Doc[]): Doc {
    const all = isLong(loop) ? [...terms, `${this.#names.prefix}_tick()`] : terms;
    return [fill(all.map((term, i) => (i + 1 < all.length ? [term, " &&"] : term))), ";"];
  }

  #loop(head: readonly Doc[], inner: Block, block: Block): void {
    const body = inner.text();
    const needed = body.length !== 1;
    block.add("for (", fill(head), needed ? ") {" : ")");
    block.lines.push(...body);
    if (needed) block.add("}");
  }

  #forOf(statement: Stmt & { is: "forOf" }, block: Block): void {
    const struct = `struct ${this.#names.name(statement.element)}`;
    const name = snake(statement.name);
    const own = statement.list.is === "variable" && statement.list.constant ? snake(statement.list.name) : undefined;
    const list = own ?? block.own(`${struct}_list`, `${name}_list`);
    const index = `${name}_index`;
    const body = new Block(block.tabs + 1);
    body.declare(`${struct} ${name}`, call(`${this.#names.name(statement.element)}_at`, [list, index]));
    this.#fill(body, statement.body);
    if (own === undefined) block.add(assignment(list, this.#print(statement.list)), ";");
    const goesOn = this.#condition(statement, `${index} < ${list}.part.count`);
    this.#loop([`u32 ${index} = 0;`, goesOn, `${index}++`], body, block);
  }
}
