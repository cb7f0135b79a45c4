/** Common programs on FUSE mounts: they print the same for an image as for its source. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { assertSameText } from "../support/compare.ts";
import { build } from "../support/images.ts";
import { addJoined } from "./joined.ts";
import { attempt, debianRoot, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { differences, fioFiles, fioVerify, fioWrite, outputs, type Program } from "./programs.ts";

const wanted = ["bsdtar", "fio", "getfacl", "getfattr", "mtree", "rsync", debianRoot];
const lacks = [...missing(...wanted), ...(isRoot ? [] : ["root"])];
const declare = lacks.length > 0 ? test.serial.skip : test.serial;
const suffix = lacks.length > 0 ? ` (needs ${lacks.join(", ")})` : "";

const scratch = new Scratch();
const source = scratch.directory("source");
const store = scratch.fresh("store");
/** Raw with one chunk for each blob, and the form that is farthest from it: once built, its chunks are joined. */
const images = { raw: [], zstd: ["-c", "--chunking", "stream"] } as const;
const mountpoints = new Map<string, string>();
const engines = ["psync", "mmap", "libaio", "splice"];
/** A system's files, without its largest. */
const debianParts = ["etc", "usr/bin", "usr/share/perl5", "var/lib/dpkg"];
const said = new Map<string, string>();

test.before(() => {
  if (lacks.length > 0) return;
  makeHostileTree(join(source, "hostile"), { largeDirectory: 5000, sparseBytes: 50_000_000 });
  for (const part of debianParts) {
    const at = join(source, "debian", part);
    mkdirSync(join(at, ".."), { recursive: true });
    run("cp", ["-a", join(debianRoot, part), at]);
  }
  mkdirSync(join(source, "fio"));
  for (const [name, sizes] of Object.entries(fioFiles)) shell(source, fioWrite(join(source, "fio", name), sizes));
  for (const [name, options] of Object.entries(images)) {
    build(source, `${store}:${name}`, "--mtime", "keep", ...options);
    if (name === "zstd") addJoined(store, name, name, 1 << 22);
    const mountpoint = scratch.directory("mnt");
    run(puzzlefs, ["mount", `${store}:${name}`, mountpoint]);
    mountpoints.set(name, mountpoint);
  }
});

test.after.always(() => scratch.remove());

for (const image of Object.keys(images)) {
  for (const program of outputs) {
    declare(`${image}: ${program.name}${suffix}`, (t) => {
      const expected = said.get(program.name) ?? shell(source, program.command);
      said.set(program.name, expected);
      t.true(expected.length > 60, expected);
      assertSameText(t, shell(mounted(image), program.command), expected, program.name);
    });
  }
  for (const { name } of differences("", "", "")) {
    declare(`${image}: ${name}${suffix}`, (t) => {
      const program = differences(source, mounted(image), scratch.fresh("copy")).find((one) => one.name === name);
      assertSilent(t, program);
    });
  }
  for (const engine of engines) {
    declare(`${image}: fio verifies what it wrote, ${engine}${suffix}`, (t) => {
      for (const file of Object.keys(fioFiles)) {
        const { status, stdout, stderr } = attempt("sh", ["-c", fioVerify(join(mounted(image), "fio", file), engine)]);
        t.is(status, 0, `${file}: ${stdout}${stderr}`);
      }
    });
  }
}

declare(`umount takes the mounts away${suffix}`, (t) => {
  for (const mountpoint of mountpoints.values()) run(puzzlefs, ["umount", mountpoint]);
  t.pass();
});

function mounted(image: string): string {
  return mountpoints.get(image) ?? "/nonexistent";
}

/** The output of a command that must succeed, run by a shell that fails if any part of a pipe does. */
function shell(directory: string, command: string): string {
  return run("bash", ["-c", `set -o pipefail; ${command}`], { cwd: directory });
}

function assertSilent(t: ExecutionContext, program: Program | undefined): void {
  const { status, stdout, stderr } = attempt("sh", ["-c", program?.command ?? "exit 9"]);
  t.deepEqual([status, stdout, stderr], [0, "", ""]);
}
