/** The parsers compile for 32-bit and big-endian machines, without warnings and without anything of the host's C library. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";

const run = promisify(execFile);
const source = join(import.meta.dirname, "../../kernel/format.c");
const compilers = ["/usr/bin/clang", "/usr/bin/clang-14"];
const compiler = compilers.find((path) => existsSync(path));
const warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers"];

for (const [target, what] of [
  ["i686-linux-gnu", "32 bits"],
  ["armv7a-linux-gnueabihf", "32 bits, strict alignment"],
  ["s390x-linux-gnu", "64 bits, big-endian"],
  ["powerpc-linux-gnu", "32 bits, big-endian"],
] as const) {
  const title = `the parsers compile for ${target} (${what})`;
  if (compiler === undefined) test.skip(`${title} (needs clang)`, () => undefined);
  else {
    test.serial(title, async (t) => {
      const options = [
        `--target=${target}`,
        "-ffreestanding",
        "-std=gnu11",
        "-O1",
        ...warnings,
        "-c",
        source,
        "-o",
        "/dev/null",
      ];
      await t.notThrowsAsync(run(compiler, options));
    });
  }
}
