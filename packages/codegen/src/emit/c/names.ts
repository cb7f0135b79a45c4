import { head } from "./document.ts";
import type { Doc } from "./document.ts";
import { HIGHEST, snake } from "../../ir.ts";
import type { Callee, Field, Radix, Spec, Type, UnionType } from "../../ir.ts";

const SCALARS = { bool: "bool", u8: "u8", u16: "u16", u32: "u32", u53: "u64", i53: "s64" } as const;

/** Whether a C function returns if it succeeded or found something: its value goes through `out`. */
export const returnsBool = (fn: { fallible: boolean; optional: boolean }): boolean => fn.fallible || fn.optional;

/** Names and types of C: everything starts with the project's prefix. */
export class CNames {
  readonly prefix: string;
  readonly #shared: Set<string>;

  constructor(spec: Spec) {
    this.prefix = spec.settings.prefix;
    this.#shared = new Set(spec.values.filter((value) => value.shared).map((value) => value.name));
  }

  name(of: string): string {
    return `${this.prefix}_${snake(of)}`;
  }

  upper(...of: string[]): string {
    return [this.prefix, ...of].map(snake).join("_").toUpperCase();
  }

  accessor(struct: string, member: string): string {
    return `${this.name(struct)}_${snake(member)}`;
  }

  unionAccessor(union: UnionType, member: string): string {
    return `${this.accessor(union.struct, union.member)}_${snake(member)}`;
  }

  isShared(type: Type): boolean {
    return type.is === "value" && this.#shared.has(type.name);
  }

  /** A type as a parameter, member or variable has it. */
  type(type: Type): string {
    switch (type.is) {
      case "scalar":
        return SCALARS[type.name];
      case "kind":
        return `enum ${this.name(type.union.name)}`;
      case "bytes":
        return `struct ${this.prefix}_bytes`;
      case "union":
        return `struct ${this.name(type.union.struct)}`;
      case "list":
        return `struct ${this.name(type.element)}_list`;
      case "struct":
        return `struct ${this.name(type.name)}`;
      case "value":
        return this.isShared(type) ? `const struct ${this.name(type.name)} *` : `struct ${this.name(type.name)}`;
      case "scratch":
        return `struct ${this.prefix}_scratch_${type.element}`;
      case "void":
        return "void";
    }
  }

  /** A declaration of `name`: a pointer type already ends with its star. */
  declare(type: Type, name: string): string {
    const text = this.type(type);
    return text.endsWith("*") ? `${text}${name}` : `${text} ${name}`;
  }

  prototype(fn: Callee & { exported: boolean }, inline = false): Doc {
    const parameters = fn.parameters.map((parameter) => this.declare(parameter.type, snake(parameter.name)));
    if (fn.fallible) parameters.push(`struct ${this.prefix}_failure *failure`);
    // The caller provides the memory of a shared record: hence no pointer to a pointer.
    const type = this.isShared(fn.returns) ? `struct ${this.name(typeName(fn.returns))}` : this.type(fn.returns);
    if (returnsBool(fn) && fn.returns.is !== "void") parameters.push(`${type} *out`);
    const returns = returnsBool(fn) ? "bool" : this.type(fn.returns);
    // A check has a stack frame of its own: inlined into one function, their frames would add up to too much of a kernel's stack.
    const linkage = inline
      ? "static inline "
      : fn.exported
        ? ""
        : fn.fallible
          ? "static noinline_for_stack "
          : "static ";
    return head(`${linkage}${returns}`, this.name(fn.name), parameters);
  }

  /** An integer, in the base in which the specification has it; C has no binary ones. */
  literal(value: number, radix: Radix = 10): string {
    const suffix = value > HIGHEST.u32 ? "ULL" : value > 2 ** 31 - 1 ? "U" : "";
    if (radix === 10 || value === 0) return `${value}${suffix}`;
    return radix === 8 ? `0${value.toString(8)}${suffix}` : `0x${value.toString(16)}${suffix}`;
  }

  /** The enumerator of a tag of a union. */
  tag(union: UnionType, member: Pick<Field, "name">): string {
    return this.upper(union.name, member.name);
  }
}

const typeName = (type: Type): string => (type.is === "value" ? type.name : "");
