/** Calls between the driver's files go downward only, in the order of kernel/Kbuild. Tables of operations are no calls. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";

const directory = join(import.meta.dirname, "../../kernel");
const read = (name: string): string => readFileSync(join(directory, name), "utf8");

/** The files of the driver, from the top layer down. */
const files = [...read("Kbuild").matchAll(/^puzzlefs-y \+?:?= (.*)$/gm)].flatMap(([, names = ""]) =>
  names.split(" ").map((name) => name.replace(/\.o$/, ".c")),
);
const sources = files.map((file) => read(file).replaceAll(/\/\*[^]*?\*\//g, ""));

/** Functions with external linkage, by name: the index of the file that defines them. */
const definitions = new Map(
  sources.flatMap((source, index) =>
    [...source.matchAll(/^(?!static|extern|\s)[^\n;=(]*?\b(puzzlefs_\w+)\([^;{]*\)\n\{/gm)].map(
      ([, name = ""]) => [name, index] as const,
    ),
  ),
);

test("no file of the driver calls one above it", (t) => {
  const upward = sources.flatMap((source, caller) =>
    [...source.matchAll(/\b(puzzlefs_\w+)\(/g)]
      .map(([, name = ""]) => ({ name, callee: definitions.get(name) ?? caller }))
      .filter(({ callee }) => callee < caller)
      .map(({ name, callee }) => `${files[caller]} calls ${name} of ${files[callee]}`),
  );
  t.deepEqual(upward, []);
  t.true(files.length > 15 && definitions.size > 30, `${files.length} files, ${definitions.size} functions`);
});
