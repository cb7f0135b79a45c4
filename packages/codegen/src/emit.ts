import { join } from "node:path";
import { format } from "prettier";
import { DERIVED } from "./derive.ts";
import { CEmitter } from "./emit-c-modules.ts";
import { emitCapnp } from "./emit-capnp.ts";
import { rulesPage, structsPage } from "./emit-pages.ts";
import { emitTsModule } from "./emit-ts-functions.ts";
import { emitTsRules, emitTsStructs } from "./emit-ts-structs.ts";
import { emitTsWriter } from "./emit-ts-writer.ts";
import type { Spec } from "./ir.ts";

/** Every output by its path from the project's root. */
export async function emitAll(spec: Spec): Promise<Map<string, string>> {
  const { outputs, structs, rules } = spec.settings;
  const files = new Map<string, string>();
  const emit = async (path: string, from: string, body: string): Promise<void> => {
    const text = `// Made from schema/${from}.ts by \`make codegen\`: change that, not this.\n${body}`;
    files.set(path, await format(text, { parser: "typescript", printWidth: 120 }));
  };
  const c = new CEmitter(spec);
  files.set(outputs.capnp, emitCapnp(spec));
  for (const [path, page] of [
    [outputs.rules, rulesPage(spec)],
    [outputs.structs, structsPage(spec)],
  ] as const) {
    files.set(path, await format(page, { parser: "markdown", printWidth: 120 }));
  }
  files.set(join(outputs.c, "format.h"), c.header());
  files.set(join(outputs.c, "rules.c"), c.rules());
  await emit(outputs.checks, structs, spec.checks);
  await emit(join(outputs.typescript, `${structs}.ts`), structs, emitTsStructs(spec));
  await emit(join(outputs.typescript, "writer.ts"), structs, emitTsWriter(spec));
  await emit(join(outputs.typescript, "rules.ts"), rules, emitTsRules(spec));
  const programs = new Set(spec.functions.map((fn) => fn.module));
  for (const module of new Set([...programs, ...spec.constants.map((constant) => constant.module)])) {
    const from = module === DERIVED ? structs : module;
    await emit(join(outputs.typescript, `${module}.ts`), from, emitTsModule(spec, module));
    // C has exported constants in the header.
    if (programs.has(module)) files.set(join(outputs.c, `${module}.c`), c.module(module, from));
  }
  return files;
}
