import { join } from "node:path";
import { format } from "prettier";
import { emitCapnp } from "./emit-capnp.ts";
import { CEmitter } from "./emit-c.ts";
import { emitTsModule } from "./emit-ts-functions.ts";
import { emitTsRules, emitTsStructs } from "./emit-ts-structs.ts";
import { emitTsWriter } from "./emit-ts-writer.ts";
import type { Spec } from "./ir.ts";

const RUNTIME = ["Bytes", "StructList", "ABSENT", "ABSENT_BYTES", "ABSENT_LIST", "failure", "checkedAdd", "checkedSubtract", "checkedMultiply", "narrow", "text"];

/** Where each name of the generated TypeScript is declared. */
function homesOf(spec: Spec): Map<string, string> {
  const homes = new Map(RUNTIME.map((name) => [name, "runtime"]));
  for (const struct of spec.structs) {
    homes.set(struct.name, spec.settings.structs);
    for (const union of struct.unions) homes.set(union.name, spec.settings.structs).set(`${union.name}Kind`, spec.settings.structs);
  }
  for (const value of spec.values) homes.set(value.name, value.source.replace(/\.ts$/, ""));
  for (const constant of spec.constants) if (constant.exported) homes.set(constant.name, constant.module);
  for (const fn of spec.functions) if (fn.exported) homes.set(fn.name, fn.module);
  return homes.set("Rule", "rules");
}

function rulesPage(spec: Spec): string {
  const rows = spec.rules.map((rule, position) => `| ${position + 1} | \`${rule.name}\` | ${rule.kind} | ${rule.doc} |`);
  const intro = "What makes a reader refuse an image. *corrupt*: no builder writes this (EUCLEAN in the kernel); *unsupported*: newer than this reader (EOPNOTSUPP).";
  return [`<!-- Made from schema/${spec.settings.rules}.ts by \`make codegen\`: change that, not this. -->`, "", "# Rules", "", intro, "", "| number | rule | kind | meaning |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}

/** Every output by its path from the project's root. */
export async function emitAll(spec: Spec): Promise<Map<string, string>> {
  const { outputs, structs, rules } = spec.settings;
  const homes = homesOf(spec);
  const types = new Set([...spec.values.map((value) => value.name), ...spec.structs.flatMap((struct) => struct.unions.map((union) => `${union.name}Kind`))]);
  const modules = [...new Set(spec.functions.map((fn) => fn.module))];
  const typescript = (source: string, body: string): Promise<string> =>
    format(`// Made from schema/${source}.ts by \`make codegen\`: change that, not this.\n${body}`, { parser: "typescript", printWidth: 120 });

  const files = new Map<string, string>();
  files.set(outputs.capnp, emitCapnp(spec));
  files.set(outputs.checks, await typescript(structs, spec.checks));
  files.set(join(outputs.typescript, `${structs}.ts`), await typescript(structs, emitTsStructs(spec, homes, types)));
  files.set(join(outputs.typescript, "writer.ts"), await typescript(structs, emitTsWriter(spec)));
  files.set(join(outputs.typescript, "rules.ts"), await typescript(rules, emitTsRules(spec)));
  for (const module of modules) {
    files.set(join(outputs.typescript, `${module}.ts`), await typescript(module === "checks" ? structs : module, emitTsModule(spec, module, homes, types)));
  }
  const c = new CEmitter(spec);
  files.set(join(outputs.c, "format.h"), c.header());
  files.set(join(outputs.c, "rules.c"), c.rules());
  for (const module of modules) files.set(join(outputs.c, `${module}.c`), c.module(module));
  files.set(outputs.rules, await format(rulesPage(spec), { parser: "markdown" }));
  return files;
}
