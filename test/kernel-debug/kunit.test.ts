/** The KUnit suite of the parsers, in the debug kernel, which has KUnit. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildModule, findKernel, Machine } from "@puzzlefs/qemu";
import { cases, corpusHeader } from "../kernel-kunit/corpus-header.ts";
import { debugTest } from "./debug-machine.ts";

debugTest("KUnit: every object of the corpus is refused for its rule", 30, async (t) => {
  const kernel = findKernel("debug");
  const directory = join(dirname(buildModule(kernel).path), "tests");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "corpus.h"), corpusHeader());
  const { path } = buildModule(kernel, ["CONFIG_PUZZLEFS_KUNIT_TEST=m"]);
  const suite = readFileSync(join(directory, "format_kunit.ko"));
  const machine = await Machine.boot(kernel, readFileSync(path), {
    bootTimeout: 300_000,
    files: { "/format_kunit.ko": suite },
  });
  t.teardown(() => machine.kill());
  await machine.succeed("insmod /format_kunit.ko");
  const results = await machine.succeed("cat /sys/kernel/debug/kunit/puzzlefs_format/results");
  t.is(results.match(/^ +ok \d+ (?!objects_are)/gm)?.length, cases().length, results);
  t.notRegex(results, /not ok/);
  await machine.succeed("rmmod format_kunit");
  await machine.close();
});
