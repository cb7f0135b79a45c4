/** Runs the kernel's source checkers on the driver. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory, findKernel, type Kernel, type KernelName, runInToolchain, Unavailable } from "@puzzlefs/qemu";
import { type Exception, exceptions, rulesLeftOut } from "./exceptions.ts";

const projectRoot = join(import.meta.dirname, "../..");
const run = promisify(execFile);

export interface Finding {
  checker: string;
  /** Below kernel/. */
  file: string;
  line: number;
  message: string;
}

/** Copies the sources to a directory below build/, for a build from scratch. */
export function copySources(name: string): string {
  const directory = join(projectRoot, "build/kernel-static", name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const isSource = (path: string): boolean => /^[^.]*$|\/Kbuild$|(?<!\.mod)\.[ch]$/.test(basename(path));
  cpSync(join(projectRoot, "kernel"), directory, { recursive: true, filter: isSource });
  return directory;
}

export function sourcesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => /(?<!\.mod)\.[ch]$/.test(path))
    .toSorted();
}

/** Translation units: the files that no other file includes. */
function translationUnits(directory: string): string[] {
  const sources = sourcesIn(directory).filter((file) => file.endsWith(".c") && !/^tests\/|^compat\/probes/.test(file));
  const included = sources.flatMap((file) =>
    [...readFileSync(join(directory, file), "utf8").matchAll(/^#include "(?<name>.*\.c)"$/gm)].map((match) =>
      join(dirname(file), match.groups?.["name"] ?? ""),
    ),
  );
  return sources.filter((file) => !included.includes(file));
}

const findingLine = /^(?:.*\/)?(?<file>[\w.-]+\.[ch]):(?<line>\d+)(?::[-\d:]+)?:? (?<message>.*)$/;

/** Reads lines `FILE:LINE…: MESSAGE` about files of `directory`. Any other line is a finding too. */
function readFindings(checker: string, output: string, directory: string): Finding[] {
  // Longest first: content.c is also the end of generated/content.c.
  const known = sourcesIn(directory).toSorted((a, b) => b.length - a.length);
  return output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const { file = "", line: number = "0", message = line } = findingLine.exec(line)?.groups ?? {};
      const path = known.find((source) => line.includes(`${source}:`)) ?? file;
      return { checker, file: path, line: Number(number), message };
    });
}

/** Output of a clean build, and warnings about the kernel's headers package. */
const ignored = [
  /^make(?:\[\d+\])?: (?:Entering|Leaving) directory|^make -C /,
  /^ {2}(?:CC|LD|CHECK|MODPOST|BTF|AR|HOSTCC|GEN|PROBE) /,
  /^Skipping BTF generation/,
  /^warning: (?:the compiler|pahole version) differs from the one used to build the kernel$/,
  /^ {2}(?:The kernel was built (?:by|with): |You are using: )/,
  /checker-valid\.sh: (?:not found|No such file)/,
  /C=2 specified, but .* is not available or not up to date/,
];

/** Compiles with the kernel's additional warnings, and runs sparse on every file. */
export function compile(kernel: Kernel): Finding[] {
  const sparse = findSparse(kernel);
  const directory = copySources(kernel.name);
  const { status, output } = runInToolchain(kernel, [
    "make",
    `-j${availableParallelism()}`,
    "-C",
    directory,
    `KDIR=${kernel.build}`,
    "W=1",
    // Headers packages of 7.x lack the script that tests sparse, without which C=2 is ignored.
    "C=2",
    "KBUILD_CHECKSRC=2",
    `CHECK=${sparse}`,
    "CF=-D__CHECK_ENDIAN__ -Wsparse-error",
    // W=1 would run kernel-doc, for which the toolchain lacks Perl or Python modules: see checkComments.
    "cmd_checkdoc=",
    "modules",
  ]);
  const lines = output.split("\n").filter((line) => !ignored.some((pattern) => pattern.test(line)));
  const checked = output.split("\n").filter((line) => line.startsWith("  CHECK ")).length;
  const compiled = translationUnits(directory).length;
  if (status === 0 && checked < compiled) lines.push(`sparse read ${checked} of ${compiled} files`);
  const findings = readFindings("W=1", lines.join("\n"), directory);
  return status === 0 || findings.length > 0 ? findings : readFindings("W=1", output, directory);
}

/** @throws {Unavailable} */
export function findSparse(kernel: Kernel): string {
  // The sparse of Debian trixie cannot parse the headers of 7.x.
  const program = kernel.name === "7" ? "/usr/local/bin/sparse-newer" : "/usr/bin/sparse";
  if (existsSync(join(kernel.toolchain ?? "/", program))) return program;
  throw new Unavailable(`no ${program} for kernel ${kernel.name}: make setup-kernels`);
}

/** The scripts directory of a kernel's source. @throws {Unavailable} */
export function scriptsOf(name: KernelName): string {
  const directory = join(cacheDirectory(), "kernel-scripts", name, "scripts");
  if (!existsSync(directory)) throw new Unavailable(`no ${directory}: setup/setup.sh kernel-scripts`);
  return directory;
}

/** Output of a program, whatever its exit status. */
async function outputOf(program: string, words: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, maxBuffer: 1 << 26 };
  const { stdout, stderr } = await run(program, words, options).catch((error: unknown) => {
    if (error instanceof Error && "stdout" in error) return error as Error & { stdout: string; stderr: string };
    throw error;
  });
  return stdout + stderr;
}

export async function checkStyle(name: KernelName, directory: string): Promise<Finding[]> {
  const script = join(scriptsOf(name), "checkpatch.pl");
  const options = ["--no-tree", "--strict", "--terse", "--show-types", "--no-summary", "-f"];
  const output = await outputOf("perl", [script, ...options, ...sourcesIn(directory)], directory);
  return readFindings("checkpatch", output, directory).map((finding) => ({
    ...finding,
    message: finding.message.replace(/^(?:CHECK|WARNING|ERROR):/, ""),
  }));
}

/** The kernel-doc script of 6.12; in later kernels it is a Python library. @throws {Unavailable} */
export function findKernelDoc(): string {
  const script = join(findKernel("6.12").build, "scripts/kernel-doc");
  if (!existsSync(script)) throw new Unavailable(`no ${script}`);
  return script;
}

/** Doc comments that kernel-doc rejects. */
export async function checkComments(directory: string): Promise<Finding[]> {
  const script = findKernelDoc();
  const output = await outputOf("perl", [script, "-none", "-Wall", ...sourcesIn(directory)], directory);
  return readFindings("kernel-doc", output, directory);
}

interface Rule {
  name: string;
  file: string;
  options: string[];
}

/** The rules with a report mode. */
function rulesOf(name: KernelName): Rule[] {
  const directory = join(scriptsOf(name), "coccinelle");
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".cocci") && !Object.hasOwn(rulesLeftOut, basename(path, ".cocci")))
    .map((path) => ({ path, text: readFileSync(join(directory, path), "utf8") }))
    .filter(({ text }) => /^virtual .*\breport\b/m.test(text))
    .map(({ path, text }) => ({
      name: basename(path, ".cocci"),
      file: join(directory, path),
      options: (/^\/\/\/? *Options: *(.*)$/m.exec(text)?.[1] ?? "").split(/\s+/).filter((word) => word !== ""),
    }));
}

/** @throws {Unavailable} */
export function findCoccinelle(name: KernelName): void {
  scriptsOf(name);
  if (!existsSync("/usr/bin/spatch")) throw new Unavailable("no spatch (Debian: coccinelle)");
}

/** Runs all rules, several at a time. Returns their names too. */
export async function matchRules(
  name: KernelName,
  directory: string,
): Promise<{ findings: Finding[]; rules: string[] }> {
  const rules = rulesOf(name);
  const waiting = [...rules];
  const findings: Finding[] = [];
  const work = async (): Promise<void> => {
    for (let rule = waiting.pop(); rule !== undefined; rule = waiting.pop()) {
      const words = ["-D", "report", "--very-quiet", "--no-show-diff", ...rule.options, "--cocci-file", rule.file];
      const text = await outputOf("spatch", [...words, "--dir", "."], directory);
      const reported = text.replaceAll(/^warning: line \d+: should .* be a metavariable\?$/gm, "");
      findings.push(...readFindings(rule.name, reported, directory));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return { findings, rules: rules.map((rule) => rule.name) };
}

const concerns = (exception: Exception, kernel: KernelName, { checker, file, message }: Finding): boolean =>
  exception.checker === checker &&
  (exception.kernels ?? [kernel]).includes(kernel) &&
  exception.file.test(file) &&
  exception.message.test(message);

/** Lines for the findings without an exception, and for the exceptions without a finding. */
export function judge(kernel: KernelName, checkers: readonly string[], findings: readonly Finding[]): string[] {
  const mine = exceptions.filter(
    ({ checker, kernels }) => checkers.includes(checker) && (kernels ?? [kernel]).includes(kernel),
  );
  const left = findings.filter((finding) => !mine.some((exception) => concerns(exception, kernel, finding)));
  const unused = mine.filter((exception) => !findings.some((finding) => concerns(exception, kernel, finding)));
  return [
    ...left.map(({ checker, file, line, message }) => `kernel/${file}:${line}: ${checker}: ${message}`),
    ...unused.map(({ checker, message }) => `an exception without a finding: ${checker} ${String(message)}`),
  ];
}
