/** Random trees, and random changes of them: by system calls alone, so that they can be made on any file system. */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { AT_FDCWD, hasCode, lsetxattr, makedev, mknodat } from "@puzzlefs/linux";
import { noise, prose } from "../content.ts";
import type { Random } from "../random.ts";

const isRoot = process.geteuid?.() === 0;
const S_IFIFO = 0o10000;
const S_IFCHR = 0o20000;
/** Sizes around the bounds of chunks and of small files. */
const SIZES = [0, 1, 100, 3000, 9000, 16383, 16384, 16385, 70_000, 200_000];

interface Found {
  path: string;
  kind: "dir" | "file" | "other";
}

/** Makes changes below `root`, which exists. */
export class RandomTree {
  readonly root: string;
  readonly #random: Random;
  readonly #suffix: string;
  #next = 0;

  /** @param suffix of new names, different for each that changes one tree */
  constructor(root: string, random: Random, suffix = "") {
    this.root = root;
    this.#random = random;
    this.#suffix = suffix;
  }

  /** Adds `count` entries, most of them small files. */
  fill(count: number): void {
    for (let index = 0; index < count; index++) {
      const choice = this.#random.below(40);
      if (choice < 8) mkdirSync(this.#fresh());
      else if (choice < 12) this.#special();
      else if (choice < 16) this.#link();
      else this.#write(this.#fresh());
    }
  }

  /** Makes one change. Returns what it was, for messages. */
  change(): string {
    const name = this.#random.pick(Object.keys(changes));
    try {
      return `${name} ${changes[name]?.(this, this.#random) ?? ""}`;
    } catch (error) {
      // A directory into itself, over one that is not empty, or across layers that do not redirect; EPERM in a user namespace.
      const isRefused = hasCode(error, "EINVAL", "ENOTEMPTY", "EEXIST", "EXDEV", "EMLINK", "EPERM");
      // Node has no name for ESTALE, which overlayfs without file handles returns for some names of a file with several.
      if (!isRefused && (error as NodeJS.ErrnoException).errno !== -constants.errno.ESTALE) throw error;
      return `${name}: ${String(error)}`;
    }
  }

  entries(): Found[] {
    const found: Found[] = [];
    const visit = (directory: string): void => {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const path = join(directory, entry.name);
        found.push({ path, kind: entry.isDirectory() ? "dir" : entry.isFile() ? "file" : "other" });
        if (entry.isDirectory()) visit(path);
      }
    };
    visit(this.root);
    return found;
  }

  /** A path of this kind; undefined if there is none. */
  pick(...kinds: Found["kind"][]): string | undefined {
    const paths = this.entries().filter(({ kind }) => kinds.includes(kind));
    return paths.length === 0 ? undefined : this.#random.pick(paths).path;
  }

  fresh(): string {
    return this.#fresh();
  }

  write(path: string): void {
    this.#write(path);
  }

  special(): string {
    return this.#special();
  }

  #fresh(): string {
    const directories = [this.root, ...this.entries().flatMap(({ path, kind }) => (kind === "dir" ? [path] : []))];
    // Names come anywhere in the order of a directory.
    return join(
      this.#random.pick(directories),
      `${this.#random.pick(["a", "m", "z", "é"])}${this.#next++}${this.#suffix}`,
    );
  }

  #link(): void {
    const path = this.pick("file", "other");
    if (path !== undefined) linkSync(path, this.#fresh());
  }

  #write(path: string): void {
    const size = this.#random.pick(SIZES);
    writeFileSync(path, this.#random.once(2) ? noise(this.#random.bits(), size) : prose(this.#random.bits(), size));
  }

  #special(): string {
    const path = this.#fresh();
    const choice = this.#random.below(isRoot ? 4 : 3);
    if (choice === 0) symlinkSync(this.#random.pick(["target", "../up", "/absolute"]), path);
    else if (choice === 1) mknodat(AT_FDCWD, path, S_IFIFO | 0o644);
    else if (choice === 2) {
      const file = openSync(path, "w");
      writeSync(file, noise(this.#random.bits(), 5000), 0, 5000, this.#random.below(2) * 300_000);
      ftruncateSync(file, 500_000);
      closeSync(file);
    } else mknodat(AT_FDCWD, path, S_IFCHR | 0o600, makedev(1, 1 + this.#random.below(8)));
    return path;
  }
}

type Change = (tree: RandomTree, random: Random) => string | undefined;

/** A change of an existing file of these kinds. */
function existing(kinds: Found["kind"][], change: (path: string, tree: RandomTree, random: Random) => void): Change {
  return (tree, random) => {
    const path = tree.pick(...kinds);
    if (path !== undefined) change(path, tree, random);
    return path;
  };
}

const changes: Record<string, Change> = {
  create: (tree) => {
    const path = tree.fresh();
    tree.write(path);
    return path;
  },
  mkdir: (tree) => {
    const path = tree.fresh();
    mkdirSync(path);
    return path;
  },
  special: (tree) => tree.special(),
  overwrite: existing(["file"], (path, tree) => tree.write(path)),
  append: existing(["file"], (path, _, random) => appendFileSync(path, noise(random.bits(), 1 + random.below(20_000)))),
  "write inside": existing(["file"], (path, _, random) => {
    const file = openSync(path, "r+");
    writeSync(file, noise(random.bits(), 100), 0, 100, random.below(lstatSync(path).size + 1));
    closeSync(file);
  }),
  truncate: existing(["file"], (path, _, random) => truncateSync(path, random.below(lstatSync(path).size + 1))),
  "rename a file": existing(["file", "other"], (path, tree) => renameSync(path, tree.fresh())),
  "rename over": existing(["file"], (path, tree) => {
    const other = tree.pick("file");
    if (other !== undefined && other !== path) renameSync(path, other);
  }),
  "rename a directory": existing(["dir"], (path, tree) => renameSync(path, tree.fresh())),
  unlink: existing(["file", "other"], (path) => rmSync(path)),
  "make a directory anew": existing(["dir"], (path, tree) => {
    rmSync(path, { recursive: true });
    mkdirSync(path);
    tree.write(join(path, "anew"));
  }),
  "remove a directory": existing(["dir"], (path) => rmSync(path, { recursive: true })),
  "a file for a directory": existing(["dir"], (path, tree) => {
    rmSync(path, { recursive: true });
    tree.write(path);
  }),
  "a directory for a file": existing(["file"], (path, tree) => {
    rmSync(path);
    mkdirSync(path);
    tree.write(join(path, "inside"));
  }),
  chmod: existing(["file", "dir"], (path, _, random) =>
    chmodSync(path, random.pick([0o700, 0o755, 0o640, 0o1777, 0o4755])),
  ),
  chown: existing(["file", "dir", "other"], (path, _, random) => {
    if (isRoot) lchownSync(path, random.below(3), random.below(3));
  }),
  xattr: existing(["file", "dir"], (path, _, random) =>
    lsetxattr(path, random.pick(["user.a", "user.b"]), Buffer.from(random.bytes(random.below(30)))),
  ),
  times: existing(["file", "dir", "other"], (path, _, random) => lutimesSync(path, 1, random.below(1e9))),
  link: existing(["file", "other"], (path, tree) => linkSync(path, tree.fresh())),
  "link over": existing(["file"], (path, tree) => {
    const other = tree.pick("file");
    if (other === undefined || other === path) return;
    rmSync(other);
    linkSync(path, other);
  }),
  "copy beside": existing(["file"], (path, tree) => {
    const copy = join(dirname(path), `copy ${Math.abs(lstatSync(path).ino % 1000)}`);
    tree.write(copy);
  }),
};
