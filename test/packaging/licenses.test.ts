/** The licences of bundled packages are installed with the bundle. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";

const library = resolve(import.meta.dirname, "../../build/lib");

test("every package in the bundle, and every native add-on, has its licence in it", (t) => {
  const text = readFileSync(join(library, "THIRD-PARTY-LICENSES"), "utf8");
  const named = new Set([...text.matchAll(/^-{80}\n\n(\S+) \S+ \(/gm)].map(([, name]) => name));
  // esbuild writes the path of each file before its code.
  const code = readdirSync(library).filter((name) => name.endsWith(".js"));
  const bundled = code.flatMap((name) =>
    [...readFileSync(join(library, name), "utf8").matchAll(/^ *\/\/ \S*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(
      ([, dependency]) => dependency,
    ),
  );
  t.true(bundled.length > 20);
  const expected = [...new Set(bundled), "koffi", "zstd-napi"];
  t.deepEqual(
    expected.filter((name) => !named.has(name)),
    [],
  );
  t.regex(text, /Node\.js is licensed for use as follows/);
});
