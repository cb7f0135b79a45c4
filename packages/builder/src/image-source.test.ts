import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { AT_FDCWD, lsetxattr, makedev, mknodat } from "@puzzlefs/linux";
import { openImageAt } from "@puzzlefs/reader";
import test from "ava";

import { build } from "./build.ts";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { mixedTree } from "./tree-fixture.ts";
import { ImageSource } from "./image-source.ts";
import type { BuildOptions } from "./options.ts";

const isRoot = process.geteuid?.() === 0;

/** All kinds of files, hard links, attributes, times, holes, odd names. */
function oddTree(): string {
  const rootfs = mixedTree();
  const at = (name: string): string => join(rootfs, name);
  for (const name of ["linked", "small/linked", "sizes/linked"]) linkSync(at("text"), at(name));
  symlinkSync("../nowhere", at("small/symlink"));
  linkSync(at("small/symlink"), at("symlink"));
  execFileSync("mkfifo", [at("fifo")]);
  mkdirSync(at("empty directory"), { mode: 0o1750 });
  writeFileSync(Buffer.concat([Buffer.from(`${rootfs}/`), Buffer.from([0xff, 0x0a, 0xc3])]), "odd");
  lsetxattr(at("noise"), "user.two", Buffer.from([0, 255]));
  lsetxattr(at("noise"), "user.a", Buffer.from(""));
  const sparse = openSync(at("sparse"), "w");
  writeSync(sparse, noise("begin", 70_000), 0, 70_000, 0);
  writeSync(sparse, "end", 3_000_000);
  ftruncateSync(sparse, 5_000_000);
  closeSync(sparse);
  if (isRoot) mknodat(AT_FDCWD, at("device"), 0o20640, makedev(4, 300));
  lutimesSync(at("text"), 1, 1234567890.5);
  return rootfs;
}

const variants: Record<string, Partial<BuildOptions>> = {
  raw: {},
  zstd: { compress: true },
  "with times": { mtime: { kind: "keep" } },
  "as one stream": { chunking: "stream" },
  "small frames, one thread": { compress: true, frameSize: 4096, jobs: 1 },
};

for (const [name, options] of Object.entries(variants)) {
  test(`${name}: an image built of an image is the one that is built of the directory`, async (t) => {
    const ociDir = join(temporaryDirectory(), "oci");
    const first = await build({ rootfs: oddTree(), ociDir, tag: "first", ...options });
    using tree = openImageAt(ociDir, "first");
    const elsewhere = join(temporaryDirectory(), "oci");
    const second = await build({ rootfs: new ImageSource(tree), ociDir: elsewhere, tag: "second", ...options });
    t.deepEqual(second, first);
  });
}

test("a delta's layers and foreign chunks become what a fresh build makes", async (t) => {
  const ociDir = join(temporaryDirectory(), "oci");
  const rootfs = oddTree();
  await build({ rootfs, ociDir, tag: "base", chunking: "stream" });
  writeFileSync(join(rootfs, "noise"), "another");
  await build({ rootfs, ociDir, tag: "delta", base: "base", compress: true });
  using tree = openImageAt(ociDir, "delta");
  const rebuilt = await build({ rootfs: new ImageSource(tree), ociDir, tag: "rebuilt" });
  const fresh = await build({ rootfs, ociDir: join(temporaryDirectory(), "oci"), tag: "fresh" });
  t.is(rebuilt.metadata, fresh.metadata);
  t.is(rebuilt.manifest, fresh.manifest);
});
