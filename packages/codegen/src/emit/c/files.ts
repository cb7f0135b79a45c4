import { DERIVED } from "../../read/derive.ts";
import { snake } from "../../ir.ts";
import type { Constant, Expr, FunctionType, Spec, Type, ValueType } from "../../ir.ts";
import { accessorsOf, calleesFirst, parts } from "../../walk.ts";
import { banner, sourceOf } from "../banner.ts";
import { UNARY } from "../precedence.ts";
import { CBody } from "./body.ts";
import { CExpressions } from "./expressions.ts";
import { fill, layOut } from "./document.ts";
import { comment, line, print } from "./lines.ts";
import type { Line } from "./lines.ts";
import { CNames } from "./names.ts";
import { CStructs } from "./structs.ts";

const LICENSE = "SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0";
const UMBRELLA = "format.h";
const RUNTIME = "../format_base.h";

/**
 * Prints the C of a specification: for each module a header, with its exports, and a source file; the views of the
 * structs; the rules; and format.h, which includes all headers.
 */
export class CFiles {
  readonly #spec: Spec;
  readonly #names: CNames;
  /** Functions in the header of the wire format: nearly all that the readers of structs do. */
  readonly #inline: ReadonlySet<FunctionType>;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.#names = new CNames(spec);
    this.#inline = accessorsOf(spec.functions.filter((fn) => fn.module === spec.settings.wire));
  }

  /** The text of every file by its name. */
  all(): Map<string, string> {
    const { structs, rules } = this.#spec.settings;
    const files = new Map<string, string>();
    files.set(`${rules}.h`, this.#header(rules, [], this.#ruleNumbers()));
    files.set(`${rules}.c`, this.#source(rules, this.#ruleTables()));
    files.set(`${structs}.h`, this.#structs());
    for (const module of this.#modules()) {
      files.set(`${module}.h`, this.#exports(module));
      const text = this.#functions(module);
      if (text !== undefined) files.set(`${module}.c`, text);
    }
    const headers = [...files.keys()].filter((file) => file.endsWith(".h"));
    files.set(UMBRELLA, this.#umbrella(headers));
    return files;
  }

  #modules(): Set<string> {
    const { constants, values, functions } = this.#spec;
    return new Set([...functions, ...constants, ...values].map((item) => item.module));
  }

  /** The comments that begin a file. */
  #top(module: string, license: string): string[] {
    const { structs } = this.#spec.settings;
    const path = module === "" ? "schema/" : `schema/${module === DERIVED ? structs : module}.ts`;
    return [license, `/* ${banner(path)} */`];
  }

  #header(module: string, headers: readonly string[], lines: readonly Line[]): string {
    const guard = `_${this.#names.prefix}_${module}_H`.toUpperCase();
    const includes = [RUNTIME, ...headers].map((file) => `#include "${file}"`);
    const head = [...this.#top(module, `/* ${LICENSE} */`), `#ifndef ${guard}`, `#define ${guard}`, ""];
    return print([...head, ...includes, "", ...lines, "", `#endif /* ${guard} */`]);
  }

  #source(module: string, lines: readonly Line[]): string {
    return print([...this.#top(module, `// ${LICENSE}`), `#include "${UMBRELLA}"`, "", ...lines]);
  }

  #umbrella(headers: readonly string[]): string {
    const guard = `_${this.#names.prefix}_FORMAT_H`.toUpperCase();
    const includes = headers.map((file) => `#include "${file}"`);
    const head = [...this.#top("", `/* ${LICENSE} */`), `#ifndef ${guard}`, `#define ${guard}`, ""];
    return print([...head, ...includes, "", `#endif /* ${guard} */`]);
  }

  #structs(): string {
    const { structs, wire } = this.#spec.settings;
    return this.#header(structs, [`${wire}.h`], new CStructs(this.#spec, this.#names).lines());
  }

  /** The exports of a module: constants, records, prototypes. */
  #exports(module: string): string {
    const ours = <T extends { module: string }>(items: readonly T[]): T[] =>
      items.filter((item) => item.module === module);
    const constants = this.#exportedConstants(module);
    const records = ours(this.#spec.values);
    const functions = ours(this.#spec.functions).filter((fn) => fn.exported && !this.#inline.has(fn));
    const inline = calleesFirst([...this.#inline].filter((fn) => fn.module === module));
    const types = [
      ...records.flatMap((record) => record.members.map((member) => member.type)),
      ...[...inline, ...functions].flatMap((fn) => [fn.returns, ...fn.parameters.map((parameter) => parameter.type)]),
    ];
    const needed = new Set([
      ...types.flatMap((type) => this.#moduleOf(type) ?? []),
      ...constants.flatMap(({ initializer }) => this.#constantsIn(initializer, module).map((used) => used.module)),
    ]);
    needed.delete(module);
    return this.#header(
      module,
      [...needed].toSorted().map((name) => `${name}.h`),
      [
        ...this.#constants(constants),
        ...records.flatMap((record) => this.#record(record)),
        ...inline.flatMap((fn) => this.#function(fn, module)),
        ...functions.flatMap((fn) => [
          ...(fn.mayStop ? comment(this.#mayStop()) : []),
          line(0, this.#names.prototype(fn), ";"),
        ]),
      ],
    );
  }

  #mayStop(): string {
    return `If ${this.#names.prefix}_stopped(), the result has no meaning:`;
  }

  /** The module whose header declares a type. */
  #moduleOf(type: Type): string | undefined {
    if (type.is === "value") return this.#spec.values.find((value) => value.name === type.name)?.module;
    return ["struct", "union", "kind", "list"].includes(type.is) ? this.#spec.settings.structs : undefined;
  }

  /** The constants of a module's header: those that it exports, and those of its own that their macros name. */
  #exportedConstants(module: string): Constant[] {
    const own = this.#spec.constants.filter((constant) => constant.module === module);
    const used = new Set(own.filter((constant) => constant.exported));
    for (const { initializer } of used)
      for (const constant of this.#constantsIn(initializer, module)) if (constant.module === module) used.add(constant);
    return own.filter((constant) => used.has(constant));
  }

  /** The constants that an expression of `module` names. */
  #constantsIn(expression: Expr, module: string): Constant[] {
    const name = expression.is === "constant" ? expression.name : undefined;
    const named = this.#spec.constants.filter(
      (constant) => constant.name === name && (constant.exported || constant.module === module),
    );
    return [...named, ...parts(expression).flatMap((part) => this.#constantsIn(part, module))];
  }

  /** The functions of a module, each with the name of its source; undefined if there are none. */
  #functions(module: string): string | undefined {
    const functions = calleesFirst(this.#spec.functions.filter((fn) => fn.module === module && !this.#inline.has(fn)));
    if (functions.length === 0) return undefined;
    const exported = this.#exportedConstants(module);
    const own = this.#spec.constants.filter((constant) => constant.module === module && !exported.includes(constant));
    return this.#source(module, [...this.#constants(own), ...functions.flatMap((fn) => this.#function(fn, module))]);
  }

  #function(fn: FunctionType, module: string): Line[] {
    return [
      `/* ${sourceOf(module, this.#spec.settings)}: ${fn.name}() */`,
      ...comment(fn.doc),
      line(0, this.#names.prototype(fn, this.#inline.has(fn))),
      "{",
      ...new CBody(this.#names, fn).text(),
      "}",
      "",
    ];
  }

  #ruleNumbers(): string[] {
    const { prefix } = this.#names;
    const name = (rule: string): string => `\t${this.#names.upper("rule", rule)}`;
    return [
      ...comment("Every rule that the input may break."),
      `enum ${prefix}_rule {`,
      `${name("none")},`,
      ...this.#spec.rules.flatMap((rule) => [...comment(rule.doc, 1), `${name(rule.name)},`]),
      name("count"),
      "};",
      "",
      ...comment(`Name of a rule, and whether breaking it means "newer than this reader".`),
      `extern const char * const ${prefix}_rule_names[];`,
      `extern const bool ${prefix}_rule_unsupported[];`,
    ];
  }

  #ruleTables(): Line[] {
    const { prefix } = this.#names;
    const unsupported = this.#spec.rules.filter((rule) => rule.kind === "unsupported");
    const count = this.#names.upper("rule", "count");
    return [
      `const char * const ${prefix}_rule_names[] = {`,
      ...["none", ...this.#spec.rules.map((rule) => rule.name)].map((name) => `\t"${name}",`),
      "};",
      "",
      line(0, "static_assert(", fill([`sizeof(${prefix}_rule_names) ==`, `${count} * sizeof(char *)`]), ");"),
      "",
      `const bool ${prefix}_rule_unsupported[] = {`,
      ...unsupported.map((rule) => `\t[${this.#names.upper("rule", rule.name)}] = true,`),
      `\t[${count}] = false,`,
      "};",
    ];
  }

  #constants(constants: readonly Constant[]): string[] {
    const expressions = new CExpressions(this.#names);
    const lines = constants.flatMap((constant) => [
      ...comment(constant.doc),
      `#define ${this.#names.upper(constant.name)} ${layOut(expressions.print(constant.initializer, UNARY), 0)}`,
    ]);
    return lines.length === 0 ? [] : [...lines, ""];
  }

  #record(value: ValueType): string[] {
    const members = value.members.flatMap((member) => [
      ...comment(member.doc, 1),
      `\t${this.#names.declare(member.type, snake(member.name))};`,
    ]);
    return [...comment(value.doc), `struct ${this.#names.name(value.name)} {`, ...members, "};", ""];
  }
}
