import { tsPointer, tsType } from "./emit-ts-expressions.ts";
import { tsDoc, tsImports } from "./emit-ts-functions.ts";
import type { Field, Spec, StructType, UnionType } from "./ir.ts";

const READ: Record<string, string> = { u16: "u16Field", u32: "u32Field", u53: "u53Field", i53: "i53Field" };

function readField(field: Field): string {
  if (field.type.is !== "scalar") return tsPointer("this.part", field);
  if (field.type.name === "bool") return `boolField(this.part, ${Math.floor(field.slot / 8)}, ${1 << (field.slot % 8)})`;
  return `${READ[field.type.name]}(this.part, ${field.slot / 8})`;
}

const getter = (field: Field, value: string): string => `${tsDoc(field.doc)}get ${field.name}(): ${tsType(field.type)} {\nreturn ${value};\n}`;

const shell = (name: string, doc: string, members: string[]): string =>
  `${tsDoc(doc)}export class ${name} {\nreadonly part: StructPart;\n\nconstructor(part: StructPart) {\nthis.part = part;\n}\n\n${members.join("\n\n")}\n}`;

function unionText(union: UnionType): string {
  const kinds = union.members.map((field) => `"${field.name}"`);
  const members = union.members
    .filter((field) => field.type.is !== "void")
    .map((field) => {
      // A member that is not there reads as empty: never as another member's bytes.
      const other = field.type.is === "bytes" ? "ABSENT_BYTES" : field.type.is === "list" ? `new StructList(ABSENT_LIST, ${field.type.element})` : `new ${tsType(field.type)}(ABSENT)`;
      return getter(field, `this.kind === "${field.name}" ? ${readField(field)} : ${other}`);
    });
  const kind = `/** Which member is there. */\nget kind(): ${union.name}Kind {\nreturn ${union.name}_KINDS[u16Field(this.part, ${union.tag / 8})] ?? "invalid";\n}`;
  return [
    `export type ${union.name}Kind = ${kinds.join(" | ")} | "invalid";`,
    `const ${union.name}_KINDS: readonly ${union.name}Kind[] = [${kinds.join(", ")}];`,
    shell(union.name, union.doc === "" ? `The union ${union.struct}.${union.member}.` : union.doc, [kind, ...members]),
  ].join("\n\n");
}

function structText(struct: StructType): string {
  const members = [
    ...struct.fields.map((field) => getter(field, readField(field))),
    ...struct.unions.map((union) => `${tsDoc(union.doc)}get ${union.member}(): ${union.name} {\nreturn new ${union.name}(this.part);\n}`),
  ];
  return [...struct.unions.map(unionText), shell(struct.name, struct.doc, members)].join("\n\n");
}

/** The views that read structs where they lie in a message. */
export function emitTsStructs(spec: Spec, homes: Map<string, string>, types: Set<string>): string {
  const body = spec.structs.map(structText).join("\n\n");
  return `${tsImports(body, spec.settings.structs, homes, types)}\n\n${body}\n`;
}

/** The list of rules, in the order of their numbers from 1 on. */
export function emitTsRules(spec: Spec): string {
  const names = spec.rules.map((rule, position) => `/** ${rule.doc} */\n"${rule.name}": ${position + 1},`);
  const kinds = spec.rules.map((rule) => `["${rule.name}", "${rule.kind}"],`);
  return [
    `/** Every rule that an image may break, and its number in both implementations. */\nexport const Rule = {\n${names.join("\n")}\n} as const;`,
    `export type RuleName = keyof typeof Rule;`,
    `/** Name and kind of each rule; the first is number 1. */\nexport const RULES: readonly (readonly [RuleName, "corrupt" | "unsupported"])[] = [\n${kinds.join("\n")}\n];\n`,
  ].join("\n\n");
}
