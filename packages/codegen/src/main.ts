/** The compiler: reads the specification, checks it, and writes what both implementations are made of. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { emitAll } from "./emit/emit.ts";
import { readSpec } from "./read/schema.ts";
import { SpecError } from "./errors.ts";

const [schema = "schema", out = "."] = process.argv.slice(2);

try {
  const spec = readSpec(resolve(schema));
  const files = await emitAll(spec);
  const directories = new Set(
    [...files.keys()].map((file) => dirname(file)).filter((directory) => directory.endsWith("generated")),
  );
  for (const directory of directories) {
    const path = join(out, directory);
    for (const stale of existsSync(path) ? readdirSync(path) : [])
      if (!files.has(join(directory, stale))) rmSync(join(path, stale));
  }
  for (const [file, text] of files) {
    const path = join(out, file);
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
      writeFileSync(path, text);
      console.log(`wrote ${file}`);
    }
  }
} catch (error) {
  if (!(error instanceof SpecError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
