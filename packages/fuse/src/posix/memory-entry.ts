/**
 * The entry module that mounts in-memory trees in tests and measurements. Its argument names the tree:
 * {"tree": "fixture"}, {"tree": "high"} (inode numbers near 2^53), {"tree": "files", "count": 20000},
 * {"tree": "big", "bytes": 1e9} or {"tree": "refused"}.
 */
import { serve } from "../daemon/serve.ts";
import type { MountableTree } from "../operations/mountable.ts";
import { type FixtureEntry, fixture } from "./fixture.ts";
import { MemoryTree } from "./memory-tree.ts";

export type MemoryArgument =
  | { tree: "fixture" }
  | { tree: "high" }
  | { tree: "files"; count: number }
  | { tree: "big"; bytes: number }
  | { tree: "refused" };

function plain(path: string, kind: "dir" | "file", content?: Uint8Array): FixtureEntry {
  const owner = { uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };
  const entry = { path, kind, permissions: kind === "dir" ? 0o755 : 0o644, ...owner };
  return content === undefined ? entry : { ...entry, content };
}

/** `count` files, 1,000 to a directory. */
function files(count: number): FixtureEntry[] {
  const entries = [plain("", "dir")];
  const content = Buffer.from("content");
  for (let index = 0; index < count; index++) {
    const directory = `d${Math.floor(index / 1000)}`;
    if (index % 1000 === 0) entries.push(plain(directory, "dir"));
    entries.push(plain(`${directory}/file-${index}`, "file", content));
  }
  return entries;
}

function open(argument: MemoryArgument): MountableTree {
  switch (argument.tree) {
    case "fixture": {
      const broken = plain("broken", "file", new Uint8Array(10_000));
      const tree = new MemoryTree([...fixture(), broken]);
      tree.breakFile("broken");
      return tree;
    }
    case "high":
      return new MemoryTree([plain("", "dir"), plain("dir", "dir"), plain("dir/file", "file", Buffer.from("high"))], 2 ** 53 - 2);
    case "files":
      return new MemoryTree(files(argument.count));
    case "big":
      return new MemoryTree([plain("", "dir"), plain("big", "file", Buffer.alloc(argument.bytes, "puzzle"))]);
    case "refused": {
      const error = new Error("demo:v1: dir-entry-name-slash: inode 7");
      error.name = "FormatError";
      throw error;
    }
  }
}

await serve((argument) => open(argument as MemoryArgument));
