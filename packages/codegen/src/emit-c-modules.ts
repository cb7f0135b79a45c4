import { CExpressions } from "./emit-c-expressions.ts";
import { CBody } from "./emit-c-functions.ts";
import { comment, print } from "./emit-c-layout.ts";
import { CNames } from "./emit-c-names.ts";
import { pointerReader } from "./emit-ts-expressions.ts";
import { calleesFirst } from "./flow.ts";
import { snake } from "./ir.ts";
import type { Expr, Field, Spec, StructType, UnionType, ValueType } from "./ir.ts";

const LICENSE = "SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0";

const madeFrom = (source: string): string =>
  `/* Made from schema/${source} by \`make codegen\`: change that, not this. */`;

const source = (from: string, lines: string[]): string =>
  print([`// ${LICENSE}`, madeFrom(`${from}.ts`), `#include "format.h"`, "", ...lines]);

/** Prints all C of a specification: one header, the table of rules, one file a module. */
export class CEmitter {
  readonly #spec: Spec;
  readonly #names: CNames;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.#names = new CNames(spec);
  }

  /** The rules, the types, the accessors and what the modules export. */
  header(): string {
    const { prefix } = this.#names;
    const { wire, modules } = this.#spec.settings;
    const guard = `_${prefix.toUpperCase()}_FORMAT_H`;
    // Records of the wire module come before the structs that are made of them, the others may contain structs.
    const records = (early: boolean): string[] =>
      this.#spec.values.filter((value) => (value.module === wire) === early).flatMap((value) => this.#record(value));
    return print([
      `/* ${LICENSE} */`,
      madeFrom(""),
      `#ifndef ${guard}`,
      `#define ${guard}`,
      "",
      `#include "../format_base.h"`,
      "",
      ...this.#ruleNumbers(),
      ...this.#constants(true),
      ...records(true),
      ...this.#spec.structs.flatMap((struct) => this.#structType(struct)),
      ...this.#prototypes(wire),
      ...this.#spec.structs.flatMap((struct) => this.#accessors(struct)),
      ...records(false),
      ...modules.filter((module) => module !== wire).flatMap((module) => this.#prototypes(module)),
      `#endif /* ${guard} */`,
    ]);
  }

  module(module: string, from: string): string {
    const functions = calleesFirst(this.#spec.functions.filter((fn) => fn.module === module));
    const bodies = functions.flatMap((fn) => [
      ...comment(fn.doc),
      this.#names.prototype(fn),
      "{",
      ...new CBody(this.#names, fn).text(),
      "}",
      "",
    ]);
    return source(from, [...this.#constants(false, module), ...bodies]);
  }

  rules(): string {
    const { prefix } = this.#names;
    const unsupported = this.#spec.rules.filter((rule) => rule.kind === "unsupported");
    return source(this.#spec.settings.rules, [
      `const char * const ${prefix}_rule_names[] = {`,
      ...["none", ...this.#spec.rules.map((rule) => rule.name)].map((name) => `\t"${name}",`),
      "};",
      "",
      `const bool ${prefix}_rule_unsupported[] = {`,
      ...unsupported.map((rule) => `\t[${this.#names.upper("rule", rule.name)}] = true,`),
      `\t[${this.#names.upper("rule", "count")}] = false,`,
      "};",
    ]);
  }

  #ruleNumbers(): string[] {
    const { prefix } = this.#names;
    const name = (rule: string): string => `\t${this.#names.upper("rule", rule)}`;
    return [
      ...comment("Every rule that the input may break."),
      `enum ${prefix}_rule {`,
      `${name("none")},`,
      ...this.#spec.rules.flatMap((rule) => [...comment(rule.doc, "\t"), `${name(rule.name)},`]),
      name("count"),
      "};",
      "",
      ...comment(`Name of a rule, and whether breaking it means "newer than this reader".`),
      `extern const char * const ${prefix}_rule_names[];`,
      `extern const bool ${prefix}_rule_unsupported[];`,
      "",
    ];
  }

  #constants(exported: boolean, module?: string): string[] {
    const lines = this.#spec.constants
      .filter((constant) => constant.exported === exported && (module === undefined || constant.module === module))
      .flatMap((constant) => [
        ...comment(constant.doc),
        `#define ${this.#names.upper(constant.name)} ${this.#constant(constant.expression)}`,
      ]);
    return lines.length === 0 ? [] : [...lines, ""];
  }

  #constant(expression: Expr): string {
    const text = new CExpressions(this.#names).print(expression);
    return expression.is === "binary" ? `(${text})` : text;
  }

  #record(value: ValueType): string[] {
    const members = value.members.flatMap((member) => [
      ...comment(member.doc, "\t"),
      `\t${this.#names.declare(member.type, snake(member.name))};`,
    ]);
    return [...comment(value.doc), `struct ${this.#names.name(value.name)} {`, ...members, "};", ""];
  }

  #structType(struct: StructType): string[] {
    const { prefix } = this.#names;
    const name = this.#names.name(struct.name);
    const kinds = struct.unions.flatMap((union) => [
      `enum ${this.#names.name(union.name)} {`,
      ...[...union.members, { name: "invalid" }].map((member) => `\t${this.#names.tag(union, member)},`),
      "};",
      "",
    ]);
    const view = (type: string, part: string): string[] => [
      `struct ${type} {`,
      `\tstruct ${prefix}_${part} part;`,
      "};",
      "",
    ];
    return [...kinds, ...comment(struct.doc), ...view(name, "struct_part"), ...view(`${name}_list`, "list_part")];
  }

  #inline(doc: string, returns: string, name: string, parameters: string, body: string[]): string[] {
    return [...comment(doc), `static inline ${returns} ${name}(${parameters})`, "{", ...body, "}", ""];
  }

  #accessors(struct: StructType): string[] {
    const name = this.#names.name(struct.name);
    const element = `(struct ${name}) { .part = ${this.#names.name("element")}(list.part, index) }`;
    return [
      ...this.#inline("", `struct ${name}`, `${name}_at`, `struct ${name}_list list, u32 index`, [
        `\treturn ${element};`,
      ]),
      ...struct.fields.flatMap((field) => {
        const accessor = this.#names.accessor(struct.name, field.name);
        const body = [`\treturn ${this.#read(field)};`];
        return this.#inline(field.doc, this.#names.type(field.type), accessor, `struct ${name} self`, body);
      }),
      ...struct.unions.flatMap((union) => this.#unionAccessors(union)),
    ];
  }

  #read(field: Field): string {
    const { prefix } = this.#names;
    if (field.type.is === "scalar") {
      const at =
        field.type.name === "bool" ? `${Math.floor(field.slot / 8)}, ${1 << (field.slot % 8)}` : field.slot / 8;
      return `${prefix}_${field.type.name}_field(self.part, ${at})`;
    }
    const part = `${this.#names.name(pointerReader(field, "total"))}(self.part, ${field.slot})`;
    return field.type.is === "bytes" ? part : `(${this.#names.type(field.type)}) { .part = ${part} }`;
  }

  #unionAccessors(union: UnionType): string[] {
    const self = `struct ${this.#names.name(union.struct)} self`;
    const kind = this.#names.unionAccessor(union, "kind");
    const type = `enum ${this.#names.name(union.name)}`;
    const invalid = this.#names.tag(union, { name: "invalid" });
    const tag = [
      `\tu16 tag = ${this.#names.prefix}_u16_field(self.part, ${union.tag / 8});`,
      "",
      `\treturn tag < ${invalid} ? (${type})tag : ${invalid};`,
    ];
    const members = union.members.filter((field) => field.type.is !== "void");
    return [
      ...this.#inline(union.doc, type, kind, self, tag),
      ...members.flatMap((field) => {
        const body = [
          `\tif (${kind}(self) != ${this.#names.tag(union, field)})`,
          `\t\treturn ${this.#absent(field)};`,
          `\treturn ${this.#read(field)};`,
        ];
        const accessor = this.#names.unionAccessor(union, field.name);
        return this.#inline(field.doc, this.#names.type(field.type), accessor, self, body);
      }),
    ];
  }

  /** A member that is not there reads as empty: never as another member's bytes. */
  #absent(field: Field): string {
    if (field.type.is === "bytes") return `${this.#names.prefix}_slice(self.part.message->bytes, 0, 0)`;
    return `(${this.#names.type(field.type)}) { .part.message = self.part.message }`;
  }

  #prototypes(module: string): string[] {
    const functions = this.#spec.functions.filter((fn) => fn.module === module && fn.exported);
    if (functions.length === 0) return [];
    return [`/* ${module}.c */`, ...functions.map((fn) => `${this.#names.prototype(fn)};`), ""];
  }
}
