import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test from "ava";
import { Harness, compile } from "../conformance/harness.ts";
import { judge } from "../conformance/verdict.ts";
import { corpusCases } from "./corpus.ts";

/** Single changes of the generated C that a comparison with TypeScript must notice. */
const DEFECTS: readonly { file: string; from: string; to: string }[] = [
  { file: "validate.c", from: ">= PFS_NANOSECONDS", to: "> PFS_NANOSECONDS" },
  { file: "json.c", from: ">= PFS_MAX_DEPTH", to: "> PFS_MAX_DEPTH" },
];

for (const { file, from, to } of DEFECTS) {
  test(`the corpus notices ${file} with \`${to}\` for \`${from}\``, async (t) => {
    const kernel = mkdtempSync(join(tmpdir(), "puzzlefs-kernel-"));
    t.teardown(() => rmSync(kernel, { recursive: true }));
    cpSync(resolve(import.meta.dirname, "../../kernel"), kernel, { recursive: true });
    const path = join(kernel, "generated", file);
    const source = readFileSync(path, "utf8");
    t.is(source.split(from).length, 2, "the text to change is there once");
    writeFileSync(path, source.replace(from, to));
    const harness = new Harness(await compile("quick", kernel));
    t.teardown(() => harness.close());
    const noticed: string[] = [];
    for (const { rule, object, bytes, size } of corpusCases()) {
      if ((await harness.judge(object, bytes, size)) !== judge(object, bytes, size)) noticed.push(rule);
    }
    t.true(noticed.length > 0);
    t.log(`noticed by ${noticed.join(", ")}`);
  });
}
