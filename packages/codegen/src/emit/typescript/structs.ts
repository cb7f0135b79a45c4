import { TsExpressions } from "./expressions.ts";
import { TsNames, tsDoc } from "./names.ts";
import type { Field, Spec, StructType, UnionType } from "../../ir.ts";

const getter = (doc: string, name: string, type: string, value: string): string =>
  `${tsDoc(doc)}get ${name}(): ${type} {\nreturn ${value};\n}`;

/** Prints the view classes: each reads a struct in the buffer of its message. */
class TsViews {
  readonly #names: TsNames;
  readonly #expressions: TsExpressions;

  constructor(names: TsNames) {
    this.#names = names;
    this.#expressions = new TsExpressions(names);
  }

  struct(struct: StructType): string {
    const members = [
      ...struct.fields.map((field) => this.#getter(field, this.#expressions.read("this.part", field))),
      ...struct.unions.map((union) => getter(union.doc, union.member, union.name, `new ${union.name}(this.part)`)),
    ];
    const unions = struct.unions.map((union) => this.#union(union));
    return [...unions, this.#class(struct.name, struct.doc, members)].join("\n\n");
  }

  #getter(field: Field, value: string): string {
    return getter(field.doc, field.name, this.#names.type(field.type), value);
  }

  #class(name: string, doc: string, members: string[]): string {
    const part = this.#names.typeName("StructPart");
    const head = `readonly part: ${part};\n\nconstructor(part: ${part}) {\nthis.part = part;\n}`;
    return `${tsDoc(doc)}export class ${name} {\n${[head, ...members].join("\n\n")}\n}`;
  }

  #union(union: UnionType): string {
    const kinds = union.members.map((field) => `"${field.name}"`);
    const kindOf = (part: string): string =>
      `${union.name}_KINDS[${this.#names.value("u16Field")}(${part}, ${union.tag / 8})] ?? "invalid"`;
    const view = `static kindOf(part: StructPart): ${union.name}Kind {\nreturn ${kindOf("part")};\n}`;
    const members = union.members
      .filter((field) => field.type.is !== "void")
      .map((field) =>
        this.#getter(
          field,
          `this.kind === "${field.name}" ? ${this.#expressions.read("this.part", field)} : ${this.#absent(field)}`,
        ),
      );
    return [
      `export type ${union.name}Kind = ${kinds.join(" | ")} | "invalid";`,
      `const ${union.name}_KINDS: readonly ${union.name}Kind[] = [${kinds.join(", ")}];`,
      this.#class(union.name, union.doc === "" ? `The union ${union.struct}.${union.member}.` : union.doc, [
        `/** Which member is present in the struct \`part\`. */\n${view}`,
        getter("Which member is present.", "kind", `${union.name}Kind`, kindOf("this.part")),
        ...members,
      ]),
    ].join("\n\n");
  }

  /** An absent member reads as empty: never as another member's bytes. */
  #absent(field: Field): string {
    if (field.type.is === "bytes") return this.#names.value("ABSENT_BYTES");
    if (field.type.is === "struct") return `new ${field.type.name}(${this.#names.value("ABSENT")})`;
    const element = field.type.is === "list" ? field.type.element : "";
    return `new ${this.#names.value("StructList")}(${this.#names.value("ABSENT_LIST")}, ${element})`;
  }
}

/** The views that read structs in the buffer of a message. */
export function emitTsStructs(spec: Spec): string {
  const names = new TsNames(spec, spec.settings.structs);
  const views = new TsViews(names);
  const body = spec.structs.map((struct) => views.struct(struct));
  return `${names.imports()}\n${body.join("\n\n")}\n`;
}

/** The list of rules, in the order of their numbers from 1 on. */
export function emitTsRules(spec: Spec): string {
  const numbers = spec.rules.map((rule, position) => `/** ${rule.doc} */\n"${rule.name}": ${position + 1},`);
  const kinds = spec.rules.map((rule) => `["${rule.name}", "${rule.kind}"],`);
  return [
    "/** Every rule that the input may break, and its number in both implementations. */",
    `export const Rule = {\n${numbers.join("\n")}\n} as const;\n`,
    "export type RuleName = keyof typeof Rule;\n",
    "/** Name and kind of each rule; the first is number 1. */",
    `export const RULES: readonly (readonly [RuleName, "corrupt" | "unsupported"])[] = [\n${kinds.join("\n")}\n];\n`,
  ].join("\n");
}
