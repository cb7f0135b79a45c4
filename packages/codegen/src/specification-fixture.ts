/** Small specifications in temporary directories, for tests. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { emit } from "./emit/files.ts";
import { analyze } from "./main.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
export const SCHEMA = join(ROOT, "schema");

const FOR_MEMBERS = "Added, Bool, Data, I53, List, Ref, Struct, U16, U32, U53, Union, Void";
const FUNCTIONS =
  "atMost, checked, compareBytes, decreases, difference, fail, halves, offsetOf, ruleNumber, text, u32, view";
const TYPES = "Bytes, Items, Scratch, Shared, Value, bit, i53, u16, u53, u8";

/** The files of a small specification; each has a default. */
export interface Parts {
  structs?: string;
  rules?: string;
  /** Functions, in module "algorithms"; the language is imported. */
  algorithms?: string;
  /** Another module. */
  more?: string;
}

const STRUCTS = `
export interface Leaf extends Struct { number: U53<0>; signed: I53<1>; bytes: Data<2>; small: U16<3> }
export interface Root extends Struct {
  leaf: Ref<Leaf, 0>;
  leaves: List<Leaf, 1>;
  choice: Union<{ none: Void<2>; one: Ref<Leaf, 3>; many: List<Leaf, 4> }>;
}`;
const RULES = `export const rules = {\n/** Too large. */\n"arithmetic-overflow": "corrupt",\n};`;

/** Writes a specification; returns its directory. */
export function writeSpec(parts: Parts): string {
  const directory = temporaryDirectory();
  const settings = {
    capnpId: "0x84ae5e6e88b7cbb7",
    prefix: "pfs",
    root: "Root",
    structs: "structs",
    rules: "rules",
    wire: "wire",
    modules: ["wire", "checks", "algorithms", "more"],
    outputs: {
      capnp: "s.capnp",
      checks: "checks.ts",
      typescript: "ts/generated",
      c: "c/generated",
      rules: "rules.md",
      structs: "structs.md",
    },
  };
  const language = `import { ${FUNCTIONS} } from "./language.ts";\nimport type { ${TYPES} } from "./language.ts";\n`;
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  cpSync(join(SCHEMA, "language.ts"), join(directory, "language.ts"));
  write("codegen.json", JSON.stringify(settings));
  write("structs.ts", `import type { ${FOR_MEMBERS} } from "./language.ts";\n${parts.structs ?? STRUCTS}\n`);
  write("rules.ts", parts.rules ?? RULES);
  const imports = `${language}import type { Leaf, Root } from "./structs.ts";\n`;
  if (parts.algorithms !== undefined) write("algorithms.ts", `${imports}${parts.algorithms}\n`);
  if (parts.more !== undefined) write("more.ts", `${imports}${parts.more}\n`);
  return directory;
}

/** A specification whose structs can be read: with the real wire module and rules. */
export function writeWholeSpec(parts: Parts): string {
  const directory = writeSpec(parts);
  for (const file of ["wire.ts", "rules.ts"]) cpSync(join(SCHEMA, file), join(directory, file));
  return directory;
}

/** Compiles `schema` into a new directory, with the runtimes beside the outputs; returns that directory. */
export async function compile(schema: string): Promise<string> {
  const out = temporaryDirectory();
  const spec = analyze(schema);
  for (const [file, text] of await emit(spec)) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    writeFileSync(join(out, file), text);
  }
  const { typescript, c } = spec.settings.outputs;
  for (const file of ["runtime.ts", "struct-list.ts", "writer.ts", "errors.ts", "holes.ts", "metadata.ts", "open.ts"]) {
    cpSync(join(ROOT, "packages/format/src", file), join(out, typescript, "..", file));
  }
  for (const file of ["format_base.h", "format_base.c"]) cpSync(join(ROOT, "kernel", file), join(out, c, "..", file));
  return out;
}
