import {
  chmodSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AT_FDCWD, makedev, mknodat } from "@puzzlefs/linux";
import test, { type ExecutionContext } from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { Layout } from "./image-layout.ts";
import { Transaction } from "./transaction.ts";
import { assembleManifest } from "./manifest.ts";

/** Layouts in which another user changes names, and what must stay as it is outside of them. */

export const root = process.getuid?.() === 0;
export const asRoot = root ? test : test.skip;
export const NOBODY = 65534;
export const SECRET = "root:$6$secret:19000:0:99999:7:::";

const directory = temporaryDirectory();
// A link of another user's leads only where that user can go.
chmodSync(directory, 0o755);
let count = 0;

/** A layout with an image v0, and a directory outside of it that nothing may touch. */
export class GuardedLayout {
  readonly path = join(directory, `${count++}`);
  readonly layout = join(this.path, "layout");
  readonly vault = join(this.path, "vault");
  /** Of the metadata of v0. */
  readonly blob: string;
  readonly #before: string[];

  constructor() {
    mkdirSync(join(this.vault, "below"), { recursive: true });
    chmodSync(this.vault, 0o700);
    writeFileSync(join(this.vault, "secret"), SECRET);
    writeFileSync(join(this.vault, "owner"), "");
    writeFileSync(join(this.vault, "below/file"), "precious");
    using layout = Layout.create(this.layout);
    this.blob = commit(layout, "v0");
    this.#before = contents(this.vault);
  }

  at(...names: string[]): string {
    return join(this.layout, ...names);
  }

  /** Nothing outside of the layout was changed, removed or made. */
  checkOutside(t: ExecutionContext, what: string): void {
    t.deepEqual(contents(this.vault), this.#before, what);
    t.deepEqual(readdirSync(this.path).toSorted(), ["layout", "vault"], what);
  }
}

function contents(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((name) => {
      const status = lstatSync(join(path, name));
      return `${name} ${status.mode} ${status.ino} ${status.isFile() ? readFileSync(join(path, name), "utf8") : ""}`;
    });
}

/** Commits an image whose metadata is its tag. Returns the digest of that blob. */
export function commit(layout: Layout, tag: string): string {
  const transaction = Transaction.begin(layout);
  try {
    const { digest, temporary } = transaction.writeBlob(Buffer.from(tag));
    const manifest = assembleManifest({ digest, size: tag.length, verity: "0".repeat(64) }, []);
    transaction.commit({ tag, manifest, blobs: [{ digest, temporary }] });
    return digest;
  } finally {
    transaction.abort();
  }
}

/** Things that can be in place of a file of a layout, made at a path. */
export function kinds(guarded: GuardedLayout): Record<string, (path: string) => void> {
  return {
    "link to a file": (path) => symlinkSync(join(guarded.vault, "secret"), path),
    "link to a directory": (path) => symlinkSync(guarded.vault, path),
    "dangling link": (path) => symlinkSync(join(guarded.path, "made"), path),
    "dangling link into the vault": (path) => symlinkSync("../vault/made", path),
    directory: (path) => {
      mkdirSync(path);
      writeFileSync(join(path, "file"), "");
    },
    fifo: (path) => mknodat(AT_FDCWD, path, constants.S_IFIFO | 0o644),
    socket: (path) => mknodat(AT_FDCWD, path, constants.S_IFSOCK | 0o644),
    ...(root && { device: (path: string) => mknodat(AT_FDCWD, path, constants.S_IFCHR | 0o644, makedev(1, 3)) }),
  };
}

/** Makes a symbolic link that belongs to another user. */
export function foreignLink(target: string, path: string): void {
  symlinkSync(target, path);
  lchownSync(path, NOBODY, NOBODY);
}
