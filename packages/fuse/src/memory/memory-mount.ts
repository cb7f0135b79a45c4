/**
 * A program that mounts in-memory trees, for tests and measurements:
 *
 *     node memory-mount.ts [--foreground|--daemon] MOUNTPOINT TREE [SETTINGS]
 *
 * Without a flag it starts itself as a daemon and prints its pid. TREE is a MemoryArgument as JSON, SETTINGS the rest of
 * DaemonSettings. Exit code 3 for a FormatError, 1 for others.
 */
import { fileURLToPath } from "node:url";
import { mountForeground } from "../daemon/foreground.ts";
import { spawnDaemon } from "../daemon/spawn.ts";
import { type DaemonSettings, serve } from "../daemon/serve.ts";
import { type FixtureEntry, nodeFixture } from "@puzzlefs/posix";
import type { MountableTree } from "../operations/mountable.ts";
import { MemoryTree } from "./memory-tree.ts";

/** Which tree: `high` has inode numbers near 2^53, `broken` a file that cannot be read, `refused` does not open. */
export type MemoryArgument =
  | { tree: "fixture" }
  | { tree: "high" }
  | { tree: "broken" }
  | { tree: "files"; count: number }
  | { tree: "big"; bytes: number }
  | { tree: "refused" };

function plain(path: string, kind: "dir" | "file", content?: string): FixtureEntry {
  const owner = { uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };
  const entry = { path, kind, permissions: kind === "dir" ? 0o755 : 0o644, ...owner };
  return content === undefined ? entry : { ...entry, content };
}

/** `count` files, 1,000 to a directory. */
function files(count: number): FixtureEntry[] {
  const entries = [plain("", "dir")];
  const content = "content";
  for (let index = 0; index < count; index++) {
    const directory = `d${Math.floor(index / 1000)}`;
    if (index % 1000 === 0) entries.push(plain(directory, "dir"));
    entries.push(plain(`${directory}/file-${index}`, "file", content));
  }
  return entries;
}

function open(argument: MemoryArgument): MountableTree {
  switch (argument.tree) {
    case "fixture":
      return new MemoryTree(nodeFixture(process.geteuid?.()));
    case "broken": {
      const tree = new MemoryTree([
        plain("", "dir"),
        plain("broken", "file", "\0".repeat(10_000)),
        plain("good", "file", "good"),
      ]);
      tree.breakFile("broken");
      return tree;
    }
    case "high":
      return new MemoryTree([plain("", "dir"), plain("dir", "dir"), plain("dir/file", "file", "high")], 2 ** 53 - 2);
    case "files":
      return new MemoryTree(files(argument.count));
    case "big":
      return new MemoryTree([
        plain("", "dir"),
        plain("big", "file", "puzzle".repeat(Math.ceil(argument.bytes / 6)).slice(0, argument.bytes)),
      ]);
    case "refused": {
      const error = new Error("demo:v1: dir-entry-name-slash: inode 7");
      error.name = "FormatError";
      throw error;
    }
  }
}

const SELF = fileURLToPath(import.meta.url);
const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const [mountpoint, tree, settingsText] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const settings = { fsname: "memory", ...(JSON.parse(settingsText ?? "{}") as DaemonSettings) };
const openTree = (): MountableTree => open(JSON.parse(tree) as MemoryArgument);

try {
  if (flags.includes("--daemon")) await serve(openTree, mountpoint, settings);
  else if (flags.includes("--foreground")) await mountForeground(openTree, mountpoint, settings);
  else console.log((await spawnDaemon([SELF, "--daemon", mountpoint, tree, settingsText ?? "{}"])).pid);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof Error && error.name === "FormatError" ? 3 : 1;
}
