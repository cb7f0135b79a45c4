import { banner } from "./banner.ts";
import type { Field, Spec, StructType, UnionType } from "../ir.ts";

const comment = (doc: string, indent: string): string[] =>
  doc === "" ? [] : doc.split("\n").map((line) => `${indent}# ${line}`.trimEnd());

const field = (item: Field, indent: string): string[] => [
  `${indent}${item.name} @${item.ordinal} :${item.wire};`,
  ...comment(item.doc, `${indent}  `),
];

const union = (item: UnionType): string[] => [
  `  ${item.member} :union {`,
  ...comment(item.doc, "    "),
  ...item.members.flatMap((member) => field(member, "    ")),
  "  }",
];

function struct(item: StructType): string[] {
  const members = [
    ...item.fields.map((member) => ({ ordinal: member.ordinal, lines: field(member, "  ") })),
    ...item.unions.map((member) => ({ ordinal: member.members[0]?.ordinal ?? 0, lines: union(member) })),
  ].toSorted((a, b) => a.ordinal - b.ordinal);
  return ["", `struct ${item.name} {`, ...comment(item.doc, "  "), ...members.flatMap((member) => member.lines), "}"];
}

/** The schema in Cap'n Proto's own language, for any of its tools. */
export function emitCapnp(spec: Spec): string {
  const lines = [
    `# ${banner(`schema/${spec.settings.structs}.ts`)}`,
    `@${spec.settings.capnpId};`,
    ...spec.structs.flatMap(struct),
  ];
  return `${lines.join("\n")}\n`;
}
