/** The structs of the specification, as its compiler reads them. */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Settings, Spec } from "../../packages/codegen/src/ir.ts";
import { ROOT, madeOnce } from "./cache.ts";

/** The parts of a specification that tests read. */
export type Structs = Pick<Spec, "structs"> & { settings: Pick<Settings, "prefix" | "root" | "messages"> };

export async function readStructs(): Promise<Structs> {
  const hash = createHash("sha256");
  for (const directory of [join(ROOT, "schema"), join(ROOT, "packages/codegen/src")]) {
    for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" }).toSorted()) {
      if (/\.(ts|json)$/.test(name)) hash.update(readFileSync(join(directory, name)));
    }
  }
  const path = await madeOnce(`structs-${hash.digest("hex").slice(0, 16)}.json`, async (temporary) => {
    const { analyze } = await import("../../packages/codegen/src/main.ts");
    const { structs, settings } = analyze(join(ROOT, "schema"));
    writeFileSync(temporary, JSON.stringify({ structs, settings }));
  });
  return JSON.parse(readFileSync(path, "utf8")) as Structs;
}
