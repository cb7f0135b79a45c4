import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { encodeRootfs, findInode, type InodeValue } from "@puzzlefs/format";
import { lsetxattr } from "@puzzlefs/linux";
import { assembleManifest, fsVerityDigest, Layout, LayoutError, Transaction } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import test from "ava";

import { build } from "./build.ts";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { blobsOf, copyOf, dumpImage, dumpTree, makeTree, metadataOf } from "./tree-fixture.ts";

/** Layers of an image, newest first: the inode numbers that each holds. */
function layersOf(ociDir: string, tag: string): number[][] {
  return [...metadataOf(ociDir, tag).image.metadatas].map(({ inodes }) => [...inodes].map(({ ino }) => ino));
}

function baseTree(): string {
  const rootfs = makeTree({
    "a/file": prose("a", 40_000),
    "a/other": "other",
    "b/inner/deep": noise("deep", 300_000),
    "b/inner/link-me": "linked",
    c: "c",
  });
  linkSync(join(rootfs, "c"), join(rootfs, "c2"));
  symlinkSync("target", join(rootfs, "s"));
  return rootfs;
}

/** Changes of the tree between the base and the image on it, and the inodes of the base that are then written again. */
const changes: Record<string, { change: (at: (name: string) => string) => void; repeated: number[]; added: number }> = {
  // 1: root, 2: a, 3: b, 4: c and c2, 6: s, 7: a/file, 8: a/other, 9: b/inner, 10: deep, 11: link-me
  nothing: { change: () => {}, repeated: [], added: 0 },
  "a mode": { change: (at) => chmodSync(at("a/file"), 0o600), repeated: [7], added: 0 },
  "a directory's mode": { change: (at) => chmodSync(at("b/inner"), 0o700), repeated: [9], added: 0 },
  "an extended attribute": {
    change: (at) => lsetxattr(at("a/file"), "user.new", Buffer.from("value")),
    repeated: [7],
    added: 0,
  },
  content: { change: (at) => appendFileSync(at("b/inner/deep"), "more"), repeated: [10], added: 0 },
  "a new file": { change: (at) => writeFileSync(at("a/new"), noise("new", 20_000)), repeated: [2], added: 1 },
  "a file removed": { change: (at) => rmSync(at("b/inner/deep")), repeated: [9], added: 0 },
  "a directory removed": { change: (at) => rmSync(at("b"), { recursive: true }), repeated: [1], added: 0 },
  "a directory renamed": { change: (at) => renameSync(at("b"), at("z")), repeated: [1], added: 4 },
  "a directory moved into another": {
    change: (at) => renameSync(at("b/inner"), at("a/inner")),
    repeated: [2, 3],
    added: 3,
  },
  "two directories swapped": {
    change: (at) => {
      renameSync(at("a"), at("tmp"));
      renameSync(at("b"), at("a"));
      renameSync(at("tmp"), at("b"));
    },
    repeated: [2, 3],
    added: 5,
  },
  "a file that becomes a directory": {
    change: (at) => {
      rmSync(at("a/file"));
      mkdirSync(at("a/file"));
    },
    repeated: [2],
    added: 1,
  },
  "a directory that becomes a link": {
    change: (at) => {
      rmSync(at("b"), { recursive: true });
      symlinkSync("a", at("b"));
    },
    repeated: [1],
    added: 1,
  },
  "a link to elsewhere": {
    change: (at) => {
      rmSync(at("s"));
      symlinkSync("elsewhere", at("s"));
    },
    repeated: [6],
    added: 0,
  },
  "two names of one file that part": {
    change: (at) => {
      rmSync(at("c2"));
      writeFileSync(at("c2"), noise("parted", 20_000));
    },
    repeated: [1],
    added: 1,
  },
  "two files that become one": {
    change: (at) => {
      rmSync(at("a/file"));
      linkSync(at("b/inner/deep"), at("a/file"));
    },
    // The first name in the order of the walk determines the number.
    repeated: [7, 9],
    added: 0,
  },
  "a file and a fifo": {
    change: (at) => {
      rmSync(at("c"));
      execFileSync("mkfifo", [at("c")]);
    },
    repeated: [1],
    added: 1,
  },
};

for (const options of [{}, { compress: true, jobs: 2 }]) {
  const way = JSON.stringify(options);
  for (const [name, { change, repeated, added }] of Object.entries(changes)) {
    test.serial(`${name} ${way}`, async (t) => {
      const [rootfs, ociDir] = [baseTree(), temporaryDirectory()];
      await build({ rootfs, ociDir, tag: "v1", ...options });
      const before = dumpImage(ociDir, "v1");
      change((path) => join(rootfs, path));
      const result = await build({ rootfs, ociDir, tag: "v2", base: "v1", ...options });
      t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
      t.deepEqual(dumpImage(ociDir, "v1"), before);

      const layers = layersOf(ociDir, "v2");
      const base = layersOf(ociDir, "v1");
      if (repeated.length + added === 0) t.deepEqual(layers, base);
      else {
        t.deepEqual(layers.slice(1), base);
        // Files smaller than a chunk share chunks, and may be moved in them by a change to a neighbour.
        const own = layers[0].filter((ino) => !(ino === 4 || ino === 8 || ino === 11) || repeated.includes(ino));
        t.deepEqual(
          own.filter((ino) => ino <= 11),
          repeated,
        );
        t.is(own.filter((ino) => ino > 11).length, added);
      }

      // A copy of just what the manifest lists is whole.
      t.deepEqual(dumpImage(copyOf(ociDir, "v2"), "v2"), dumpTree(rootfs));
      t.true(result.newBytes < 1_000_000);
    });
  }
}

test.serial("unchanged content is neither stored again nor listed twice", async (t) => {
  for (const options of [{}, { compress: true }]) {
    const [rootfs, ociDir] = [baseTree(), temporaryDirectory()];
    const first = await build({ rootfs, ociDir, tag: "v1", ...options });
    const blobs = blobsOf(ociDir);
    t.is((await build({ rootfs, ociDir, tag: "same", base: "v1", ...options })).manifest, first.manifest);
    t.deepEqual(blobsOf(ociDir), blobs);
    writeFileSync(join(rootfs, "new"), noise("new", 20_000));
    const second = await build({ rootfs, ociDir, tag: "v2", base: "v1", ...options });
    // The new file's chunk, and at most the one chunk of small files.
    t.true(second.newBlobs <= 2 && second.newBytes < 21_000, JSON.stringify(second));
  }
});

test.serial("many layers: each build on the one before", async (t) => {
  const [rootfs, ociDir] = [baseTree(), temporaryDirectory()];
  await build({ rootfs, ociDir, tag: "0" });
  for (let version = 1; version < 6; version++) {
    writeFileSync(join(rootfs, `v${version}`), noise(`${version}`, 17_000));
    rmSync(join(rootfs, `v${version - 2}`), { force: true });
    appendFileSync(join(rootfs, "a/file"), "x");
    await build({ rootfs, ociDir, tag: `${version}`, base: `${version - 1}` });
    t.deepEqual(dumpImage(ociDir, `${version}`), dumpTree(rootfs));
  }
  t.is(layersOf(ociDir, "5").length, 6);
});

test.serial("a base whose blob is gone: its chunks are stored anew", async (t) => {
  const [rootfs, ociDir] = [baseTree(), temporaryDirectory()];
  await build({ rootfs, ociDir, tag: "v1" });
  const { image } = metadataOf(ociDir, "v1");
  rmSync(join(ociDir, "blobs/sha256", Buffer.from(image.fsVerityData.at(0).digest.toUint8Array()).toString("hex")));
  await build({ rootfs, ociDir, tag: "v2", base: "v1" });
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
});

test.serial("a base with lookBelow and whiteouts is understood", async (t) => {
  const [rootfs, ociDir] = [makeTree({ kept: prose("kept", 40_000), gone: "gone" }), temporaryDirectory()];
  await build({ rootfs, ociDir, tag: "v1" });
  using layout = Layout.open(ociDir);
  const { image } = metadataOf(ociDir, "v1");
  // The layer of an overlay: the root looks below, "gone" is whited out, "new" is a fifo.
  const [root, gone] = [findInode(image, 1), findInode(image, 2)];
  if (root === undefined || gone === undefined) return t.fail();
  const kept = (ino: number): InodeValue => {
    const { mode, uid, gid, permissions } = findInode(image, ino)!;
    const file = [...mode.file].map(({ blob, len }) => ({
      blob: { digest: blob.digest.toUint8Array(), offset: blob.offset },
      len,
    }));
    return { ino, mode: { kind: "file", file }, uid, gid, permissions };
  };
  const entry = (name: string, ino: number): { name: Uint8Array; ino: number } => ({ name: Buffer.from(name), ino });
  const { uid, gid, permissions } = root;
  const attributes = { uid, gid, permissions };
  const metadata = encodeRootfs({
    metadatas: [
      {
        inodes: [
          {
            ino: 1,
            mode: { kind: "dir", dir: { entries: [entry("gone", 4), entry("new", 5)], lookBelow: true } },
            ...attributes,
          },
          { ino: 4, mode: { kind: "wht" }, uid: 0, gid: 0, permissions: 0 },
          { ino: 5, mode: { kind: "fifo" }, uid, gid, permissions: 0o644 },
        ],
      },
      {
        inodes: [
          { ino: 1, mode: { kind: "dir", dir: { entries: [entry("gone", 2), entry("kept", 3)] } }, ...attributes },
          kept(2),
          kept(3),
        ],
      },
    ],
    fsVerityData: [...image.fsVerityData].map(({ digest, verity }) => ({
      digest: digest.toUint8Array(),
      verity: verity.toUint8Array(),
    })),
    manifestVersion: 3,
  });
  const transaction = Transaction.begin(layout);
  const staged = transaction.writeBlob(metadata);
  const chunks = [...image.fsVerityData].map(({ digest }) => {
    const hex = Buffer.from(digest.toUint8Array()).toString("hex");
    return { digest: hex, size: layout.blobs.size(hex) ?? 0, compressed: false };
  });
  const verity = fsVerityDigest(metadata).toString("hex");
  transaction.commit({
    tag: "overlay",
    manifest: assembleManifest({ digest: staged.digest, size: metadata.length, verity }, chunks),
    blobs: [staged],
  });

  rmSync(join(rootfs, "gone"));
  execFileSync("mkfifo", ["-m", "644", join(rootfs, "new")]);
  t.deepEqual(dumpImage(ociDir, "overlay"), dumpTree(rootfs));
  await build({ rootfs, ociDir, tag: "same", base: "overlay" });
  t.is(layersOf(ociDir, "same").length, 2);
  writeFileSync(join(rootfs, "gone"), "back again");
  await build({ rootfs, ociDir, tag: "v3", base: "overlay" });
  t.deepEqual(dumpImage(ociDir, "v3"), dumpTree(rootfs));
  return undefined;
});

test.serial("a base that does not exist, or is broken", async (t) => {
  const [rootfs, ociDir] = [makeTree({ f: "f" }), temporaryDirectory()];
  await t.throwsAsync(build({ rootfs, ociDir, tag: "t", base: "none" }), { instanceOf: LayoutError });
  await build({ rootfs, ociDir, tag: "v1" });
  const copy = temporaryDirectory();
  cpSync(ociDir, copy, { recursive: true });
  const { metadata } = await build({ rootfs, ociDir, tag: "v1" });
  writeFileSync(join(copy, "blobs/sha256", metadata), "not it");
  await t.throwsAsync(build({ rootfs, ociDir: copy, tag: "t", base: "v1" }), {
    instanceOf: IntegrityError,
    message: /sha256/,
  });
});
