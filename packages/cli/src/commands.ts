import type { ManualCommand } from "./command-line.ts";

export interface CommandModule {
  /** The command's options, arguments and help. */
  define(): ManualCommand;
  /** Parses the arguments, does the work, returns the exit code. */
  run(argv: readonly string[]): Promise<number>;
}

export interface CommandEntry {
  name: string;
  summary: string;
  load(): Promise<CommandModule>;
}

/** Commands that talk to registries: the launcher lets REGISTRY_VARIABLES of @puzzlefs/registry through to them. */
export const registryCommands: readonly string[] = ["push", "pull"];

/** All commands, in the order of `puzzlefs --help`. A module is loaded only when its command runs. */
export const commands: readonly CommandEntry[] = [
  { name: "build", summary: "make an image of a directory tree", load: () => import("./commands/build.ts") },
  { name: "mount", summary: "mount an image", load: () => import("./commands/mount.ts") },
  { name: "umount", summary: "unmount an image", load: () => import("./commands/umount.ts") },
  {
    name: "commit",
    summary: "make an image of what was written over a mount",
    load: () => import("./commands/commit.ts"),
  },
  { name: "extract", summary: "write an image's files into a directory", load: () => import("./commands/extract.ts") },
  { name: "pack", summary: "store an image's chunks in a few large blobs", load: () => import("./commands/pack.ts") },
  { name: "unpack", summary: "store each chunk as a blob again", load: () => import("./commands/unpack.ts") },
  {
    name: "convert",
    summary: "make an image of an ordinary image of tar layers",
    load: () => import("./commands/convert.ts"),
  },
  {
    name: "export",
    summary: "write an image's tree as a tar archive, or as an ordinary image",
    load: () => import("./commands/export.ts"),
  },
  {
    name: "canonicalize",
    summary: "give an image the bytes of a fresh build of its tree",
    load: () => import("./commands/canonicalize.ts"),
  },
  { name: "tags", summary: "list the images of a layout", load: () => import("./commands/tags.ts") },
  {
    name: "report",
    summary: "make a page with charts about a layout",
    load: () => import("./commands/report.ts"),
  },
  { name: "untag", summary: "remove a tag from a layout", load: () => import("./commands/untag.ts") },
  { name: "gc", summary: "remove the blobs that no image needs", load: () => import("./commands/gc.ts") },
  {
    name: "inspect",
    summary: "show the parts of an image, or of a file in it",
    load: () => import("./commands/inspect.ts"),
  },
  { name: "ls", summary: "list a directory of an image", load: () => import("./commands/ls.ts") },
  { name: "cat", summary: "print a file of an image", load: () => import("./commands/cat.ts") },
  { name: "stat", summary: "show the attributes of a file of an image", load: () => import("./commands/stat.ts") },
  { name: "dump", summary: "print a tree as text, to compare it", load: () => import("./commands/dump.ts") },
  { name: "diff", summary: "compare two images", load: () => import("./commands/diff.ts") },
  {
    name: "verify",
    summary: "check blobs against their digests and the rules of the format",
    load: () => import("./commands/verify.ts"),
  },
  {
    name: "repair",
    summary: "replace missing and damaged blobs by those of another layout",
    load: () => import("./commands/repair.ts"),
  },
  {
    name: "enable-fs-verity",
    summary: "enable fs-verity on an image's blobs",
    load: () => import("./commands/enable-fs-verity.ts"),
  },
];
