/** The input of the suites: a source tree, images of it, and a disk with them for virtual machines. */
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "../support/images.ts";
import { debianRoot, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { fioFiles, fioWrite } from "../posix/programs.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { runInDebian } from "./debian.ts";

/** Tags in the store. */
export const tags = { raw: "raw", zstd: "zstd", lower: "lower" } as const;

/** A system's files without its largest: every byte is read many times by emulated processors. */
const debianParts = ["etc", "usr/bin", "usr/share/perl5", "var/lib/dpkg"];

/** Files of `handles/`: open_by_handle's names, count and content. */
export const handleFiles = 200;

export class Material {
  readonly #scratch = new Scratch();
  /** Holds `source` and `store`. */
  readonly directory = this.#scratch.directory("material");
  readonly source = join(this.directory, "source");
  readonly store = join(this.directory, "store");
  #disk: string | undefined;

  /** @param debian root directory with the programs that make some of it; its owner keeps it */
  constructor(debian: string) {
    mkdirSync(this.source);
    makeHostileTree(join(this.source, "hostile"), { largeDirectory: 3000, sparseBytes: 20_000_000 });
    mkdirSync(join(this.source, "debian/usr/share"), { recursive: true });
    mkdirSync(join(this.source, "debian/var/lib"), { recursive: true });
    for (const part of debianParts) run("cp", ["-a", join(debianRoot, part), join(this.source, "debian", part)]);
    mkdirSync(join(this.source, "handles/below"), { recursive: true });
    for (let i = 0; i < handleFiles; i++) {
      writeFileSync(join(this.source, `handles/below/file${String(i).padStart(6, "0")}`), "aaaa");
    }
    mkdirSync(join(this.source, "fio"));
    const binds = new Map([
      ["/dev", "/dev"],
      [this.directory, "/material"],
    ]);
    for (const [name, sizes] of Object.entries(fioFiles)) {
      runInDebian(debian, binds, fioWrite(`/material/source/fio/${name}`, sizes));
    }
    build(this.source, `${this.store}:${tags.raw}`, "--mtime", "keep");
    build(this.source, `${this.store}:${tags.zstd}`, "--mtime", "keep", "-c");
  }

  /** Adds the image that overlays are put over. */
  addLower(tree: string): void {
    build(tree, `${this.store}:${tags.lower}`, "--mtime", "keep", "-c");
    this.#disk = undefined;
  }

  /** An ext4 with all of it, times and attributes included. */
  disk(): string {
    if (this.#disk !== undefined) return this.#disk;
    const image = this.#scratch.fresh("material.ext4");
    const kibibytes = Number(run("du", ["-sk", this.directory]).split("\t", 1)[0]);
    const file = openSync(image, "w");
    ftruncateSync(file, Math.ceil(kibibytes * 1.1) * 1024 + (128 << 20));
    closeSync(file);
    const features = ["-b", "4096", "-O", "^has_journal", "-E", "lazy_itable_init=1,root_owner=0:0"];
    run("/sbin/mkfs.ext4", ["-q", "-F", ...features, image]);
    // Not `mkfs.ext4 -d`, which forgets what of times is below a second.
    const at = this.#scratch.directory("disk");
    run("mount", ["-o", "loop", image, at]);
    try {
      run("cp", ["-a", this.source, this.store, at]);
    } finally {
      run("umount", [at]);
    }
    this.#disk = image;
    return image;
  }

  /** A path of its own for a suite, removed with the rest. */
  fresh(name: string): string {
    return this.#scratch.fresh(name);
  }

  remove(): void {
    if (this.#disk !== undefined) rmSync(this.#disk, { force: true });
    this.#scratch.remove();
  }
}
