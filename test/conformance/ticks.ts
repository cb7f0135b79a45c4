/** Compiles programs of test/conformance/ticks, which include all generated C and the ticks of its loops. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { madeOnce } from "./cache.ts";

const KERNEL = resolve(import.meta.dirname, "../../kernel");
const FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-g", "-DPFS_TEST_TICKS"];

/** The path of the compiled program. Throws the compiler's messages. */
export async function compileTicks(name: string, flags: readonly string[]): Promise<string> {
  const source = join(import.meta.dirname, "ticks", name);
  const hash = createHash("sha256")
    .update([...FLAGS, ...flags].join(" "))
    .update(readFileSync(source));
  for (const directory of [KERNEL, join(KERNEL, "generated")])
    for (const file of readdirSync(directory).filter((entry) => /^[^.]+\.[ch]$/.test(entry)))
      hash.update(readFileSync(join(directory, file)));
  return madeOnce(`${name}-${hash.digest("hex").slice(0, 16)}`, async (out) => {
    await promisify(execFile)("gcc", [...FLAGS, ...flags, source, "-o", out]);
  });
}
