/** The structs of the specification, as its compiler reads them; kept in the cache, for reading them takes seconds. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Settings, Spec } from "../../packages/codegen/src/ir.ts";

const root = resolve(import.meta.dirname, "../..");
/** In node_modules, so that what is generated there finds the packages of the tests. */
export const CACHE = resolve(root, "test/node_modules/.cache/conformance");

/** What the tests want to know of a specification. */
export type Structs = Pick<Spec, "structs"> & { settings: Pick<Settings, "prefix" | "root"> };

export async function readStructs(): Promise<Structs> {
  const hash = createHash("sha256");
  for (const directory of [join(root, "schema"), join(root, "packages/codegen/src")]) {
    for (const name of readdirSync(directory).toSorted()) {
      if (/\.(ts|json)$/.test(name)) hash.update(readFileSync(join(directory, name)));
    }
  }
  const path = join(CACHE, `structs-${hash.digest("hex").slice(0, 16)}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Structs;
  const { readSpec } = await import("../../packages/codegen/src/read.ts");
  const { structs, settings } = readSpec(join(root, "schema"));
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, JSON.stringify({ structs, settings }));
  renameSync(`${path}.${process.pid}`, path);
  return { structs, settings };
}
