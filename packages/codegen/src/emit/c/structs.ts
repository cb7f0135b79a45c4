import type { Field, Spec, StructType, UnionType } from "../../ir.ts";
import { pointerReader } from "../readers.ts";
import { assignment, braces, call, fill, head } from "./document.ts";
import type { Doc } from "./document.ts";
import { comment, line } from "./lines.ts";
import type { Line } from "./lines.ts";
import type { CNames } from "./names.ts";

/** C types of the integers that a data section holds. */
const STORED: Record<string, string> = { u16: "u16", u32: "u32", u53: "u64", i53: "s64" };

const ALIGNED =
  "The readers of a data section compare only a member's offset with the section's size: since each member is aligned to its own size, one that begins in the section also ends in it. The assertions below check that.";

/** Prints the views of the structs on the wire, and the inline functions that read their members. */
export class CStructs {
  readonly #spec: Spec;
  readonly #names: CNames;

  constructor(spec: Spec, names: CNames) {
    this.#spec = spec;
    this.#names = names;
  }

  /** All types, then all accessors: a member may be of a type that follows. */
  lines(): Line[] {
    const { structs } = this.#spec;
    return [
      ...structs.flatMap((struct) => this.#types(struct)),
      ...comment(ALIGNED),
      "",
      ...structs.flatMap((struct) => [...this.#assertions(struct), ...this.#accessors(struct)]),
    ];
  }

  #types(struct: StructType): string[] {
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

  /** The sizes and offsets that the accessors depend on. */
  #assertions(struct: StructType): Line[] {
    const name = `struct ${this.#names.name(struct.name)}`;
    const part = `struct ${this.#names.prefix}_struct_part`;
    const sized = struct.fields.flatMap(({ type, slot }) => {
      const stored = type.is === "scalar" ? STORED[type.name] : undefined;
      return stored === undefined ? [] : [{ stored, at: slot / 8 }];
    });
    const tags = struct.unions.map((union) => ({ stored: "u16", at: union.tag / 8 }));
    return [
      ...comment(`${struct.name}: words of data ${struct.words}, pointers ${struct.pointers}.`),
      line(0, "static_assert(", fill([`sizeof(${name}) ==`, `sizeof(${part})`]), ");"),
      ...[...sized, ...tags].map(
        ({ stored, at }) =>
          `static_assert(${at} % sizeof(${stored}) == 0 && ${at} + sizeof(${stored}) <= ${struct.words * 8});`,
      ),
      ...struct.unions.map(
        (union) => `static_assert(${this.#names.tag(union, { name: "invalid" })} == ${union.members.length});`,
      ),
      "",
    ];
  }

  #inline(doc: string, returns: string, name: string, parameters: string[], body: Line[]): Line[] {
    return [...comment(doc), line(0, head(`static inline ${returns}`, name, parameters)), "{", ...body, "}", ""];
  }

  #accessors(struct: StructType): Line[] {
    const name = this.#names.name(struct.name);
    const part = call(this.#names.name("element"), ["list.part", "index"]);
    const element = [`(struct ${name}) `, braces([[".part = ", part]])];
    return [
      ...this.#inline(
        "",
        `struct ${name}`,
        `${name}_at`,
        [`struct ${name}_list list`, "u32 index"],
        [line(1, "return ", element, ";")],
      ),
      ...struct.fields.flatMap((field) => {
        const accessor = this.#names.accessor(struct.name, field.name);
        const body = [line(1, "return ", this.#read(field), ";")];
        return this.#inline(field.doc, this.#names.type(field.type), accessor, [`struct ${name} self`], body);
      }),
      ...struct.unions.flatMap((union) => this.#unionAccessors(union)),
    ];
  }

  #read(field: Field): Doc {
    const { prefix } = this.#names;
    if (field.type.is === "scalar") {
      const at =
        field.type.name === "bool" ? `${Math.floor(field.slot / 8)}, ${1 << (field.slot % 8)}` : field.slot / 8;
      return `${prefix}_${field.type.name}_field(self.part, ${at})`;
    }
    const part = call(this.#names.name(pointerReader(field, "total")), ["self.part", String(field.slot)]);
    if (field.type.is === "bytes") return part;
    return [`(${this.#names.type(field.type)}) `, braces([[".part = ", part]])];
  }

  #unionAccessors(union: UnionType): Line[] {
    const self = [`struct ${this.#names.name(union.struct)} self`];
    const kind = this.#names.unionAccessor(union, "kind");
    const type = `enum ${this.#names.name(union.name)}`;
    const invalid = this.#names.tag(union, { name: "invalid" });
    const tag = [
      line(1, assignment("u16 tag", `${this.#names.prefix}_u16_field(self.part, ${union.tag / 8})`), ";"),
      "",
      line(1, "return ", fill([`tag < ${invalid} ?`, `(${type})tag :`, invalid]), ";"),
    ];
    const members = union.members.filter((field) => field.type.is !== "void");
    return [
      ...this.#inline(union.doc, type, kind, self, tag),
      ...members.flatMap((field) => {
        const body = [
          line(1, "if (", fill([`${kind}(self) !=`, this.#names.tag(union, field)]), ")"),
          line(2, "return ", this.#absent(field), ";"),
          line(1, "return ", this.#read(field), ";"),
        ];
        const accessor = this.#names.unionAccessor(union, field.name);
        return this.#inline(field.doc, this.#names.type(field.type), accessor, self, body);
      }),
    ];
  }

  /** An absent member reads as empty: never as another member's bytes. */
  #absent(field: Field): Doc {
    if (field.type.is === "bytes") return `${this.#names.prefix}_slice(self.part.message->bytes, 0, 0)`;
    return [`(${this.#names.type(field.type)}) `, braces([".part.message = self.part.message"])];
  }
}
