import { TsExpressions } from "./expressions.ts";
import { TsNames, tsDoc } from "./names.ts";
import type { Constant, Expr, FunctionType, Spec, Stmt, ValueType } from "../../ir.ts";

const exportOf = (item: { exported: boolean }): string => (item.exported ? "export " : "");

/** Prints the functions, constants and records of one module. */
class TsModule {
  readonly #names: TsNames;
  readonly #expressions: TsExpressions;

  constructor(names: TsNames) {
    this.#names = names;
    this.#expressions = new TsExpressions(names);
  }

  constant(constant: Constant): string {
    return `${tsDoc(constant.doc)}${exportOf(constant)}const ${constant.name} = ${this.#print(constant.initializer)};`;
  }

  record(value: ValueType): string {
    const members = value.members.map(
      (member) => `${tsDoc(member.doc)}readonly ${member.name}: ${this.#names.type(member.type)};`,
    );
    return `${tsDoc(value.doc)}export interface ${value.name} {\n${members.join("\n")}\n}`;
  }

  function(fn: FunctionType): string {
    const parameters = fn.parameters.map((parameter) => `${parameter.name}: ${this.#names.type(parameter.type)}`);
    const returns = `${this.#names.type(fn.returns)}${fn.optional ? " | undefined" : ""}`;
    const head = `${exportOf(fn)}function ${fn.name}(${parameters.join(", ")}): ${returns}`;
    return `${tsDoc(fn.doc)}${head} ${this.#block(fn.body)}`;
  }

  #print(expression: Expr): string {
    return this.#expressions.print(expression);
  }

  #block(statements: Stmt[], ...first: string[]): string {
    return `{\n${[...first, ...statements.map((statement) => this.#statement(statement))].join("\n")}\n}`;
  }

  #statement(statement: Stmt): string {
    switch (statement.is) {
      case "declare": {
        const declared = statement.constant ? "const " : "let ";
        const type = statement.constant ? "" : `: ${this.#names.type(statement.type)}`;
        return `${declared}${statement.name}${type} = ${this.#print(statement.value)};`;
      }
      case "assign":
        return `${statement.name} = ${this.#print(statement.value)};`;
      case "store": {
        const value = this.#print(statement.value);
        const stored = statement.element === "bool" ? `${value} ? 1 : 0` : value;
        return `${this.#print(statement.scratch)}[${this.#print(statement.index)}] = ${stored};`;
      }
      case "if": {
        const otherwise = statement.otherwise.length === 0 ? "" : ` else ${this.#block(statement.otherwise)}`;
        return `if (${this.#print(statement.condition)}) ${this.#block(statement.then)}${otherwise}`;
      }
      case "return":
        if (statement.absent) return "return undefined;";
        return statement.value === undefined ? "return;" : `return ${this.#print(statement.value)};`;
      case "fail": {
        const args = [statement.rule, statement.subject, statement.offset].map((argument) => this.#print(argument));
        return `throw ${this.#names.value("failure")}(${args.join(", ")});`;
      }
      case "forOf": {
        const list = `${statement.name}List`;
        const index = `${statement.name}Index`;
        const head = `for (let ${list} = ${this.#expressions.list(statement.list)}, ${index} = 0; ${index} < ${list}.count; ${index}++)`;
        const item = `const ${statement.name} = ${this.#expressions.element(list, statement.element, index)};`;
        return `${head} ${this.#block(statement.body, item)}`;
      }
      case "forCount": {
        const { name } = statement;
        const head = `let ${name} = ${this.#print(statement.from)}; ${name} < ${this.#print(statement.limit)}; ${name}++`;
        return `for (${head}) ${this.#block(statement.body)}`;
      }
      case "while": {
        const head = `let measure = 0, bound = Infinity; ${this.#print(statement.condition)}; bound = measure`;
        const ends = statement.guard === "halves" ? "measure > bound / 2 || bound === 0" : "measure >= bound";
        const guard = `measure = ${this.#print(statement.measure)};\nif (${ends}) break;`;
        return `for (${head}) ${this.#block(statement.body, guard)}`;
      }
      case "call":
        return `${this.#print(statement.call)};`;
      case "break":
      case "continue":
        return `${statement.is};`;
    }
  }
}

/** The algorithms of one module as TypeScript. */
export function emitTsModule(spec: Spec, module: string): string {
  const names = new TsNames(spec, module);
  const printer = new TsModule(names);
  const ours = <T extends { module: string }>(items: T[]): T[] => items.filter((item) => item.module === module);
  const body = [
    ...ours(spec.constants).map((constant) => printer.constant(constant)),
    ...ours(spec.values).map((value) => printer.record(value)),
    ...ours(spec.functions).map((fn) => printer.function(fn)),
  ];
  return `${names.imports()}\n${body.join("\n\n")}\n`;
}
