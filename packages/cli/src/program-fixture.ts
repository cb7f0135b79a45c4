import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The program: from its sources, or the bundle, which starts in less than half of the time, where it was just made (`make test`). */
export const program =
  process.env["PUZZLEFS_BUNDLE"] === "1"
    ? resolve(import.meta.dirname, "../../../build/lib/puzzlefs.js")
    : fileURLToPath(new URL("puzzlefs.ts", import.meta.url));

/** The launcher of the bundle; tests of it need `make build`. */
export const launcher = resolve(import.meta.dirname, "../bin/puzzlefs");
export const installer = resolve(import.meta.dirname, "../../../packaging/install.ts");
export const isBuilt = existsSync(resolve(import.meta.dirname, "../../../build/lib/puzzlefs.js"));

// Every test starts the program; this halves the time for which it reads the same sources again. Root loads
// code from there: no directory that others may write to.
process.env["NODE_COMPILE_CACHE"] ??= resolve(import.meta.dirname, "../../../build/test-compile-cache");

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, without a terminal. */
export async function runProgram(name: string, argv: readonly string[], cwd?: string): Promise<Outcome> {
  const child = spawn(name, argv, { stdio: ["ignore", "pipe", "pipe"], ...(cwd !== undefined && { cwd }) });
  const outcome: Outcome = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("latin1").on("data", (text: string) => (outcome.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (outcome.stderr += text));
  outcome.code = await new Promise((done, fail) => child.on("error", fail).on("close", done));
  return outcome;
}

/** A directory for one test, with the program run in it. */
export class TestDirectory {
  readonly root = mkdtempSync(join(tmpdir(), "puzzlefs-cli-"));

  run(...argv: string[]): Promise<Outcome> {
    return runProgram(process.execPath, [program, ...argv], this.root);
  }

  /** Runs a shell command line in which `puzzlefs` is the program. */
  shell(line: string): Promise<Outcome> {
    const script = `puzzlefs() { '${process.execPath}' '${program}' "$@"; }\n${line}`;
    return runProgram("bash", ["-c", script], this.root);
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
