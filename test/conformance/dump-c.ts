/** C that prints every field of every struct as dump.ts does, written from the specification. */
import { snake } from "../../packages/codegen/src/ir.ts";
import type { Field, StructType, UnionType } from "../../packages/codegen/src/ir.ts";
import type { Structs } from "./spec.ts";

/** Statements that print the value `expression` of a member. */
function printValue(prefix: string, field: Field, expression: string): string[] {
  const { type } = field;
  if (type.is === "bytes") return [`put_data(text, ${expression});`];
  if (type.is === "struct") return [`dump_${snake(type.name)}(text, ${expression});`];
  if (type.is === "void") return [`put(text, "null");`];
  if (type.is === "list") {
    const element = snake(type.element);
    return [
      `put(text, "[");`,
      `for (u32 i = 0; i < ${expression}.part.count; i++) {`,
      `\tif (i)\n\t\t\tput(text, ",");`,
      `\tif (!more(text))\n\t\t\tbreak;`,
      `\tdump_${element}(text, ${prefix}_${element}_at(${expression}, i));`,
      `}`,
      `put(text, "]");`,
    ];
  }
  if (type.is !== "scalar") throw new Error(`${field.name}: no way to print a ${type.is}`);
  if (type.name === "bool") return [`put(text, "%s", ${expression} ? "true" : "false");`];
  const format = type.name === "i53" ? "lld" : "llu";
  return [`put(text, "%${format}", (${type.name === "i53" ? "" : "unsigned "}long long)${expression});`];
}

function printUnion(prefix: string, self: string, union: UnionType): string[] {
  const base = `${prefix}_${self}_${snake(union.member)}`;
  const members = union.members.flatMap((member) => [
    `if (${base}_kind(self) == ${base.toUpperCase()}_${snake(member.name).toUpperCase()}) {`,
    `\tput(text, "\\"${member.name}\\":");`,
    ...printValue(prefix, member, `${base}_${snake(member.name)}(self)`).map((line) => `\t${line}`),
    `}`,
  ]);
  const invalid = [`if (${base}_kind(self) == ${base.toUpperCase()}_INVALID)`, `\tput(text, "\\"invalid\\":null");`];
  return [`put(text, "\\"${union.member}\\":{");`, ...members, ...invalid, `put(text, "}");`];
}

function printStruct(prefix: string, struct: StructType, messages: readonly string[]): string {
  const self = snake(struct.name);
  const fields = struct.fields.map((field) => [
    `put(text, "\\"${field.name}\\":");`,
    ...printValue(prefix, field, `${prefix}_${self}_${snake(field.name)}(self)`),
  ]);
  const unions = struct.unions.map((union) => printUnion(prefix, self, union));
  const body = [...fields, ...unions].flatMap((lines, position) =>
    position === 0 ? lines : [`put(text, ",");`, ...lines],
  );
  return [
    `${messages.includes(struct.name) ? "" : "static "}void dump_${self}(struct text *text, struct ${prefix}_${self} self)`,
    "{",
    ...[`put(text, "{");`, ...body, `put(text, "}");`].map((line) => `\t${line}`),
    "}",
  ].join("\n");
}

/** The C file that defines dump_root(), and one function for each other message. Structs come after those that they contain. */
export function dumpSource(spec: Structs): string {
  const { prefix, root, messages = [] } = spec.settings;
  return [
    "// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0",
    '#include "text.h"',
    "",
    ...spec.structs.map((struct) => `${printStruct(prefix, struct, messages)}\n`),
    "void dump_root(struct text *text, struct pfs_struct_part part)",
    "{",
    `\tdump_${snake(root)}(text, (struct ${prefix}_${snake(root)}) { .part = part });`,
    "}",
    "",
  ].join("\n");
}
