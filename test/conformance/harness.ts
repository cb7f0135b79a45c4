/** Compiles harness.c with the generated C, and asks it for verdicts. */
import * as childProcess from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { madeOnce } from "./cache.ts";
import { dumpSource } from "./dump-c.ts";
import { readStructs } from "./spec.ts";
import type { ObjectKind } from "./verdict.ts";

const execFile = promisify(childProcess.execFile);
const here = import.meta.dirname;
const KERNEL = resolve(here, "../../kernel");

const WARNINGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror"];
const SANITIZE = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** The ways in which the C is built and run; "quick" is for what is run once. */
const BUILDS = {
  quick: ["gcc", "-O0", ...WARNINGS],
  gcc: ["gcc", "-O2", ...WARNINGS],
  clang: ["clang", "-O2", ...WARNINGS],
  sanitized: ["gcc", "-O1", ...WARNINGS, ...SANITIZE],
} as const;
export type Build = keyof typeof BUILDS;

/** The builds that are compared with TypeScript. */
export const COMPARED: readonly Build[] = ["gcc", "clang", "sanitized"];

const filesIn = (directory: string, ending: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .map((name) => join(directory, name));

/** Compiles the generated C of `kernel` for the harness; returns the program's path. Throws the compiler's messages. */
export async function compile(build: Build, kernel = KERNEL): Promise<string> {
  const generated = join(kernel, "generated");
  const sources = [...filesIn(here, ".c"), ...filesIn(generated, ".c"), join(kernel, "format_base.c")];
  const headers = [...filesIn(here, ".h"), ...filesIn(generated, ".h"), join(kernel, "format_base.h")];
  const dump = dumpSource(await readStructs());
  const hash = createHash("sha256").update(BUILDS[build].join(" ")).update(dump);
  for (const file of [...sources, ...headers]) hash.update(readFileSync(file));
  return madeOnce(`${build}-${hash.digest("hex").slice(0, 16)}`, async (temporary) => {
    writeFileSync(`${temporary}.c`, dump);
    const [compiler, ...flags] = BUILDS[build];
    const includes = [`-I${generated}`, `-I${here}`];
    await execFile(compiler, [...flags, ...includes, ...sources, `${temporary}.c`, "-o", temporary]);
    rmSync(`${temporary}.c`);
  });
}

const LETTERS: Record<ObjectKind, string> = {
  metadata: "m",
  manifest: "j",
  "seek-table": "s",
  "packed-manifest": "k",
  bundle: "b",
  "place-table": "p",
};

interface Waiting {
  resolve(text: string): void;
  reject(error: Error): void;
}

/** The harness as a process that answers in the order of the questions. */
export class Harness {
  readonly #child: childProcess.ChildProcess;
  readonly #waiting: Waiting[] = [];
  #received: Buffer = Buffer.alloc(0);
  #errors = "";

  constructor(program: string) {
    this.#child = childProcess.spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (data: Buffer) => this.#receive(data));
    this.#child.stderr?.on("data", (data: Buffer) => (this.#errors += data.toString()));
    this.#child.stdin?.on("error", () => {});
    this.#child.on("close", (code, signal) => {
      const error = new Error(`the harness ended with ${signal ?? code}: ${this.#errors}`);
      for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    });
  }

  #receive(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    while (this.#received.length >= 4) {
      const length = this.#received.readUInt32LE(0);
      if (this.#received.length < 4 + length) return;
      const text = this.#received.toString("latin1", 4, 4 + length);
      this.#received = this.#received.subarray(4 + length);
      this.#waiting.shift()?.resolve(text);
    }
  }

  /** The verdict on an object of `size` bytes, in the words of verdict.ts. Rejects where the program died. */
  judge(kind: ObjectKind, bytes: Uint8Array, size = bytes.length): Promise<string> {
    const head = Buffer.alloc(13);
    head.write(LETTERS[kind], 0, "latin1");
    head.writeUInt32LE(bytes.length, 1);
    head.writeBigUInt64LE(BigInt(size), 5);
    return new Promise((done, reject) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        reject(new Error(`the harness has ended: ${this.#errors}`));
        return;
      }
      this.#waiting.push({ resolve: done, reject });
      this.#child.stdin?.write(Buffer.concat([head, bytes]));
    });
  }

  close(): void {
    this.#child.stdin?.end();
  }
}
