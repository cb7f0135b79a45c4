/**
 * A program that mounts in-memory trees, for tests and measurements:
 *
 *     node memory-mount.ts [--foreground] MOUNTPOINT TREE [SETTINGS]
 *
 * Without the flag it starts itself as a daemon and prints its pid. TREE is a MemoryArgument as JSON, SETTINGS are
 * MemorySettings. Exit code 3 for a FormatError, 1 for others.
 */
import { constants, openSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { close, Directory, FileStatus } from "@puzzlefs/linux";
import type { FixtureEntry } from "@puzzlefs/posix-suite";
import {
  InitPipe,
  type MountableTree,
  type MountSettings,
  RESOURCE_DESCRIPTOR,
  serve,
  type ServerOrder,
  serveShared,
  type SharedOrder,
  startMount,
  startSharedMount,
  stderrLog,
  unmount,
  watchSignals,
} from "../../packages/fuse/src/index.ts";
import { MemoryTree } from "./memory-tree.ts";

/**
 * Which tree: `high` has inode numbers near 2^53, `broken` a file that cannot be read, `refused` does not open.
 * `fatal` has a file `always` of which every read kills the server, or with `opening` kills it when it opens.
 * `deadly` has files that kill or stop the server when they are read, see deadlyTree(); it opens only while `marks` is there.
 */
export type MemoryArgument =
  | { tree: "high" }
  | { tree: "broken"; more?: number }
  | { tree: "files"; count: number; perDirectory?: number; big?: number; numbered?: boolean }
  | { tree: "big"; bytes: number }
  | { tree: "refused" }
  | { tree: "fatal"; opening?: boolean }
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
 * Each read of `always` kills this process, of `once` only the first, of `hang` stops it permanently the first time. The
 * directory `marks` remembers what happened: a byte for each read, in files of the same names.
 */
function deadlyTree(marks: Directory): MemoryTree {
  const status = new FileStatus();
  status.readDescriptor(marks.descriptor);
  if (status.nlink === 0) throw new Error("ENOENT: the directory of marks is gone");
  const tree = new MemoryTree([
    plain("", "dir"),
    ...["always", "once", "hang", "good"].map((name) => plain(name, "file", `I am ${name}`)),
  ]);
  const reads = (name: string): number => {
    const flags = constants.O_WRONLY | constants.O_APPEND;
    const file = marks.openFile(name, flags) ?? marks.createFile(name);
    writeSync(file, "+");
    close(file);
    return marks.fileSize(name) ?? 0;
  };
  const die = (): void => void process.kill(process.pid, "SIGKILL");
  tree.beforeRead("always", () => reads("always") > 0 && die());
  tree.beforeRead("once", () => reads("once") === 1 && die());
  tree.beforeRead("hang", () => {
    if (reads("hang") === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  return tree;
}

function fatalTree(opening: boolean): MemoryTree {
  const die = (): void => void process.kill(process.pid, "SIGKILL");
  if (opening) die();
  const tree = new MemoryTree([
    plain("", "dir"),
    ...["always", "good"].map((name) => plain(name, "file", `I am ${name}`)),
  ]);
  tree.beforeRead("always", die);
  return tree;
}

function open(argument: MemoryArgument): MountableTree {
  switch (argument.tree) {
    case "fatal":
      return fatalTree(argument.opening === true);
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
      return deadlyTree(new Directory(RESOURCE_DESCRIPTOR, argument.marks));
    case "refused": {
      const error = new Error("demo:v1: dir-entry-name-slash: inode 7");
      error.name = "FormatError";
      throw error;
    }
  }
}

export interface MemorySettings extends Omit<MountSettings, "argv" | "resource" | "program"> {
  initPipe?: string;
  /** By a shared server; its store is this directory. */
  store?: string;
}

const SELF = fileURLToPath(import.meta.url);
const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

async function begin(mountpoint: string, tree: string, given: MemorySettings, attached: boolean): Promise<void> {
  const { initPipe, ...settings } = given;
  const argv = (order: ServerOrder): string[] => [SELF, "--server", tree, JSON.stringify(order)];
  const pipe = initPipe === undefined ? undefined : new InitPipe(initPipe);
  const notify = async (outcome: "s" | "f"): Promise<void> => {
    await pipe?.notify(outcome, stderrLog(), outcome === "f");
  };
  const argument = JSON.parse(tree) as MemoryArgument;
  if (given.store !== undefined) {
    const mount = await startSharedMount(mountpoint, {
      fsname: "memory",
      ...(given.logFile !== undefined && { logFile: given.logFile }),
      store: { descriptor: openSync(given.store, "r"), path: given.store },
      image: argument,
      version: SELF,
      argv: (order) => [SELF, "--shared-server", JSON.stringify(order)],
      program: [CHECKOUT],
      replaced: [],
    });
    if (mount === undefined) throw new Error("there can be no shared server here");
    return mount.release();
  }
  const starting = startMount(mountpoint, {
    fsname: "memory",
    ...settings,
    attached,
    argv,
    program: [CHECKOUT],
    ...(argument.tree === "deadly" && { resource: { descriptor: openSync(argument.marks, "r"), isStore: false } }),
  });
  const mount = await starting.catch(async (error: unknown) => {
    await notify("f");
    throw error;
  });
  if (!attached) {
    mount.release();
    return console.log(mount.pid);
  }
  const stop = watchSignals(
    () => unmount(mountpoint, { lazy: true }),
    stderrLog(),
    () => mount.kill(),
  );
  void notify("s");
  const how = await mount.attend();
  stop();
  if (how !== undefined) throw new Error(how);
}

try {
  const [first, ...rest] = process.argv.slice(2);
  if (first === "--shared-server") {
    await serveShared(JSON.parse(rest[0]) as SharedOrder, {
      openTree(image) {
        const tree = open(image as MemoryArgument);
        return { tree, [Symbol.dispose]: () => tree.close() };
      },
      argv: (order) => [SELF, "--shared-server", JSON.stringify(order)],
    });
  } else if (first === "--server") {
    const [tree, order] = rest;
    await serve(JSON.parse(order) as ServerOrder, {
      openTree: () => open(JSON.parse(tree) as MemoryArgument),
      argv: (other) => [SELF, "--server", tree, JSON.stringify(other)],
    });
  } else {
    const attached = first === "--foreground";
    const [mountpoint, tree, settings = "{}"] = attached ? rest : [first, ...rest];
    await begin(mountpoint, tree, JSON.parse(settings) as MemorySettings, attached);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof Error && error.name === "FormatError" ? 3 : 1;
}
