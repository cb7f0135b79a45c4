/** Functions of the generated C that end early when the task is killed: no caller takes their result for the image's. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";

const kernel = resolve(import.meta.dirname, "../../kernel");
const generated = join(kernel, "generated");
const filesIn = (directory: string, ending: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith(ending));

/** The functions that a header marks. */
function marked(): string[] {
  return filesIn(generated, ".h").flatMap((name) => {
    const text = readFileSync(join(generated, name), "utf8");
    return [...text.matchAll(/If pfs_stopped\(\), the result has no meaning: \*\/\n[^;]*?(pfs_\w+)\(/g)].map(
      ([, found = ""]) => found,
    );
  });
}

/** The functions of a file: their names and bodies. */
function functions(text: string): [name: string, body: string][] {
  return [
    ...text.matchAll(/^(?:static |struct |int |void |bool |u32 |u64 )[^;{}=]*?(\w+)\([^;{}]*\)\n\{\n(.*?)^\}/gms),
  ].map(([, name = "", body = ""]) => [name, body]);
}

test("every caller of a function that may end early asks pfs_stopped()", (t) => {
  const names = marked();
  t.true(names.includes("pfs_file_size") && names.includes("pfs_find_name") && !names.includes("pfs_find_frame"));
  const calls = new RegExp(`\\b(${names.join("|")})\\(`);
  const found: string[] = [];
  for (const file of filesIn(kernel, ".c")) {
    for (const [name, body] of functions(readFileSync(join(kernel, file), "utf8"))) {
      const [, called] = calls.exec(body) ?? [];
      if (called === undefined) continue;
      found.push(name);
      t.regex(body, /pfs_stopped\(\)/, `${file}: ${name}() calls ${called}()`);
    }
  }
  t.true(found.length >= 5, found.join(", "));
});
