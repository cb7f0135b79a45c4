import { hash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { AT_FDCWD, lsetxattr, utimensat } from "@puzzlefs/linux";
import { fsVerityDigest, Layout } from "@puzzlefs/oci";
import test, { type ExecutionContext } from "ava";

import { build } from "./build.ts";
import { BuildError } from "./errors.ts";
import { prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { blobsOf, dumpImage, dumpTree, makeTree, metadataOf, mixedTree } from "./tree-fixture.ts";
import type { BuildOptions } from "./options.ts";

const ways: Record<string, Partial<BuildOptions>> = {
  "raw, by file": {},
  "raw, as one stream": { chunking: "stream" },
  zstd: { compress: true },
  "zstd, small frames": { compress: true, frameSize: 4096 },
  "small chunks": { chunkSizes: { min: 64, avg: 256, max: 1024 } },
  "large chunks": { chunkSizes: { min: 1 << 20, avg: 1 << 22, max: 1 << 24 }, compress: true },
};

for (const [way, options] of Object.entries(ways)) {
  test.serial(`${way}: the image is the tree, whatever the number of threads`, async (t) => {
    const rootfs = mixedTree();
    const expected = dumpTree(rootfs);
    const layouts: string[] = [];
    for (const jobs of [1, 2, 5]) {
      const ociDir = temporaryDirectory();
      await build({ rootfs, ociDir, tag: "t", jobs, ...options });
      t.deepEqual(dumpImage(ociDir, "t"), expected);
      layouts.push(ociDir);
    }
    const [first, ...others] = layouts;
    for (const other of others) {
      t.deepEqual(blobsOf(other), blobsOf(first));
      t.deepEqual(readFileSync(join(other, "index.json")), readFileSync(join(first, "index.json")));
    }
  });
}

test.serial("blobs are what their names, the manifest and the fs-verity data say", async (t) => {
  const ociDir = temporaryDirectory();
  const result = await build({ rootfs: mixedTree(), ociDir, tag: "t", compress: true });
  using layout = Layout.open(ociDir);
  for (const name of blobsOf(ociDir)) t.is(hash("sha256", readFileSync(layout.blobs.pathOf(name))), name);
  const manifest = layout.manifest("t");
  t.is(manifest.digest, result.manifest);
  t.is(fsVerityDigest(manifest.bytes).toString("hex"), result.manifestVerity);
  const { image } = metadataOf(ociDir, "t");
  t.is(image.fsVerityData.length, result.chunks);
  for (const { digest, verity } of image.fsVerityData) {
    const blob = readFileSync(layout.blobs.pathOf(Buffer.from(digest.toUint8Array()).toString("hex")));
    t.deepEqual(Buffer.from(verity.toUint8Array()), fsVerityDigest(blob));
  }
  // Chunks, metadata, manifest and the empty config.
  t.is(blobsOf(ociDir).length, result.newBlobs + 3);
  t.is(result.savedBytes, result.bytes - result.newBytes);
});

test.serial("an image without additions has the old layout: no times", async (t) => {
  const ociDir = temporaryDirectory();
  await build({ rootfs: mixedTree(), ociDir, tag: "t" });
  const { image } = metadataOf(ociDir, "t");
  t.true([...image.metadatas.at(0).inodes].every((inode) => inode.part.words === 3));
});

test.serial("an empty tree", async (t) => {
  const [rootfs, ociDir] = [temporaryDirectory(), temporaryDirectory()];
  const result = await build({ rootfs, ociDir, tag: "t" });
  t.like(result, { files: 0, entries: 1, bytes: 0, chunks: 0, newBlobs: 0 });
  t.deepEqual(dumpImage(ociDir, "t"), dumpTree(rootfs));
});

test.serial("times are kept, clamped or left out", async (t) => {
  const rootfs = makeTree({ old: "o", new: "n" });
  utimensat(AT_FDCWD, join(rootfs, "old"), { seconds: -2, nanoseconds: 500_000_001 });
  utimensat(AT_FDCWD, join(rootfs, "new"), { seconds: 2_000_000_000, nanoseconds: 999_999_999 });
  const ociDir = temporaryDirectory();
  await build({ rootfs, ociDir, tag: "keep", mtime: { kind: "keep" } });
  t.deepEqual(dumpImage(ociDir, "keep", true), dumpTree(rootfs, true));
  await build({ rootfs, ociDir, tag: "clamp", mtime: { kind: "clamp", seconds: 1_000_000_000 } });
  const times = [...metadataOf(ociDir, "clamp").image.metadatas.at(0).inodes].map((inode) => [
    inode.mtimeSeconds,
    inode.mtimeNanoseconds,
  ]);
  t.deepEqual(times, [
    [1_000_000_000, 0],
    [1_000_000_000, 0],
    [-2, 500_000_001],
  ]);
});

test.serial("a second build of the same tree writes nothing", async (t) => {
  const [rootfs, ociDir] = [mixedTree(), temporaryDirectory()];
  for (const compress of [false, true]) {
    await build({ rootfs, ociDir, tag: "t", compress });
    const blobs = blobsOf(ociDir);
    t.like(await build({ rootfs, ociDir, tag: "again", compress }), { newBlobs: 0, newBytes: 0 });
    t.deepEqual(blobsOf(ociDir), blobs);
  }
});

test.serial("a blob that was cut short is replaced", async (t) => {
  const [rootfs, ociDir] = [makeTree({ f: prose("f", 50_000) }), temporaryDirectory()];
  const first = await build({ rootfs, ociDir, tag: "t" });
  const { image } = metadataOf(ociDir, "t");
  const name = Buffer.from(image.fsVerityData.at(0).digest.toUint8Array()).toString("hex");
  truncateSync(join(ociDir, "blobs", "sha256", name), 10);
  t.is((await build({ rootfs, ociDir, tag: "t" })).manifest, first.manifest);
  t.deepEqual(dumpImage(ociDir, "t"), dumpTree(rootfs));
});

test.serial("progress goes up to the whole", async (t) => {
  const seen: number[] = [];
  const result = await build({
    rootfs: mixedTree(),
    ociDir: temporaryDirectory(),
    tag: "t",
    progress: ({ bytes }) => seen.push(bytes),
  });
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  t.is(seen.at(-1), result.bytes);
});

/** Runs a build that must fail, and checks that the layout is as before: one tag, no temporaries, no new blobs. */
async function failing(t: ExecutionContext, options: Partial<BuildOptions>, message: RegExp): Promise<void> {
  const ociDir = temporaryDirectory();
  await build({ rootfs: makeTree({ f: "before" }), ociDir, tag: "before" });
  const state = (): unknown => [
    readdirSync(ociDir).sort(),
    blobsOf(ociDir),
    readFileSync(join(ociDir, "index.json"), "utf8"),
  ];
  const before = state();
  const error = await t.throwsAsync(build({ rootfs: "", ociDir, tag: "after", ...options }), {
    instanceOf: BuildError,
  });
  t.regex(error?.message ?? "", message);
  t.deepEqual(state(), before);
}

const accidents: Record<string, { happen: (path: string) => void; message: RegExp }> = {
  shrinks: { happen: (path) => truncateSync(path, 12_000_000), message: /victim: it changed while/ },
  grows: { happen: (path) => writeFileSync(path, "more", { flag: "a" }), message: /victim: it changed while/ },
  "is rewritten": { happen: (path) => utimesSync(path, 0, 0), message: /victim: it changed while/ },
  "loses its neighbour": { happen: (path) => rmSync(`${path}-2`), message: /victim-2: cannot read: it vanished/ },
};

for (const [what, { happen, message }] of Object.entries(accidents)) {
  for (const jobs of [1, 3]) {
    test.serial(
      `a file that ${what} while the tree is read is named, and nothing is committed (${jobs} jobs)`,
      async (t) => {
        const rootfs = makeTree({ victim: Buffer.alloc(24_000_000, "victim "), "victim-2": "x" });
        let happened = false;
        // The first report comes in the middle of the large file.
        const progress = (): void => {
          if (!happened) happen(join(rootfs, "victim"));
          happened = true;
        };
        await failing(t, { rootfs, jobs, progress }, message);
      },
    );
  }
}

test.serial("what cannot be read is named", async (t) => {
  await failing(t, { rootfs: join(temporaryDirectory(), "none") }, /none: cannot read the tree: no such file/);
  await failing(t, { rootfs: join(makeTree({ file: "" }), "file") }, /file: not a directory/);
  const rootfs = makeTree({ "a\nb/f": "x" });
  chmodSync(join(rootfs, "a\nb"), 0);
  if (process.geteuid?.() === 0) t.log("as root nothing is unreadable");
  else await failing(t, { rootfs }, /a\\x0ab: cannot read: permission denied/);
});

test.serial("a layout inside the tree is refused, however it is spelt", async (t) => {
  const rootfs = makeTree({ "sub/": "" });
  symlinkSync(rootfs, `${rootfs}-link`);
  for (const ociDir of [rootfs, join(rootfs, "oci"), join(rootfs, "sub/new/oci"), join(`${rootfs}-link`, "oci")]) {
    await t.throwsAsync(build({ rootfs, ociDir, tag: "t" }), { instanceOf: BuildError, message: /is inside/ });
  }
  t.deepEqual(readdirSync(rootfs), ["sub"]);
  t.false(existsSync(join(rootfs, "sub/new")));
});

test.serial("the host's attributes are left out and counted", async (t) => {
  const rootfs = makeTree({ a: "", b: "" });
  try {
    for (const name of ["a", "b"]) {
      lsetxattr(join(rootfs, name), "security.selinux", Buffer.from("system_u:object_r:etc_t:s0\0"));
      lsetxattr(join(rootfs, name), "user.kept", Buffer.from("yes"));
    }
  } catch {
    t.log("security.selinux cannot be set here");
    t.pass();
    return;
  }
  const ociDir = temporaryDirectory();
  const { omissions } = await build({ rootfs, ociDir, tag: "t" });
  t.like(omissions, [{ what: "security.selinux", count: 2, paths: ["a", "b"].map((name) => join(rootfs, name)) }]);
  t.is(omissions.length, 1);
  t.true(dumpImage(ociDir, "t").every((line) => !line.includes("selinux")));
  t.deepEqual((await build({ rootfs, ociDir, tag: "all", selinux: true })).omissions, []);
  t.is(dumpImage(ociDir, "all").filter((line) => line.includes("security.selinux=system_u")).length, 2);
});

test.serial("options that no build can have", async (t) => {
  const rootfs = makeTree({});
  for (const options of [{ jobs: 0 }, { level: 23 }, { frameSize: 100 }, { chunkSizes: { min: 1, avg: 2, max: 3 } }]) {
    const ociDir = temporaryDirectory();
    await t.throwsAsync(build({ rootfs, ociDir, tag: "t", ...options }), { instanceOf: RangeError });
  }
});
