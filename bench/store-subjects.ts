/** The programs whose stores are compared: they store versions of a tree, and give them back. */
import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isInstalled, run, type Command } from "./store-programs.ts";

export interface Subject {
  name: string;
  /** What has to be installed. */
  program: string;
  /** Whether content is compressed: only those alike are compared. */
  compressed: boolean;
  /** Stores a version of a tree in a directory, which has the earlier versions. */
  store(tree: string, store: string, version: number): void;
  /** Writes a version into a directory that does not exist. */
  extract(store: string, version: number, target: string): void;
  /** What it does not store, as options of rsync. */
  lacks?: readonly string[];
  /** Each version is a file of its own: together they take what they take alone. */
  separate?: true;
}

export const puzzlefs = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
export const rustTool = (cache: string): string => join(cache, "rust/bin/puzzlefs");

/** Options with which a series takes least space: found by trying. */
export const SMALLEST = ["-c", "--level", "19", "--chunk-size", "32768:131072:524288"] as const;

function ours(name: string, ...options: string[]): Subject {
  return {
    name,
    program: puzzlefs,
    compressed: options.includes("-c"),
    store: (tree, store, version) => run([puzzlefs, "build", ...options, tree, `${store}:v${version}`]),
    extract: (store, version, target) => {
      run([puzzlefs, "verify", `${store}:v${version}`]);
      run([puzzlefs, "extract", `${store}:v${version}`, target]);
    },
  };
}

function rust(program: string, name: string, ...options: string[]): Subject {
  return {
    name,
    program,
    compressed: options.includes("-c"),
    store: (tree, store, version) => run([program, "build", ...options, tree, `${store}:v${version}`]),
    // As root its own extract follows symbolic links when it sets owners, and fails.
    extract: (store, version, target) => run([puzzlefs, "extract", `${store}:v${version}`, target]),
  };
}

/** A file for each version. */
function file(
  name: string,
  ending: string,
  make: (tree: string, file: string) => Command,
  extract: (file: string, target: string) => Command,
): Subject {
  const path = (store: string, version: number): string => join(store, `v${version}.${ending}`);
  const [program] = make("", "");
  return {
    name,
    program,
    compressed: !["tar", "erofs"].includes(name),
    separate: true,
    store: (tree, store, version) => run(make(tree, path(store, version))),
    extract: (store, version, target) => {
      mkdirSync(target);
      run(extract(path(store, version), target));
    },
  };
}

function tar(name: string, ending: string, compress?: string): Subject {
  const program = compress === undefined ? [] : [`--use-compress-program=${compress}`];
  const all = ["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner"];
  return {
    ...file(
      name,
      ending,
      (tree, path) => ["tar", "--sort=name", ...all, ...program, "-C", tree, "-cf", path, "."],
      (path, target) => ["tar", ...all, "-p", ...program, "-C", target, "-xf", path],
    ),
    program: compress?.split(" ")[0] ?? "tar",
  };
}

const casync: Subject = {
  name: "casync",
  program: "casync",
  compressed: true,
  store: (tree, store, version) =>
    run(["casync", "make", "--with=unix", `--store=${join(store, "chunks")}`, join(store, `v${version}.caidx`), tree]),
  extract: (store, version, target) =>
    run(["casync", "extract", `--store=${join(store, "chunks")}`, join(store, `v${version}.caidx`), target]),
  // It has no hard links.
  lacks: ["--no-hard-links"],
};

/** borg keeps its caches outside of the store: beside it, so that each store has its own, and they are not counted. */
export function borgEnvironment(store: string): Record<string, string> {
  return {
    BORG_BASE_DIR: `${store}.borg-home`,
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
  };
}

export const borgCreate = (store: string, version: string): Command => [
  "borg",
  "create",
  "--compression=zstd,3",
  `${store}::${version}`,
  ".",
];

export function borgInit(store: string): void {
  run(["borg", "init", "--encryption=none", store], { env: borgEnvironment(store) });
}

const borg: Subject = {
  name: "borg",
  program: "borg",
  compressed: true,
  store: (tree, store, version) => {
    if (readdirSync(store).length === 0) borgInit(store);
    run(borgCreate(store, `v${version}`), { cwd: tree, env: borgEnvironment(store) });
  },
  extract: (store, version, target) => {
    mkdirSync(target);
    run(["borg", "extract", "--numeric-ids", `${store}::v${version}`], { cwd: target, env: borgEnvironment(store) });
  },
};

const ostree: Subject = {
  name: "ostree",
  program: "ostree",
  compressed: true,
  store: (tree, store, version) => {
    if (readdirSync(store).length === 0) run(["ostree", "init", "--mode=archive", `--repo=${store}`]);
    run(["ostree", "commit", `--repo=${store}`, `--branch=v${version}`, "--timestamp=@0", `--tree=dir=${tree}`]);
  },
  extract: (store, version, target) => {
    mkdirSync(dirname(target), { recursive: true });
    run(["ostree", "checkout", `--repo=${store}`, "--force-copy", `v${version}`, target]);
  },
  // It has no hard links.
  lacks: ["--no-hard-links"],
};

const squashfs = (name: string, ...options: string[]): Subject =>
  file(
    name,
    name.replaceAll(" ", "-"),
    (tree, path) => ["mksquashfs", tree, path, "-quiet", "-no-progress", "-reproducible", ...options],
    (path, target) => ["unsquashfs", "-quiet", "-no-progress", "-force", "-dest", target, path],
  );

const erofs = (name: string, ...options: string[]): Subject => ({
  ...file(
    name,
    name.replaceAll(" ", "-"),
    (tree, path) => ["mkfs.erofs", "--quiet", "-T0", ...options, path, tree],
    (path, target) => ["fsck.erofs", "--preserve", "--overwrite", `--extract=${target}`, path],
  ),
  // What fsck.erofs does not extract: it changes the owner after the mode, which clears set-ID bits of files.
  lacks: ["--no-hard-links", "--no-xattrs", "--no-acls", "--chmod=Fug-s"],
});

/** All subjects of the table of sizes, in its order. */
export function allSubjects(cache: string): Subject[] {
  const program = rustTool(cache);
  return [
    tar("tar", "tar"),
    tar("tar, gzip", "tar.gz", "gzip"),
    tar("tar, zstd", "tar.zst", "zstd"),
    squashfs("squashfs, zstd", "-comp", "zstd", "-Xcompression-level", "3"),
    erofs("erofs"),
    erofs("erofs, lz4hc", "-zlz4hc"),
    ostree,
    casync,
    borg,
    rust(program, "Rust tool"),
    rust(program, "Rust tool -c", "-c"),
    ours("puzzlefs"),
    ours("puzzlefs -c", "-c"),
    ours("puzzlefs --packed", "--packed"),
    ours("puzzlefs -c --packed", "-c", "--packed"),
    ours("puzzlefs -c --packed, smallest", ...SMALLEST, "--packed"),
  ];
}

/** The subjects whose programs are installed, and the names of the others. */
export function presentSubjects(cache: string): { present: Subject[]; missing: string[] } {
  const all = allSubjects(cache);
  const present = all.filter(({ program }) => isInstalled(program));
  return { present, missing: all.filter((subject) => !present.includes(subject)).map(({ name }) => name) };
}
