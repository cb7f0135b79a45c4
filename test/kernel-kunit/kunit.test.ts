/** kernel/tests: the KUnit suite of the parsers, run in user space, and compiled for the kernel. test/kernel-debug runs it in one. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findKernel, Unavailable, runInToolchain } from "@puzzlefs/qemu";
import test from "ava";
import { Scratch } from "../support/scratch.ts";
import { cases, corpusHeader } from "./corpus-header.ts";

const root = join(import.meta.dirname, "../..");
const scratch = new Scratch();
test.after.always(() => scratch.remove());

/** The sources of the driver with the corpus, below `directory`. */
function copyWithCorpus(directory: string): string {
  const kernel = join(directory, "kernel");
  mkdirSync(directory, { recursive: true });
  cpSync(join(root, "kernel"), kernel, { recursive: true, filter: (path) => !/\.(?:o|ko|mod|mod\.c|cmd)$/.test(path) });
  writeFileSync(join(kernel, "tests/corpus.h"), corpusHeader());
  return kernel;
}

test("in user space, every object is refused for its rule, and good ones are accepted", (t) => {
  const kernel = copyWithCorpus(scratch.directory("user"));
  const program = join(kernel, "suite");
  const warnings = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-Wno-unused-function",
    "-Wno-sign-compare",
  ];
  const stub = join(import.meta.dirname, "stub");
  execFileSync("gcc", [
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover",
    "-Wno-missing-field-initializers",
    ...warnings,
    "-I",
    stub,
    "-I",
    kernel,
    "-o",
    program,
    join(kernel, "tests/format_kunit.c"),
  ]);
  const { status, stdout } = spawnSync(program, { encoding: "utf8", env: { ASAN_OPTIONS: "detect_leaks=0" } });
  t.deepEqual(
    [status, stdout.match(/^ok /gm)?.length, stdout.match(/^not ok .*$/gm)],
    [0, cases().length, null],
    stdout,
  );
});

for (const name of ["6.1", "6.12", "7"] as const) {
  const title = `kernel ${name}: the suite compiles without warnings`;
  try {
    const kernel = findKernel(name);
    test.serial(title, (t) => {
      // The toolchain sees directories below the project only.
      const directory = copyWithCorpus(join(root, "build/kernel-kunit", name));
      const { status, output } = runInToolchain(kernel, [
        "make",
        "-C",
        kernel.build,
        `M=${directory}`,
        "W=1",
        "cmd_checkdoc=",
        "CONFIG_PUZZLEFS_FS=m",
        "CONFIG_PUZZLEFS_KUNIT_TEST=m",
        "tests/format_kunit.o",
      ]);
      t.is(status, 0, output);
      t.notRegex(output, /warning: (?!the compiler|pahole)/);
    });
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    test.serial.skip(`${title} (${error.message})`, () => undefined);
  }
}
