/**
 * `make external`: suites that others wrote, on mounted images.
 *
 *     [KERNEL=6.12] [SUITES=NAME,…] [TARGETS=kernel,fuse] [CASES=REGEXP] [EXTERNAL_SOURCES=DIR] node test/external/run.ts
 *
 * Their sources are in no package registry. A suite runs if they are in DIR/NAME (by default the directory
 * `external` of the cache), built by their authors' instructions; README.md has the list. Ends with a line that counts cases.
 */
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { cacheDirectory, findKernel, isKernelName, Unavailable } from "@puzzlefs/qemu";
import { exclusions } from "./exclusions.ts";
import { guests } from "./guest.ts";
import { hosts } from "./host.ts";
import { Material } from "./material.ts";
import type { OpenTarget } from "./target.ts";
import { Report } from "./report.ts";
import type { Need, Suite } from "./suite.ts";
import { suites } from "./suites.ts";

const cache = cacheDirectory();
const { EXTERNAL_SOURCES: sources = join(cache, "external"), KERNEL: kernelName = "6.12" } = process.env;
const debian = {
  directory: join(cache, "trees/debian-trixie/root"),
  disk: join(cache, "trees/debian-trixie/root.ext4"),
};
const wanted = (list: string | undefined, name: string): boolean =>
  list === undefined || list.split(",").includes(name);

function pathOf(need: Need): string {
  return isAbsolute(need.directory) ? need.directory : join(sources, need.name, need.directory);
}

/** Requirements of a suite that are missing here. */
function missing(suite: Suite): string[] {
  return suite.needs
    .flatMap((need) => need.files.map((file) => join(pathOf(need), file)))
    .filter((file) => !existsSync(file));
}

/** Runs a suite in a target of its own. A target that breaks is a failure, and ends the suite there. */
async function runIn(open: OpenTarget, title: string, suite: Suite, report: Report, material: Material): Promise<void> {
  const start = performance.now();
  try {
    const target = await open(new Map(suite.needs.map((need) => [need.name, pathOf(need)])));
    try {
      await suite.run({ target, report, material, sources });
    } finally {
      await target.close();
    }
    report.add(title, suite.name, "nothing is left mounted, and the kernel reports nothing", undefined);
  } catch (error) {
    report.add(
      title,
      suite.name,
      "the target",
      error instanceof Error ? `${error.name}: ${error.message}\n${logOf(error)}` : String(error),
    );
  }
  console.log(`     ${suite.name}, ${title}: ${Math.round((performance.now() - start) / 1000)} s`);
}

/** A kernel's log comes with its failure. */
function logOf(error: Error): string {
  return "log" in error ? String(error.log).split("\n").slice(-120).join("\n") : "";
}

async function run(): Promise<boolean> {
  if (!isKernelName(kernelName)) throw new Error(`KERNEL=${kernelName}: there is no such kernel`);
  if (!existsSync(debian.disk))
    throw new Unavailable(`no Debian root directory in ${debian.directory}: make setup-external`);
  const kernel = findKernel(kernelName);
  const report = new Report(exclusions, new RegExp(process.env["CASES"] ?? ""));
  const ready = suites.filter((suite) => {
    const lacks = missing(suite);
    if (lacks.length > 0) report.skip(suite.name, `missing: ${lacks.join(", ")}`);
    return lacks.length === 0 && wanted(process.env["SUITES"], suite.name);
  });
  const material = new Material(debian.directory);
  try {
    for (const suite of ready) suite.prepare?.({ debian: debian.directory, material, sources });
    const kernelTarget = guests(kernel, debian.disk, material);
    const fuseTarget = hosts(debian.directory, material);
    for (const suite of ready) {
      if (wanted(process.env["TARGETS"], "kernel"))
        await runIn(kernelTarget, `kernel ${kernel.name}`, suite, report, material);
      if (!suite.driverOnly && wanted(process.env["TARGETS"], "fuse"))
        await runIn(fuseTarget, "fuse", suite, report, material);
    }
  } finally {
    material.remove();
  }
  return report.finish();
}

try {
  process.exitCode = (await run()) ? 0 : 1;
} catch (error) {
  console.error(`external: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
