/** The programs with which the kernel's authors check sources, run over the driver's. */
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
  says: string;
}

/** A copy of the sources below build/, to be compiled from nothing. */
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

/** The files that are compiled by themselves: not those that another includes. */
function unitsIn(directory: string): string[] {
  const sources = sourcesIn(directory).filter((file) => file.endsWith(".c"));
  const included = sources.flatMap((file) =>
    [...readFileSync(join(directory, file), "utf8").matchAll(/^#include "(?<name>.*\.c)"$/gm)].map((match) =>
      join(dirname(file), match.groups?.["name"] ?? ""),
    ),
  );
  return sources.filter((file) => !included.includes(file));
}

const placed = /^(?:.*\/)?(?<file>[\w.-]+\.[ch]):(?<line>\d+)(?::[-\d:]+)?:? (?<says>.*)$/;

/** Findings among lines `FILE:LINE…: TEXT` about files of `directory`; lines that say something else are findings too. */
function readFindings(checker: string, output: string, directory: string): Finding[] {
  const known = sourcesIn(directory);
  return output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const { file = "", line: number = "0", says = line } = placed.exec(line)?.groups ?? {};
      const path = known.find((source) => line.includes(`${source}:`)) ?? file;
      return { checker, file: path, line: Number(number), says };
    });
}

/** What a clean build prints, and what concerns the kernel's headers package rather than us. */
const silent = [
  /^make(?:\[\d+\])?: (?:Entering|Leaving) directory|^make -C /,
  /^ {2}(?:CC|LD|CHECK|MODPOST|BTF|AR|HOSTCC|GEN) /,
  /^Skipping BTF generation/,
  /^warning: (?:the compiler|pahole version) differs from the one used to build the kernel$/,
  /^ {2}(?:The kernel was built (?:by|with): |You are using: )/,
  /checker-valid\.sh: (?:not found|No such file)/,
  /C=2 specified, but .* is not available or not up to date/,
];

/** Compiles with the kernel's additional warnings, and lets sparse read every file. */
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
    // Headers packages of 7.x lack the script that asks whether sparse works; without its answer sparse is not run.
    "C=2",
    "KBUILD_CHECKSRC=2",
    `CHECK=${sparse}`,
    "CF=-D__CHECK_ENDIAN__ -Wsparse-error",
    // W=1 would run kernel-doc, which wants more Perl or Python than the toolchain has: checkComments does that.
    "cmd_checkdoc=",
    "modules",
  ]);
  const lines = output.split("\n").filter((line) => !silent.some((pattern) => pattern.test(line)));
  const checked = output.split("\n").filter((line) => line.startsWith("  CHECK ")).length;
  const compiled = unitsIn(directory).length;
  if (status === 0 && checked < compiled) lines.push(`sparse read ${checked} of ${compiled} files`);
  const findings = readFindings("W=1", lines.join("\n"), directory);
  return status === 0 || findings.length > 0 ? findings : readFindings("W=1", output, directory);
}

/** @throws {Unavailable} */
export function findSparse(kernel: Kernel): string {
  // Of trixie's, sparse cannot read the headers of 7.x.
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

/** What a program prints, whatever it exits with. */
async function printed(program: string, words: readonly string[], cwd: string): Promise<string> {
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
  const said = await printed("perl", [script, ...options, ...sourcesIn(directory)], directory);
  return readFindings("checkpatch", said, directory).map((finding) => ({
    ...finding,
    says: finding.says.replace(/^(?:CHECK|WARNING|ERROR):/, ""),
  }));
}

/** The kernel's own program that reads doc comments; later it is a library of Python. @throws {Unavailable} */
export function findKernelDoc(): string {
  const script = join(findKernel("6.12").build, "scripts/kernel-doc");
  if (!existsSync(script)) throw new Unavailable(`no ${script}`);
  return script;
}

/** Doc comments that the kernel's own documentation could not be made from. */
export async function checkComments(directory: string): Promise<Finding[]> {
  const script = findKernelDoc();
  const said = await printed("perl", [script, "-none", "-Wall", ...sourcesIn(directory)], directory);
  return readFindings("kernel-doc", said, directory);
}

interface Rule {
  name: string;
  file: string;
  options: string[];
}

/** The rules that can report. */
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

/** Asks every rule, several at a time. Gives their names too. */
export async function matchRules(
  name: KernelName,
  directory: string,
): Promise<{ findings: Finding[]; rules: string[] }> {
  const rules = rulesOf(name);
  const waiting = [...rules];
  const findings: Finding[] = [];
  const ask = async (): Promise<void> => {
    for (let rule = waiting.pop(); rule !== undefined; rule = waiting.pop()) {
      const words = ["-D", "report", "--very-quiet", "--no-show-diff", ...rule.options, "--cocci-file", rule.file];
      const text = await printed("spatch", [...words, "--dir", "."], directory);
      const said = text.replaceAll(/^warning: line \d+: should .* be a metavariable\?$/gm, "");
      findings.push(...readFindings(rule.name, said, directory));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, ask));
  return { findings, rules: rules.map((rule) => rule.name) };
}

const concerns = (exception: Exception, kernel: KernelName, { checker, file, says }: Finding): boolean =>
  exception.checker === checker &&
  (exception.kernels ?? [kernel]).includes(kernel) &&
  exception.file.test(file) &&
  exception.says.test(says);

/** The findings that no exception covers, as lines; and the exceptions that were for nothing. */
export function judge(kernel: KernelName, checkers: readonly string[], findings: readonly Finding[]): string[] {
  const mine = exceptions.filter(
    ({ checker, kernels }) => checkers.includes(checker) && (kernels ?? [kernel]).includes(kernel),
  );
  const left = findings.filter((finding) => !mine.some((exception) => concerns(exception, kernel, finding)));
  const unused = mine.filter((exception) => !findings.some((finding) => concerns(exception, kernel, finding)));
  return [
    ...left.map(({ checker, file, line, says }) => `kernel/${file}:${line}: ${checker}: ${says}`),
    ...unused.map(({ checker, says }) => `nothing is an exception any more: ${checker} ${String(says)}`),
  ];
}
