import { join } from "node:path";
import { format } from "prettier";
import { DERIVED } from "../read/derive.ts";
import type { Spec } from "../ir.ts";
import { banner } from "./banner.ts";
import { CFiles } from "./c/files.ts";
import { emitCapnp } from "./capnp.ts";
import { rulesPage, structsPage } from "./pages.ts";
import { emitTsModule } from "./typescript/functions.ts";
import { emitTsRules, emitTsStructs } from "./typescript/structs.ts";
import { emitTsWriter } from "./typescript/writer.ts";

/** Every output by its path from the project's root. */
export async function emit(spec: Spec): Promise<Map<string, string>> {
  const { outputs, structs, rules } = spec.settings;
  const files = new Map<string, string>();
  const typescript = async (path: string, module: string, body: string): Promise<void> => {
    const text = `// ${banner(`schema/${module}.ts`)}\n${body}`;
    files.set(path, await format(text, { parser: "typescript", printWidth: 120 }));
  };
  const markdown = async (path: string, page: string): Promise<void> => {
    files.set(path, await format(page, { parser: "markdown", printWidth: 120 }));
  };
  files.set(outputs.capnp, emitCapnp(spec));
  await typescript(outputs.checks, structs, spec.checks);

  await markdown(outputs.rules, rulesPage(spec));
  await markdown(outputs.structs, structsPage(spec));

  for (const [name, text] of new CFiles(spec).all()) files.set(join(outputs.c, name), text);

  await typescript(join(outputs.typescript, `${structs}.ts`), structs, emitTsStructs(spec));
  await typescript(join(outputs.typescript, "writer.ts"), structs, emitTsWriter(spec));
  await typescript(join(outputs.typescript, "rules.ts"), rules, emitTsRules(spec));
  for (const module of new Set([...spec.functions, ...spec.constants, ...spec.values].map((item) => item.module))) {
    const source = module === DERIVED ? structs : module;
    await typescript(join(outputs.typescript, `${module}.ts`), source, emitTsModule(spec, module));
  }
  return files;
}
