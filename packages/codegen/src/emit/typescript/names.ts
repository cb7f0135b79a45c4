import type { Spec, Type } from "../../ir.ts";

const RUNTIME = "../runtime.ts";
const FROM_RUNTIME = new Set([
  "Bytes",
  "failure",
  "checkedAdd",
  "checkedSubtract",
  "checkedMultiply",
  "compareBytes",
  "narrow",
  "text",
  "U53_END",
]);

/** Above the generated wire format, which uses the runtime: two files, so that imports make no cycle. */
const STRUCT_LIST = "../struct-list.ts";
const FROM_STRUCT_LIST = new Set(["StructList", "ABSENT", "ABSENT_BYTES", "ABSENT_LIST"]);

/** Where each name of the generated TypeScript is declared, as an import names it. */
function homesOf(spec: Spec): Map<string, string> {
  const homes = new Map<string, string>();
  const declare = (name: string, module: string): unknown => homes.set(name, `./${module}.ts`);
  const { structs, rules } = spec.settings;
  for (const struct of spec.structs) {
    declare(struct.name, structs);
    for (const union of struct.unions) declare(union.name, structs);
    for (const union of struct.unions) declare(`${union.name}Kind`, structs);
  }
  for (const value of spec.values) declare(value.name, value.module);
  for (const constant of spec.constants) if (constant.exported) declare(constant.name, constant.module);
  for (const fn of spec.functions) if (fn.exported) declare(fn.name, fn.module);
  declare("Rule", rules);
  return homes;
}

/** The names that one generated file uses: prints types, and in the end the imports. */
export class TsNames {
  readonly #homes: Map<string, string>;
  readonly #own: string;
  readonly #used = new Map<string, "type" | "value">();

  constructor(spec: Spec, module: string) {
    this.#homes = homesOf(spec);
    this.#own = `./${module}.ts`;
  }

  /** Notes that `name` is used at run time. */
  value(name: string): string {
    this.#used.set(name, "value");
    return name;
  }

  /** Notes that `name` is used by the type checker only. */
  typeName(name: string): string {
    if (!this.#used.has(name)) this.#used.set(name, "type");
    return name;
  }

  type(type: Type): string {
    switch (type.is) {
      case "scalar":
        return type.name === "bool" ? "boolean" : "number";
      case "kind":
        return this.typeName(`${type.union.name}Kind`);
      case "bytes":
        return this.typeName("Bytes");
      case "struct":
      case "value":
        return this.typeName(type.name);
      case "union":
        return this.typeName(type.union.name);
      case "list":
        return `${this.typeName("StructList")}<${this.typeName(type.element)}>`;
      case "scratch":
        return { bool: "Uint8Array", u8: "Uint8Array", u32: "Uint32Array", u53: "Float64Array" }[type.element];
      case "void":
        return "void";
    }
  }

  #home(name: string): string | undefined {
    if (FROM_RUNTIME.has(name)) return RUNTIME;
    return FROM_STRUCT_LIST.has(name) ? STRUCT_LIST : this.#homes.get(name);
  }

  /** Imports of all that was used and is declared elsewhere. */
  imports(): string {
    const wanted = new Map<string, string[]>();
    for (const [name, use] of this.#used) {
      const home = this.#home(name);
      if (home === undefined || home === this.#own) continue;
      wanted.set(home, [...(wanted.get(home) ?? []), use === "type" ? `type ${name}` : name]);
    }
    return [...wanted]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([home, names]) => `import { ${names.toSorted().join(", ")} } from "${home}";\n`)
      .join("");
  }
}

/** A doc comment. */
export function tsDoc(doc: string): string {
  if (doc === "") return "";
  if (!doc.includes("\n")) return `/** ${doc} */\n`;
  const lines = doc.split("\n").map((line) => ` * ${line}`.trimEnd());
  return `/**\n${lines.join("\n")}\n */\n`;
}
