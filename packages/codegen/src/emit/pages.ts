import { banner } from "./banner.ts";
import type { Field, Spec, StructType } from "../ir.ts";

const from = (module: string): string => `<!-- ${banner(`schema/${module}.ts`)} -->`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

/** Every rule, in the order of its number. */
export function rulesPage(spec: Spec): string {
  const rows = spec.rules.map((rule, at) => [`${at + 1}`, `\`${rule.name}\``, rule.kind, rule.doc]);
  return [
    from(spec.settings.rules),
    "# Rules",
    "The reasons of a reader to refuse its input. _corrupt_: no writer makes this (EUCLEAN in the kernel); _unsupported_: newer than this reader (EOPNOTSUPP).",
    table(["number", "rule", "kind", "meaning"], rows),
    "",
  ].join("\n\n");
}

/** Every struct with its members, their ordinals, types and positions in the encoding. */
export function structsPage(spec: Spec): string {
  const { messages = [] } = spec.settings;
  const others = messages.map((name) => `; \`${name}\` is the root of messages of its own`).join("");
  return [
    from(spec.settings.structs),
    "# Structs",
    `One Cap'n Proto message, whose root is \`${spec.settings.root}\`${others}. Data members are located by their first bit in the data section, pointers by their index in the pointer section. A member that is marked _added_ is unknown to older writers, and is written only where some object has it.`,
    ...spec.structs.flatMap(structSection),
    "",
  ].join("\n\n");
}

function structSection(item: StructType): string[] {
  const members = [
    ...item.fields.map((field) => ({ field, of: "" })),
    ...item.unions.flatMap((union) => union.members.map((field) => ({ field, of: union.member }))),
  ].toSorted((a, b) => a.field.ordinal - b.field.ordinal);
  const rows = members.map(({ field, of }) => [
    `${field.ordinal}`,
    `\`${of === "" ? "" : `${of}.`}${field.name}\``,
    field.wire,
    positionOf(field),
    `${field.doc}${field.added ? " _Added._" : ""}`.replaceAll("\n", " ").trim(),
  ]);
  const unions = item.unions.map(
    (union) => `\`${union.member}\` is a union: a 16-bit tag at bit ${union.tag} numbers its members in this order.`,
  );
  const base = item.baseWords === item.words && item.basePointers === item.pointers;
  const size = `${item.words} × 8 bytes of data, ${item.pointers} × 8 bytes of pointers`;
  const older = `${item.baseWords} and ${item.basePointers} (× 8 bytes) in lists of older writers`;
  return [
    `## ${item.name}`,
    [item.doc, `Size: ${base ? size : `${size}; ${older}`}.`, ...unions].join(" ").replaceAll("\n", " "),
    table(["ordinal", "member", "type", "position", "meaning"], rows),
  ];
}

function positionOf(field: Field): string {
  switch (field.type.is) {
    case "void":
      return "";
    case "scalar":
      return `bit ${field.slot}`;
    default:
      return `pointer ${field.slot}`;
  }
}
