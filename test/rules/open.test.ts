/** One way to open things: product code reaches names that another user may control by packages/linux only. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { root } from "../support/programs.ts";
import { exceptions } from "./exceptions.ts";
import { type Detour, detours } from "./opening.ts";

/** Programs of tests and of the build. */
const OTHERS = /\.test\.ts$|fixture|^packages\/(posix|codegen|chunker|testing)\/|\/generated\//;
/** Names that only packages/linux may use. */
const FOUNDATION = new Set(["AT_FDCWD", "bind", "koffi"]);

const found = new Map<string, Detour[]>();
for (const file of globSync("packages/*/src/**/*.ts", { cwd: root }).sort()) {
  if (OTHERS.test(file)) continue;
  const uses = detours(readFileSync(join(root, file), "utf8"));
  found.set(file, file.startsWith("packages/linux/") ? uses.filter(({ name }) => !FOUNDATION.has(name)) : uses);
}

const allowed = new Map<string, Set<string>>();
for (const { file, names } of exceptions) allowed.set(file, new Set([...(allowed.get(file) ?? []), ...names]));

test("product code opens, changes and runs things by packages/linux only", (t) => {
  t.true(found.size > 100, "files of the product");
  const lines = [...found].flatMap(([file, uses]) =>
    uses
      .filter(({ name }) => allowed.get(file)?.has(name) !== true)
      .map(({ name, line }) => `${file}:${line}: ${name}: use @puzzlefs/linux, or add a reason to exceptions.ts`),
  );
  t.deepEqual(lines, []);
});

test("every exception is needed", (t) => {
  const lines = [...allowed].flatMap(([file, names]) =>
    [...names]
      .filter((name) => found.get(file)?.some((use) => use.name === name) !== true)
      .map((name) => `exceptions.ts: ${file}: ${name} is not used: remove it`),
  );
  t.deepEqual(lines, []);
});

test("the rule finds each way around", (t) => {
  const ways: [source: string, ...names: string[]][] = [
    ['import { openSync as o, closeSync } from "node:fs";', "openSync"],
    ['import { statSync, lstatSync } from "fs";', "statSync", "lstatSync"],
    ['import fs from "node:fs";', "node:fs"],
    ['import * as fs from "fs";', "node:fs"],
    ['import "node:fs";', "node:fs"],
    ['import { readFile } from "node:fs/promises";', "readFile"],
    ['import { promises } from "node:fs";', "promises"],
    ['import { createReadStream, watch, opendirSync } from "node:fs";', "createReadStream", "watch", "opendirSync"],
    ['export { readFileSync } from "node:fs";', "node:fs"],
    ['const { openSync } = await import("node:fs");', "node:fs"],
    ['process.getBuiltinModule("fs").openSync("x");', "node:fs"],
    ['createRequire(import.meta.url)("koffi");', "koffi"],
    ['import koffi from "koffi";', "koffi"],
    ['import { exec, fork } from "node:child_process";', "exec", "fork"],
    ['import { spawn } from "node:child_process"; spawn("mount", []);', 'spawn("mount")'],
    ['import { spawnSync as run } from "child_process"; run(`mount`);', "spawnSync(`mount`)"],
    ['import { execFile } from "node:child_process"; const P = "fusermount3"; execFile(P);', "execFile(P)"],
    ['import { execFile } from "node:child_process"; let P = "/bin/x"; execFile(P);', "execFile(P)"],
    ['import { execFile } from "node:child_process"; promisify(execFile);', "execFile as a value"],
    ['import { openat, AT_FDCWD } from "@puzzlefs/linux"; openat(AT_FDCWD, path);', "AT_FDCWD", "AT_FDCWD"],
    ["const AT_FDCWD = -100;", "AT_FDCWD"],
    ['import { bind } from "@puzzlefs/linux";', "bind"],
  ];
  for (const [source, ...names] of ways) {
    const uses = detours(`\n${source}`);
    t.deepEqual(
      uses.map(({ name }) => name),
      names,
      source,
    );
    for (const { line } of uses) t.is(line, 2, source);
  }
});

test("the rule lets descriptors, types, and programs by absolute path pass", (t) => {
  const fine = [
    'import { closeSync, constants, fstatSync, readSync, type Stats } from "node:fs";',
    'import type { BigIntStats } from "node:fs";',
    'import { type ChildProcess, spawn } from "node:child_process"; spawn(process.execPath, []);',
    'import { spawn } from "node:child_process"; const PROGRAM = "/usr/bin/fusermount3"; spawn(PROGRAM);',
    'import { Directory } from "@puzzlefs/linux"; Directory.open(path);',
    'socket.bind(1); log("openSync of node:fs"); // import { openSync } from "node:fs"',
  ];
  for (const source of fine) t.deepEqual(detours(source), [], source);
});
