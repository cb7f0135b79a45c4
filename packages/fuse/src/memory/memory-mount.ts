/**
 * A program that mounts in-memory trees, for tests and measurements:
 *
 *     node memory-mount.ts [--foreground|--daemon|--server] MOUNTPOINT TREE [SETTINGS]
 *
 * Without a flag it starts itself as a daemon and prints its pid. TREE is a MemoryArgument as JSON, SETTINGS are
 * MemorySettings. Exit code 3 for a FormatError, 1 for others.
 */
import { appendFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mountForeground } from "../daemon/foreground.ts";
import { spawnDaemon } from "../daemon/spawn.ts";
import { serveSupervised } from "../daemon/serve-supervised.ts";
import { type DaemonSettings, serve } from "../daemon/serve.ts";
import type { FixtureEntry } from "@puzzlefs/posix";
import type { MountableTree } from "../operations/mountable.ts";
import { MemoryTree } from "./memory-tree.ts";

/**
 * Which tree: `high` has inode numbers near 2^53, `broken` a file that cannot be read, `refused` does not open.
 * `deadly` has files that kill or stop whoever serves them, see deadlyTree(); it opens only while `marks` is there.
 */
export type MemoryArgument =
  | { tree: "high" }
  | { tree: "broken"; more?: number }
  | { tree: "files"; count: number; perDirectory?: number; big?: number; numbered?: boolean }
  | { tree: "big"; bytes: number }
  | { tree: "refused" }
  | { tree: "deadly"; marks: string };

function plain(path: string, kind: "dir" | "file", content?: string): FixtureEntry {
  const owner = { uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };
  const entry = { path, kind, permissions: kind === "dir" ? 0o755 : 0o644, ...owner };
  return content === undefined ? entry : { ...entry, content };
}

/** A file of `bytes`. */
function big(bytes: number): FixtureEntry {
  return plain("big", "file", "puzzle".repeat(Math.ceil(bytes / 6)).slice(0, bytes));
}

/** `count` files with the content "content", or their number in as many digits. */
function files(count: number, perDirectory = 1000, numbered = false): FixtureEntry[] {
  const entries = [plain("", "dir")];
  for (let index = 0; index < count; index++) {
    const directory = `d${Math.floor(index / perDirectory)}`;
    if (index % perDirectory === 0) entries.push(plain(directory, "dir"));
    const content = numbered ? String(index).padStart(7, "0") : "content";
    entries.push(plain(`${directory}/file-${index}`, "file", content));
  }
  return entries;
}

/**
 * Each read of `always` kills this process, of `once` only the first, of `hang` stops it for ever the first time. The
 * directory `marks` remembers what happened: a byte for each read, in files of the same names.
 */
function deadlyTree(marks: string): MemoryTree {
  statSync(marks);
  const tree = new MemoryTree([
    plain("", "dir"),
    ...["always", "once", "hang", "good"].map((name) => plain(name, "file", `I am ${name}`)),
  ]);
  const reads = (name: string): number => {
    const file = join(marks, name);
    appendFileSync(file, "+");
    return statSync(file).size;
  };
  const die = (): void => void process.kill(process.pid, "SIGKILL");
  tree.beforeRead("always", () => reads("always") > 0 && die());
  tree.beforeRead("once", () => reads("once") === 1 && die());
  tree.beforeRead("hang", () => {
    if (reads("hang") === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  return tree;
}

function open(argument: MemoryArgument): MountableTree {
  switch (argument.tree) {
    case "broken": {
      const names = ["broken", ...Array.from({ length: argument.more ?? 0 }, (_, index) => `broken-${index}`)];
      const broken = names.map((name) => plain(name, "file", "\0".repeat(10_000)));
      const tree = new MemoryTree([plain("", "dir"), ...broken, plain("good", "file", "good")]);
      for (const name of names) tree.breakFile(name);
      return tree;
    }
    case "high":
      return new MemoryTree([plain("", "dir"), plain("dir", "dir"), plain("dir/file", "file", "high")], 2 ** 53 - 2);
    case "files": {
      const { count, perDirectory, numbered } = argument;
      return new MemoryTree([...files(count, perDirectory, numbered), big(argument.big ?? 0)]);
    }
    case "big":
      return new MemoryTree([plain("", "dir"), big(argument.bytes)]);
    case "deadly":
      return deadlyTree(argument.marks);
    case "refused": {
      const error = new Error("demo:v1: dir-entry-name-slash: inode 7");
      error.name = "FormatError";
      throw error;
    }
  }
}

/** `supervised` as `puzzlefs mount --supervise`. */
export interface MemorySettings extends Omit<DaemonSettings, "supervise"> {
  supervised?: boolean;
}

const SELF = fileURLToPath(import.meta.url);
const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const [mountpoint, tree, settingsText = "{}"] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const { supervised, ...given } = JSON.parse(settingsText) as MemorySettings;
const openTree = (): MountableTree => open(JSON.parse(tree) as MemoryArgument);
const program = (flag: string, changed: MemorySettings = {}): string[] => {
  const all = { supervised, ...given, ...changed };
  return [SELF, flag, mountpoint, tree, JSON.stringify(all)];
};
const settings = (attached: boolean): DaemonSettings => ({
  fsname: "memory",
  ...given,
  ...(supervised === true && { supervise: () => program("--server", { attached }) }),
});

try {
  if (flags.includes("--server")) await serveSupervised(openTree, mountpoint, settings(false));
  else if (flags.includes("--daemon")) await serve(openTree, mountpoint, settings(false));
  else if (flags.includes("--foreground")) await mountForeground(openTree, mountpoint, settings(true));
  else console.log((await spawnDaemon(program("--daemon"))).pid);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof Error && error.name === "FormatError" ? 3 : 1;
}
