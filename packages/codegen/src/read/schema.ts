import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Project, ts } from "ts-morph";
import type { SourceFile } from "ts-morph";
import type { Settings, StructType } from "../ir.ts";
import { DERIVED, deriveChecks } from "./derive.ts";
import { readStructs } from "./structs.ts";

const LANGUAGE = "language.ts";

/** A source file with functions, constants and records. */
export interface Module {
  name: string;
  file: SourceFile;
  /** Written by the compiler itself. */
  derived: boolean;
}

/** The parsed specification. */
export interface Schema {
  settings: Settings;
  project: Project;
  /** Laid out, each after the structs that it contains. */
  structs: StructType[];
  rules: SourceFile;
  modules: Module[];
  /** Text of the derived module. */
  checks: string;
}

/**
 * Parses all files of the specification, lays out the structs, and derives from them the module that follows their
 * pointers. Throws SpecError.
 */
export function readSchema(directory: string): Schema {
  const settings = JSON.parse(readFileSync(join(directory, "codegen.json"), "utf8")) as Settings;
  const project = new Project({
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2022.d.ts"],
      skipLibCheck: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      allowImportingTsExtensions: true,
      types: [],
    },
  });
  const load = (name: string): SourceFile => project.addSourceFileAtPath(join(directory, `${name}.ts`));
  load("language");
  const structsFile = load(settings.structs);
  const rules = load(settings.rules);
  const structs = readStructs(structsFile);
  const written = settings.modules
    .filter((name) => existsSync(join(directory, `${name}.ts`)))
    .map((name) => ({ name, file: load(name), derived: false }));
  const checks = deriveChecks(structs, `../${LANGUAGE}`, `../${settings.structs}.ts`);
  const file = project.createSourceFile(join(directory, `generated/${DERIVED}.ts`), checks, { overwrite: true });
  return { settings, project, structs, rules, modules: [...written, { name: DERIVED, file, derived: true }], checks };
}
