/** Imports between packages go downward only. Cycles of files are found by oxlint (import/no-cycle). */
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "ava";
import { root } from "../support/programs.ts";

/** A package may import those of the lines above its own. */
const LAYERS = [
  ["linux", "format", "chunker"],
  ["oci"],
  ["reader", "registry"],
  ["builder", "fuse"],
  ["mount"],
  ["cli"],
];
const TESTS = /\.test\.ts$|fixture/;

const layerOf = (name: string): number => LAYERS.findIndex((names) => names.includes(name));

/** The imports of a source that `file` must not have. */
function upward(file: string, source: string): string[] {
  const own = file.split("/")[1];
  const imported = [...source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].map(([, name]) => name);
  return imported.filter((name) => {
    if (name.startsWith(".")) return !join(dirname(file), name).startsWith(`packages/${own}/`);
    const [scope, other] = name.split("/");
    return scope === "@puzzlefs" && (layerOf(other) < 0 || layerOf(other) >= layerOf(own));
  });
}

test("packages import only packages that are below them", (t) => {
  const files = globSync(`packages/{${LAYERS.flat().join(",")}}/src/**/*.ts`, { cwd: root }).filter(
    (file) => !TESTS.test(file),
  );
  t.true(files.length > 100, "files of the product");
  const found = files.flatMap((file) =>
    upward(file, readFileSync(join(root, file), "utf8")).map((name) => `${file}: ${name}`),
  );
  t.deepEqual(found, []);
});

test("an import that goes up, sideways or around is found", (t) => {
  const file = "packages/fuse/src/mount/mount.ts";
  t.deepEqual(upward(file, 'import { a } from "@puzzlefs/linux"; import type { b } from "../session.ts";'), []);
  for (const name of ["@puzzlefs/mount", "@puzzlefs/builder", "@puzzlefs/testing", "../../../linux/src/index.ts"]) {
    t.deepEqual(upward(file, `import { a } from "${name}";`), [name]);
    t.deepEqual(upward(file, `export * from "${name}";`), [name]);
    t.deepEqual(upward(file, `const a = await import("${name}");`), [name]);
  }
});
