import { tsDoc } from "./names.ts";
import type { Field, Spec, StructType, UnionType } from "../../ir.ts";

function inputType(field: Field): string {
  const { type } = field;
  if (type.is === "bytes") return "Uint8Array";
  if (type.is === "struct") return `${type.name}Value`;
  if (type.is === "list") return `readonly ${type.element}Value[]`;
  return type.is === "scalar" && type.name === "bool" ? "boolean" : "number";
}

/** Members that may be left out: written as their default, or not at all. */
const mayBeAbsent = (field: Field): boolean => field.added || field.type.is !== "scalar" || field.type.name === "bool";

const unionInput = (union: UnionType): string => {
  const cases = union.members.map((field) =>
    field.type.is === "void"
      ? `{ kind: "${field.name}" }`
      : `{ kind: "${field.name}"; ${field.name}: ${inputType(field)} }`,
  );
  return `${tsDoc(union.doc)}export type ${union.name}Value =\n| ${cases.join("\n| ")};`;
};

function structInput(struct: StructType): string {
  const members = [
    ...struct.fields.map(
      (field) => `${tsDoc(field.doc)}${field.name}${mayBeAbsent(field) ? "?" : ""}: ${inputType(field)};`,
    ),
    ...struct.unions.map((union) => `${tsDoc(union.doc)}${union.member}: ${union.name}Value;`),
  ];
  return [
    ...struct.unions.map(unionInput),
    `${tsDoc(struct.doc)}export interface ${struct.name}Value {\n${members.join("\n")}\n}`,
  ].join("\n\n");
}

const defaultOf = (field: Field): string => (field.type.is === "scalar" && field.type.name === "bool" ? "false" : "0");

function writeScalar(field: Field): string[] {
  if (field.type.is !== "scalar") return [];
  const value = mayBeAbsent(field) ? `(value.${field.name} ?? ${defaultOf(field)})` : `value.${field.name}`;
  if (field.type.name === "bool") return [`if (${value}) message.setBit(at, ${field.slot});`];
  const write = `message.${field.type.name}(at + ${field.slot / 8}, ${value});`;
  return [field.added ? `if (words > ${Math.floor(field.slot / 64)}) ${write}` : write];
}

/** Writes the object at `path` into the message; an absent one stays a null pointer. */
function writePointer(field: Field, path: string, pointer: string): string {
  const { type } = field;
  if (type.is === "bytes") return `if (${path} !== undefined) message.data(${pointer}, ${path});`;
  if (type.is === "list") return `if (${path} !== undefined) message.list(${pointer}, ${path}, ${type.element}Layout);`;
  if (type.is === "struct")
    return `if (${path} !== undefined) message.struct(${pointer}, ${path}, ${type.name}Layout);`;
  return "";
}

function writeUnion(union: UnionType): string[] {
  const cases = union.members.map((field, tag) => {
    const write =
      field.type.is === "void"
        ? ""
        : `message.${field.type.is === "bytes" ? "data" : field.type.is}(pointers + ${field.slot * 8}, value.${union.member}.${field.name}${field.type.is === "bytes" ? "" : `, ${field.type.is === "list" ? field.type.element : field.type.is === "struct" ? field.type.name : ""}Layout`});\n`;
    return `case "${field.name}":\nmessage.u16(at + ${union.tag / 8}, ${tag});\n${write}break;`;
  });
  return [`switch (value.${union.member}.kind) {\n${cases.join("\n")}\n}`];
}

/** The sizes of an object: without added members, or up to the last of them in use. */
function sizes(struct: StructType): string {
  const uses = (field: Field): string =>
    field.type.is === "scalar"
      ? `(value.${field.name} ?? ${defaultOf(field)}) !== ${defaultOf(field)}`
      : `value.${field.name} !== undefined`;
  const added = struct.fields.filter((field) => field.added);
  const data = added.filter((field) => field.type.is === "scalar").toSorted((a, b) => b.slot - a.slot);
  const pointers = added.filter((field) => field.type.is !== "scalar").toSorted((a, b) => b.slot - a.slot);
  const words = data.map((field) => `if (${uses(field)}) return ${Math.floor(field.slot / 64) + 1};`);
  const slots = pointers.map((field) => `if (${uses(field)}) return ${field.slot + 1};`);
  const parameter = (lines: string[]): string => (lines.length === 0 ? "()" : "(value)");
  return [
    `words: ${parameter(words)} => {\n${[...words, `return ${struct.baseWords};`].join("\n")}\n},`,
    `pointers: ${parameter(slots)} => {\n${[...slots, `return ${struct.basePointers};`].join("\n")}\n},`,
  ].join("\n");
}

function layout(struct: StructType): string {
  const pointerFields = struct.fields.filter((field) => field.type.is !== "scalar" && field.type.is !== "void");
  const lines = [
    ...struct.fields.flatMap(writeScalar),
    ...struct.unions.flatMap((union) => writeUnion(union)),
    ...pointerFields.map((field) => writePointer(field, `value.${field.name}`, `pointers + ${field.slot * 8}`)),
  ];
  const used = (name: string): string => (new RegExp(`\\b${name}\\b`).test(lines.join("\n")) ? name : `_${name}`);
  const needsWords = lines.some((line) => line.includes("words >"));
  const parameters = ["message", used("at"), used("pointers"), "value", ...(needsWords ? ["words"] : [])];
  return `/** How ${struct.name} is encoded. */\nexport const ${struct.name}Layout: Layout<${struct.name}Value> = {\n${sizes(struct)}\nwrite: (${parameters.join(", ")}) => {\n${lines.join("\n")}\n},\n};`;
}

/** The writer: plain objects in, one message of one segment out. */
export function emitTsWriter(spec: Spec): string {
  const { root, messages = [] } = spec.settings;
  return [
    `import { MessageBuilder } from "../writer.ts";\nimport type { Layout } from "../writer.ts";`,
    ...spec.structs.map(structInput),
    ...spec.structs.map(layout),
    ...[root, ...messages].map(encoder),
    "",
  ].join("\n\n");
}

function encoder(root: string): string {
  return [
    `/** Writes ${root}: equal objects become equal bytes. Throws RangeError if a number or a list does not fit. */`,
    `export function encode${root}(value: ${root}Value): Uint8Array {\nconst message = new MessageBuilder();\nmessage.root(value, ${root}Layout);\nreturn message.finish();\n}`,
  ].join("\n");
}
