/**
 * Runs the checks and the tests, and ends with a line that counts them: `N passed, N failed, N skipped`.
 *
 *     node test/run.ts                 everything
 *     node test/run.ts lint            types, lint, format and generated files only
 *     node test/run.ts check           lint, and the quick tests
 *     node test/run.ts FILE…           the tests of these files or patterns only
 *
 * All randomness of the tests depends on the seed that is printed first; PUZZLEFS_SEED sets it.
 */
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Cost } from "./costs.ts";
import { killStuckTests } from "./stuck.ts";

const root = resolve(import.meta.dirname, "..");
const modules = join(root, "node_modules");
process.env["PUZZLEFS_CACHE"] ??= execFileSync(join(root, "setup/setup.sh"), ["cache"], { encoding: "utf8" }).trim();
const seed = (process.env["PUZZLEFS_SEED"] ??= String(randomInt(2 ** 31)));
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

/** Tests that neither mount nor start machines, daemons or the whole program many times. */
const QUICK_TESTS = [
  "packages/{chunker,codegen,format,linux,oci,reader}/src/**/*.test.ts",
  "packages/builder/src/**/*.test.ts",
  "packages/fuse/src/{operations,wire}/*.test.ts",
  "packages/fuse/src/*.test.ts",
  "test/{conformance,corpus,golden,rules}/*.test.ts",
];

/** For one file of tests. On an idle machine the longest takes three minutes, under the checkers of the debug kernel an hour. */
const LONGEST_FILE_SECONDS = process.env["PUZZLEFS_DEBUG_KERNEL"] === undefined ? 1800 : 5400;

/** Files of tests that are named at the end. */
const MOST_EXPENSIVE = 25;

function report(name: string, problem: string): void {
  if (problem === "") totals.passed++;
  else {
    totals.failed++;
    failures.push(name);
  }
  console.log(`${problem === "" ? "ok  " : "FAIL"} ${name}${problem === "" ? "" : `\n${problem.trimEnd()}`}`);
}

/** Runs a program on Node. Returns its output if it fails. */
function failureOf(program: string, args: string[]): Promise<string> {
  const options = { cwd: root, maxBuffer: 2 ** 26 };
  return new Promise((done) => {
    execFile(process.execPath, [resolve(modules, program), ...args], options, (error, stdout, stderr) =>
      done(error === null ? "" : `${stdout}${stderr}` || error.message),
    );
  });
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** `make codegen` must leave the tree as it is: a fresh run's files are compared with those checked in. */
async function differencesOfGenerated(): Promise<string> {
  const fresh = mkdtempSync(join(tmpdir(), "puzzlefs-codegen-"));
  const failure = await failureOf(join(root, "packages/codegen/src/main.ts"), [join(root, "schema"), fresh]);
  const made = failure === "" ? filesIn(fresh).map((file) => relative(fresh, file)) : [];
  const stale = made.filter((file) => {
    try {
      return !readFileSync(join(fresh, file)).equals(readFileSync(join(root, file)));
    } catch {
      return true;
    }
  });
  const directories = new Set(made.map((file) => dirname(file)).filter((directory) => directory.endsWith("generated")));
  const extra = [...directories].flatMap((directory) =>
    filesIn(join(root, directory))
      .map((file) => relative(root, file))
      .filter((file) => !made.includes(file)),
  );
  rmSync(fresh, { recursive: true });
  const lines = [
    ...stale.map((file) => `${file} differs from a fresh run`),
    ...extra.map((file) => `${file} is made by nothing`),
  ];
  return failure || lines.join("\n");
}

/** All checks at once: each is mostly one thread. */
async function lint(): Promise<void> {
  const checks: Record<string, Promise<string>> = {
    types: failureOf("typescript/bin/tsc", ["-p", "tsconfig.json"]),
    lint: failureOf("oxlint/bin/oxlint", ["--type-aware", "--deny-warnings"]),
    format: failureOf("prettier/bin/prettier.cjs", ["--check", "--log-level", "warn", "."]),
    "generated files are as `make codegen` makes them": differencesOfGenerated(),
    "docs/cli.md is as the command definitions make it": failureOf(join(root, "packaging/documents.ts"), ["check"]),
  };
  for (const [name, failure] of Object.entries(checks)) report(name, await failure);
}

/**
 * How to run a program in a mount namespace of its own, where that is permitted. In the common one, namespaces of other processes
 * copy the mounts of the tests, and keep their daemons alive.
 */
function ownMounts(): string[] {
  if (process.geteuid?.() !== 0 || spawnSync("unshare", ["--mount", "true"]).status !== 0) return [];
  return ["unshare", "--mount", "--"];
}

/** Prints what the run took, and the files that took most of it. */
function reportCosts(path: string): void {
  const costs = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Cost)
    .sort((one, other) => other.processor - one.processor);
  const total = costs.reduce((sum, { processor }) => sum + processor, 0);
  console.log(`# ${Math.round(total)} s of processor in ${Math.round(process.uptime())} s; most in:`);
  for (const { file, seconds, processor } of costs.slice(0, MOST_EXPENSIVE))
    console.log(`# ${processor.toFixed(0).padStart(6)} in ${seconds.toFixed(0)} s  ${file}`);
}

/** Runs ava and counts the results in its TAP; prints failures in full, successes as a line. */
async function test(patterns: string[]): Promise<void> {
  console.log(`PUZZLEFS_SEED=${seed}`);
  const scratch = mkdtempSync(join(tmpdir(), "puzzlefs-costs-"));
  const costs = join(scratch, "costs");
  writeFileSync(costs, "");
  const argv = [...ownMounts(), process.execPath, join(modules, "ava/entrypoints/cli.js"), "--tap", ...patterns];
  const child = spawn("env", argv, {
    cwd: root,
    env: { ...process.env, PUZZLEFS_COSTS: costs },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stopWatching = killStuckTests(child.pid ?? 0, LONGEST_FILE_SECONDS);
  let failing = false;
  let counted = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [, failed, name] = /^(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      counted++;
      failing = failed !== undefined;
      const skipped = / # (SKIP|TODO)/.test(name);
      if (failing) {
        totals.failed++;
        failures.push(name);
      } else if (skipped) totals.skipped++;
      else totals.passed++;
      console.log(`${failing ? "FAIL" : skipped ? "skip" : "ok  "} ${name}`);
    } else if (failing || line.startsWith("#")) console.log(line);
  }
  const code = await new Promise<number | null>((done) => child.on("close", done));
  stopWatching();
  reportCosts(costs);
  rmSync(scratch, { recursive: true });
  if (code !== 0 && totals.failed === 0) report("ava", `ended with status ${code} after ${counted} tests`);
}

const args = process.argv.slice(2);
const [first] = args;
if (first === undefined || first === "lint" || first === "check") await lint();
// A fifth of the random images, so that it ends within three minutes.
if (first === "check") process.env["PUZZLEFS_FUZZ"] ??= "0.2";
if (first !== "lint") await test(first === "check" ? QUICK_TESTS : args);
// Again at the end, where they are easy to find.
for (const name of failures) console.log(`FAIL ${name}`);
if (totals.failed > 0 && first !== "lint") console.log(`PUZZLEFS_SEED=${seed} repeats what was random`);
const { passed, failed, skipped } = totals;
console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
