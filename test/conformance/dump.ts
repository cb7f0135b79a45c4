/** Every field of every struct as JSON, read through the generated TypeScript; dump-c.ts writes the same in C. */
import type { Field } from "../../packages/codegen/src/ir.ts";
import type { Structs } from "./spec.ts";
import { Bytes } from "../../packages/format/src/runtime.ts";
import { StructList } from "../../packages/format/src/struct-list.ts";

/** How much is still printed of a message that was refused: it may claim billions of elements. */
export interface Budget {
  elements: number;
  bytes: number;
}

/** A view of a struct, by the names of its members. */
type View = Readonly<Record<string, unknown>>;

/** Prints structs as the specification describes them. */
export class Dumper {
  readonly #spec: Structs;
  #text: string[] = [];
  #budget: Budget = { elements: 0, bytes: 0 };

  constructor(spec: Structs) {
    this.#spec = spec;
  }

  dump(view: object, struct: string, budget: Budget): string {
    this.#text = [];
    this.#budget = { ...budget };
    this.#struct(view as View, struct);
    return this.#text.join("");
  }

  #struct(view: View, name: string): void {
    const struct = this.#spec.structs.find((candidate) => candidate.name === name);
    if (struct === undefined) throw new Error(`${name} is no struct of the specification`);
    let separator = "{";
    for (const field of struct.fields) {
      this.#text.push(`${separator}"${field.name}":`);
      this.#value(view[field.name], field);
      separator = ",";
    }
    for (const union of struct.unions) {
      const members = view[union.member] as View;
      const { kind } = members;
      const field = union.members.find((member) => member.name === kind);
      this.#text.push(`${separator}"${union.member}":{"${String(kind)}":`);
      if (field === undefined) this.#text.push("null");
      else this.#value(members[field.name], field);
      this.#text.push("}");
      separator = ",";
    }
    this.#text.push("}");
  }

  #value(value: unknown, { name, type }: Field): void {
    if (type.is === "void") this.#text.push("null");
    else if (type.is === "struct") this.#struct(value as View, type.name);
    else if (value instanceof Bytes) this.#data(value);
    else if (value instanceof StructList && type.is === "list") this.#list(value, type.element);
    else if (typeof value === "number" || typeof value === "boolean") this.#text.push(String(value));
    else throw new Error(`${name}: no way to print a ${type.is}`);
  }

  #list(list: StructList<object>, element: string): void {
    this.#text.push("[");
    for (let i = 0; i < list.length; i++) {
      if (i > 0) this.#text.push(",");
      if (this.#budget.elements === 0) {
        this.#text.push('"..."');
        break;
      }
      this.#budget.elements--;
      this.#struct(list.at(i) as View, element);
    }
    this.#text.push("]");
  }

  #data(bytes: Bytes): void {
    if (bytes.length > this.#budget.bytes) {
      this.#text.push(`"#${bytes.length}"`);
      return;
    }
    this.#budget.bytes -= bytes.length;
    this.#text.push(`"${Buffer.from(bytes.toUint8Array()).toString("hex")}"`);
  }
}
