/** Builds into layouts that another user changes meanwhile, or has changed before. */
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { encodeRootfs, findInode } from "@puzzlefs/format";
import { assembleManifest, fsVerityDigest, Layout, Transaction } from "@puzzlefs/oci";
import test from "ava";

import { build } from "./build.ts";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { dumpImage, dumpTree, makeTree, metadataOf, mixedTree } from "./tree-fixture.ts";
import type { BuildOptions } from "./options.ts";

const ways: Record<string, Partial<BuildOptions>> = {
  "one thread": { jobs: 1 },
  "three threads": { jobs: 3, compress: true },
};

for (const [way, options] of Object.entries(ways))
  test.serial(`${way}: a staging directory swapped for a link during a build changes nothing`, async (t) => {
    const [rootfs, ociDir, outside] = [mixedTree(), temporaryDirectory(), temporaryDirectory()];
    let swapped = 0;
    const progress = (): void => {
      const name = readdirSync(ociDir).find((found) => found.startsWith(".puzzlefs-tmp-"));
      if (swapped > 0 || name === undefined) return;
      renameSync(join(ociDir, name), join(ociDir, "elsewhere"));
      symlinkSync(outside, join(ociDir, name));
      swapped++;
    };
    await build({ rootfs, ociDir, tag: "t", progress, ...options });
    t.is(swapped, 1);
    t.deepEqual(readdirSync(outside), []);
    t.deepEqual(readdirSync(join(ociDir, "elsewhere")), []);
    t.deepEqual(dumpImage(ociDir, "t"), dumpTree(rootfs));
  });

test.serial("a build leaves no descriptor open, whether it succeeds or fails", async (t) => {
  const [rootfs, ociDir] = [mixedTree(), temporaryDirectory()];
  const open = (): string[] => readdirSync("/proc/self/fd");
  await build({ rootfs, ociDir, tag: "v1", jobs: 1 });
  const before = open().length;
  await build({ rootfs, ociDir, tag: "v2", base: "v1", jobs: 1 });
  await t.throwsAsync(build({ rootfs, ociDir, tag: "no tag", jobs: 1 }));
  await t.throwsAsync(build({ rootfs, ociDir, tag: "v3", base: "none", jobs: 1 }));
  await t.throwsAsync(build({ rootfs: join(rootfs, "none"), ociDir, tag: "v3", jobs: 1 }));
  t.is(open().length, before);
});

/** Tags, as "mixed", v1 with a file in a compressed blob more and no fs-verity digests: the base's raw blobs are then measured. */
function withoutVerity(ociDir: string, extra: string): void {
  using layout = Layout.open(ociDir);
  const { image } = metadataOf(ociDir, "v1");
  const root = findInode(image, 1);
  const file = findInode(image, 2);
  if (root === undefined || file === undefined) throw new Error("no such inodes");
  const [chunk] = [...file.mode.file];
  const blob = { digest: chunk.blob.digest.toUint8Array(), offset: 0 };
  const entries = ["a", "b"].map((name, i) => ({ name: Buffer.from(name), ino: 2 + i }));
  const owner = { uid: 0, gid: 0, permissions: 0o755 };
  const inodes = [
    { ino: 1, mode: { kind: "dir", dir: { entries } }, ...owner } as const,
    { ino: 2, mode: { kind: "file", file: [{ blob, len: chunk.len }] }, ...owner } as const,
    {
      ino: 3,
      mode: {
        kind: "file",
        file: [{ blob: { digest: Buffer.from(extra, "hex"), offset: 0, compressed: true }, len: 1 }],
      },
      ...owner,
    } as const,
  ];
  const metadata = encodeRootfs({ metadatas: [{ inodes }], fsVerityData: [], manifestVersion: 3 });
  const transaction = Transaction.begin(layout);
  const staged = transaction.writeBlob(metadata);
  const hex = Buffer.from(blob.digest).toString("hex");
  const chunks = [{ digest: hex, size: layout.blobs.size(hex) ?? 0, compressed: false }];
  const verity = fsVerityDigest(metadata).toString("hex");
  const manifest = assembleManifest({ digest: staged.digest, size: metadata.length, verity }, chunks);
  transaction.commit({ tag: "mixed", manifest, blobs: [staged] });
}

test.serial("a blob of the base that is not what its manifest lists is stored anew", async (t) => {
  const [rootfs, ociDir] = [makeTree({ a: noise("a", 10_000) }), temporaryDirectory()];
  await build({ rootfs, ociDir, tag: "v1" });
  const hex = Buffer.from([...findInode(metadataOf(ociDir, "v1").image, 2)!.mode.file][0].blob.digest.toUint8Array());
  const path = join(ociDir, "blobs/sha256", hex.toString("hex"));
  withoutVerity(ociDir, "1".repeat(64));
  const damage: Record<string, () => void> = {
    none: () => undefined,
    // Hashing a terabyte would take an hour.
    "a terabyte of holes": () => truncateSync(path, 2 ** 40),
    missing: () => rmSync(path),
    link: () => {
      const target = join(temporaryDirectory(), "target");
      writeFileSync(target, noise("a", 10_000));
      rmSync(path);
      symlinkSync(target, path);
    },
    directory: () => {
      rmSync(path);
      mkdirSync(path);
    },
  };
  for (const [kind, make] of Object.entries(damage)) {
    make();
    const building = build({ rootfs, ociDir, tag: "v2", base: "mixed" });
    if (kind === "directory") {
      await t.throwsAsync(building, { name: "LayoutError", message: new RegExp(`${path}: cannot write .*directory`) });
      continue;
    }
    await building;
    t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs), kind);
    t.is(statSync(path).size, 10_000, kind);
  }
});
