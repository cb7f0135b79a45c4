/**
 * 64 processes read random ranges of random files of a Debian root, by pread(2) and mmap(2), and compare every one with
 * the source. PUZZLEFS_SOAK_SECONDS is the duration; `make soak` does it for a minute.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { luaProgram, luaPrograms } from "@puzzlefs/qemu";
import test from "ava";
import { build } from "../support/images.ts";
import { debianRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { backends } from "../posix/backends.ts";
import { serversOf, residentBytes } from "./daemons.ts";

const processes = 64;
const seconds = Number(process.env["PUZZLEFS_SOAK_SECONDS"] ?? 10);
const MiB = 1 << 20;
/** Decompressed content that the daemon may keep. */
const cache = 16 * MiB;
/**
 * Memory that it may use in addition to that and to the memory before the first read (the program, the metadata): 512 open
 * blobs with their seek tables, buffers, compiled code, and what V8 has not collected yet. Seen: 24 to 27 MiB.
 */
const allowance = 40 * MiB;
/** 512 blobs, 64 that are expected to be read, as many that are just being opened, and what the runtime has. */
const mostDescriptors = 512 + 64 + 64 + 40;
/** By how much it may take more in the last third of the time than in the second. */
const growth = 8 * MiB;
const sampleMilliseconds = 250;

const scratch = new Scratch();
const obstacle = backends.find(({ name }) => name === "FUSE as root")?.obstacle ?? "";
const lacks = [obstacle, ...missing(debianRoot, "gcc", "/usr/include/lua5.4/lua.h")].filter((name) => name !== "");

test.after.always(() => scratch.remove());

for (const [tag, options] of [
  ["raw", []],
  ["zstd", ["-c"]],
] as const) {
  const title = `${tag}: ${processes} processes read random ranges for ${seconds} s`;
  if (lacks.length > 0) test.serial.skip(`${title} (needs ${lacks.join(", ")})`, () => undefined);
  else {
    test.serial(title, async (t) => {
      t.timeout((600 + seconds) * 1000);
      const store = scratch.fresh("store");
      const mountpoint = scratch.directory("mnt");
      const log = scratch.fresh("log");
      build(debianRoot, `${store}:${tag}`, ...options);
      run(puzzlefs, [
        "mount",
        "--driver",
        "fuse",
        "-o",
        `cache=${cache}`,
        "--log-file",
        log,
        `${store}:${tag}`,
        mountpoint,
      ]);
      const daemon = serversOf(mountpoint)[0]?.pid ?? 0;
      const base = residentBytes(daemon);
      const readers = startReaders(mountpoint);
      const ends = Promise.all(readers.map(endOf));
      const samples = await sample(daemon, ends);
      const outcomes = await ends;
      t.deepEqual(
        outcomes.filter(({ code, signal }) => code !== 0 || signal !== null),
        [],
      );
      const counts = outcomes.map(({ stdout }) => stdout.trim().split(" ").map(Number));
      const [read, mapped, bytes] = [0, 1, 2].map((i) => counts.reduce((sum, fields) => sum + (fields[i] ?? NaN), 0));
      const peak = Math.max(...samples);
      const bound = base + cache + allowance;
      t.log(`${read} ranges read, ${mapped} mapped, ${mega(bytes as number)} in all`);
      t.log(`memory: ${mega(base)} at first, ${mega(peak)} at most, ${mega(bound)} allowed`);
      t.true((read as number) >= processes && (mapped as number) >= processes, "hardly anything was read");
      t.true(peak <= bound, `${mega(peak)} are more than ${mega(bound)}`);
      const [middle, last] = [1, 2].map((third) => Math.max(...thirdOf(samples, third))) as [number, number];
      t.true(last - middle <= growth, `it grows: ${mega(middle)}, then ${mega(last)}`);
      const descriptors = readdirSync(`/proc/${daemon}/fd`).length;
      t.true(descriptors <= mostDescriptors, `${descriptors} files are open`);
      run(puzzlefs, ["umount", mountpoint]);
      t.notRegex(readFileSync(log, "utf8"), / (error|warning) /);
    });
  }
}

function startReaders(mountpoint: string): ChildProcess[] {
  const directory = scratch.directory("programs");
  const [lua, program, list] = ["lua", "ranges.lua", "list"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(lua, luaProgram()["/bin/lua"] as Buffer, { mode: 0o755 });
  writeFileSync(program, luaPrograms()["/ranges.lua"] as Buffer);
  writeFileSync(
    list,
    run("find", [".", "-type", "f", "-size", "+0", "-printf", "%s %P\\n"], { cwd: debianRoot }),
    "latin1",
  );
  return Array.from({ length: processes }, (_, index) =>
    spawn(lua, [program, mountpoint, debianRoot, list, `${seconds}`, `${index + 1}`], {
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

interface End {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

async function endOf(child: ChildProcess): Promise<End> {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, "close") as Promise<[number | null, string | null]>,
  ]);
  return { code, signal, stdout, stderr };
}

/** The memory of a process, until something has ended. */
async function sample(pid: number, until: Promise<unknown>): Promise<number[]> {
  const samples = [residentBytes(pid)];
  const over = until.then(() => true);
  while (!(await Promise.race([over, sleep(sampleMilliseconds, false)]))) samples.push(residentBytes(pid));
  return samples;
}

function thirdOf(samples: readonly number[], third: number): number[] {
  const length = Math.ceil(samples.length / 3);
  return samples.slice(third * length, (third + 1) * length);
}

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
