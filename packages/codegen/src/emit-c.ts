import { CNames, pointerReader } from "./emit-c-expressions.ts";
import { CBody, prototype } from "./emit-c-functions.ts";
import { calleesFirst } from "./flow.ts";
import { snake } from "./ir.ts";
import type { Field, Spec, StructType, UnionType, ValueType } from "./ir.ts";

const LICENSE = "GPL-2.0-only OR Apache-2.0";
const COLUMNS = 80;
const TAB = 8;

const width = (line: string): number => [...line].reduce((column, char) => (char === "\t" ? (Math.floor(column / TAB) + 1) * TAB : column + 1), 0);

/** Breaks a long line after a comma or before an operator, and aligns the rest with the bracket it is in. */
export function wrap(line: string): string {
  if (width(line) <= COLUMNS) return line;
  const open: number[] = [];
  let best: { at: number; column: number; depth: number } | undefined;
  let column = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    column = char === "\t" ? (Math.floor(column / TAB) + 1) * TAB : column + 1;
    if (char === "(" || char === "{") open.push(column);
    if (char === ")" || char === "}") open.pop();
    const breaks = char === " " && open.length > 0 && (line[at - 1] === "," || ["&&", "||"].includes(line.slice(at - 2, at)));
    if (!breaks || column > COLUMNS) continue;
    if (best === undefined || open.length <= best.depth) best = { at, column: open.at(-1) ?? 0, depth: open.length };
  }
  if (best === undefined) return line;
  const rest = line.slice(best.at + 1);
  const align = "\t".repeat(Math.floor(best.column / TAB)) + " ".repeat(best.column % TAB);
  const continued = wrap(align + rest);
  return `${line.slice(0, best.at)}\n${continued}`;
}

const comment = (doc: string, indent = ""): string[] => {
  if (doc === "") return [];
  const lines = doc.split("\n");
  if (lines.length === 1 && lines[0] !== undefined && lines[0].length < COLUMNS - 6 - indent.length * TAB) return [`${indent}/* ${lines[0]} */`];
  const folded = lines.flatMap((line) => fold(line, COLUMNS - 4 - indent.length * TAB));
  return [`${indent}/*`, ...folded.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
};

function fold(line: string, columns: number): string[] {
  const out: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > columns) {
      out.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...out, current];
}

const head = (source: string): string[] => [`/* SPDX-License-Identifier: ${LICENSE} */`, `/* Made from ${source} by \`make codegen\`: change that, not this. */`];

/** Prints all C of a specification. */
export class CEmitter {
  readonly #spec: Spec;
  readonly #names: CNames;

  constructor(spec: Spec) {
    this.#spec = spec;
    this.#names = new CNames(spec);
  }

  /** One header: the rules, the types and what the modules export. */
  header(): string {
    const { prefix } = this.#names;
    const guard = `_${prefix.toUpperCase()}_FORMAT_H`;
    const rules = this.#spec.rules.flatMap((rule) => [...comment(rule.doc, "\t"), `\t${this.#names.upper("rule", rule.name)},`]);
    const lines = [
      ...head("schema/"),
      `#ifndef ${guard}`,
      `#define ${guard}`,
      "",
      `#include "../format_base.h"`,
      "",
      ...comment("Every rule that an image may break."),
      `enum ${prefix}_rule {`,
      `\t${this.#names.upper("rule", "none")},`,
      ...rules,
      `\t${this.#names.upper("rule", "count")}`,
      "};",
      "",
      ...comment("Name of a rule, and whether breaking it means \"newer than this reader\"."),
      `extern const char * const ${prefix}_rule_names[];`,
      `extern const bool ${prefix}_rule_unsupported[];`,
      "",
      ...this.#constants(true),
      ...this.#orderedValues().flatMap((value) => this.#value(value)),
      ...this.#spec.structs.flatMap((struct) => this.#structType(struct)),
      ...this.#prototypes(this.#spec.settings.wire),
      ...this.#spec.structs.flatMap((struct) => this.#accessors(struct)),
      ...this.#lateValues().flatMap((value) => this.#value(value)),
      ...this.#spec.settings.modules.filter((module) => module !== this.#spec.settings.wire).flatMap((module) => this.#prototypes(module)),
      `#endif /* ${guard} */`,
    ];
    return this.#text(lines);
  }

  module(module: string): string {
    const functions = calleesFirst(this.#spec.functions.filter((fn) => fn.module === module));
    const bodies = functions.flatMap((fn) => ["", ...comment(fn.doc), prototype(fn, this.#names), "{", ...new CBody(this.#names, fn).text(), "}"]);
    const constants = this.#constants(false, module);
    const lines = [...head(module === "checks" ? `schema/${this.#spec.settings.structs}.ts` : `schema/${module}.ts`), `#include "format.h"`, ...(constants.length > 0 ? ["", ...constants.slice(0, -1)] : []), ...bodies];
    return this.#text(lines.map((line, position) => (position === 0 ? line.replace("/* SPDX", "// SPDX").replace(" */", "") : line)));
  }

  rules(): string {
    const { prefix } = this.#names;
    const lines = [
      `// SPDX-License-Identifier: ${LICENSE}`,
      `/* Made from schema/${this.#spec.settings.rules}.ts by \`make codegen\`: change that, not this. */`,
      `#include "format.h"`,
      "",
      `const char * const ${prefix}_rule_names[] = {`,
      `\t"none",`,
      ...this.#spec.rules.map((rule) => `\t"${rule.name}",`),
      "};",
      "",
      `const bool ${prefix}_rule_unsupported[] = {`,
      ...["none", ...this.#spec.rules.filter((rule) => rule.kind === "unsupported").map((rule) => rule.name)].map((name) => `\t[${this.#names.upper("rule", name)}] = ${name !== "none"},`),
      `\t[${this.#names.upper("rule", "count")}] = false,`,
      "};",
    ];
    return this.#text(lines);
  }

  #text(lines: string[]): string {
    return `${lines.map((line) => (line.startsWith("#") || line.includes("*") && line.trimStart().startsWith("*") ? line : wrap(line))).join("\n").replace(/\n{3,}/g, "\n\n")}\n`;
  }

  #constants(exported: boolean, module?: string): string[] {
    const constants = this.#spec.constants.filter((constant) => constant.exported === exported && (module === undefined || constant.module === module));
    const lines = constants.flatMap((constant) => [...comment(constant.doc), `#define ${this.#names.upper(constant.name)} ${this.#names.literal(constant.value)}`]);
    return lines.length === 0 ? [] : [...lines, ""];
  }

  /* Records of the wire module come before the structs that are made of them, the others may contain structs. */
  #orderedValues(): ValueType[] {
    return this.#spec.values.filter((value) => value.source === `${this.#spec.settings.wire}.ts`);
  }

  #lateValues(): ValueType[] {
    return this.#spec.values.filter((value) => value.source !== `${this.#spec.settings.wire}.ts`);
  }

  #value(value: ValueType): string[] {
    const members = value.members.flatMap((member) => [...comment(member.doc, "\t"), `\t${this.#names.declare(member.type, snake(member.name))};`]);
    return [...comment(value.doc), `struct ${this.#names.name(value.name)} {`, ...members, "};", ""];
  }

  #structType(struct: StructType): string[] {
    const name = this.#names.name(struct.name);
    const { prefix } = this.#names;
    const unions = struct.unions.flatMap((union) => {
      const tags = [...union.members.map((member) => member.name), "invalid"];
      return [`enum ${this.#names.name(union.name)} {`, ...tags.map((tag) => `\t${this.#names.upper(union.name, tag)},`), "};", ""];
    });
    return [
      ...unions,
      ...comment(struct.doc),
      `struct ${name} {`,
      `\tstruct ${prefix}_struct_part part;`,
      "};",
      "",
      `struct ${name}_list {`,
      `\tstruct ${prefix}_list_part part;`,
      "};",
      "",
    ];
  }

  #inline(returns: string, name: string, parameters: string, body: string[]): string[] {
    return [`static inline ${returns} ${name}(${parameters})`, "{", ...body, "}", ""];
  }

  #read(field: Field): string {
    const { prefix } = this.#names;
    if (field.type.is !== "scalar") {
      const call = `${this.#names.name(pointerReader(field, false))}(self.part, ${field.slot})`;
      return field.type.is === "bytes" ? call : `(${this.#names.type(field.type)}) { .part = ${call} }`;
    }
    if (field.type.name === "bool") return `${prefix}_bool_field(self.part, ${Math.floor(field.slot / 8)}, ${1 << (field.slot % 8)})`;
    return `${prefix}_${field.type.name}_field(self.part, ${field.slot / 8})`;
  }

  #accessors(struct: StructType): string[] {
    const name = this.#names.name(struct.name);
    const self = `struct ${name} self`;
    const at = this.#inline(`struct ${name}`, `${name}_at`, `struct ${name}_list list, u32 index`, [`\treturn (struct ${name}) { .part = ${this.#names.name("element")}(list.part, index) };`]);
    const fields = struct.fields.flatMap((field) => [...comment(field.doc), ...this.#inline(this.#names.type(field.type), `${name}_${snake(field.name)}`, self, [`\treturn ${this.#read(field)};`])]);
    return [...at, ...fields, ...struct.unions.flatMap((union) => this.#unionAccessors(struct, union))];
  }

  #unionAccessors(struct: StructType, union: UnionType): string[] {
    const name = `${this.#names.name(struct.name)}_${snake(union.member)}`;
    const self = `struct ${this.#names.name(struct.name)} self`;
    const kind = `enum ${this.#names.name(union.name)}`;
    const invalid = this.#names.upper(union.name, "invalid");
    const tag = [`\tu16 tag = ${this.#names.prefix}_u16_field(self.part, ${union.tag / 8});`, "", `\treturn tag < ${invalid} ? (${kind})tag : ${invalid};`];
    const members = union.members
      .filter((field) => field.type.is !== "void")
      .flatMap((field) => {
        const type = this.#names.type(field.type);
        const empty = field.type.is === "bytes" ? `${this.#names.prefix}_slice(self.part.message->bytes, 0, 0)` : `(${type}) { .part.message = self.part.message }`;
        const body = [`\tif (${name}_kind(self) != ${this.#names.upper(union.name, field.name)})`, `\t\treturn ${empty};`, `\treturn ${this.#read(field)};`];
        return [...comment(field.doc), ...this.#inline(type, `${name}_${snake(field.name)}`, self, body)];
      });
    return [...comment(union.doc), ...this.#inline(kind, `${name}_kind`, self, tag), ...members];
  }

  #prototypes(module: string): string[] {
    const functions = this.#spec.functions.filter((fn) => fn.module === module && fn.exported);
    return functions.length === 0 ? [] : [`/* ${module}.c */`, ...functions.map((fn) => `${prototype(fn, this.#names)};`), ""];
  }
}
