/** Blobs that a build finds in the layout and would reuse, but whose content does not have the digest that is their name. */
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findInode, readManifest } from "@puzzlefs/format";
import { Layout, referencedBlobs } from "@puzzlefs/oci";
import test, { type ExecutionContext } from "ava";
import { build } from "./build.ts";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { blobsOf, dumpImage, dumpTree, makeTree, metadataOf } from "./tree-fixture.ts";
import type { BuildOptions, BuildResult } from "./options.ts";

const kinds: Record<string, Partial<BuildOptions>> = {
  raw: {},
  zstd: { compress: true },
};

/** Damage that a size shows. */
const sized: Record<string, (path: string) => void> = {
  emptied: (path) => truncateSync(path, 0),
  "cut short": (path) => truncateSync(path, statSync(path).size - 1),
  "grown longer": (path) => appendFileSync(path, "x"),
  missing: (path) => rmSync(path),
};

/** Damage of the content alone. */
const hidden: Record<string, (path: string) => void> = {
  "of other content": (path) => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(path, bytes);
  },
  "of zeros": (path) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
};

const config = { bytes: Buffer.from('{"architecture":"amd64","os":"linux"}'), path: "config" };

/** A tree, and a layout with an image of it. */
async function prepare(options: Partial<BuildOptions>): Promise<{ rootfs: string; ociDir: string; hex: string }> {
  const rootfs = makeTree({ a: noise("a", 200_000), b: prose("b", 300_000), c: noise("c", 20_000) });
  const ociDir = temporaryDirectory();
  await build({ rootfs, ociDir, tag: "v1", config, ...options });
  const { mode } = findInode(metadataOf(ociDir, "v1").image, 2)!;
  return { rootfs, ociDir, hex: Buffer.from([...mode.file][0].blob.digest.toUint8Array()).toString("hex") };
}

function assertWhole(t: ExecutionContext, ociDir: string, rootfs: string): void {
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  using layout = Layout.open(ociDir);
  for (const { digest, size } of referencedBlobs(layout.manifest("v2").bytes, "v2"))
    t.is(layout.blobs.read(digest ?? "", 1 << 24).length, size ?? -1);
}

for (const [kind, options] of Object.entries(kinds)) {
  for (const base of [undefined, "v1"]) {
    const how = `${kind}, ${base === undefined ? "without base" : "with base"}`;
    const again = (paths: { rootfs: string; ociDir: string }, more: object): Promise<BuildResult> =>
      build({ ...paths, tag: "v2", config, ...options, ...(base !== undefined && { base }), ...more });

    for (const [damage, make] of Object.entries({ ...sized, ...hidden })) {
      test.serial(`${how}: a blob ${damage} is stored anew and reported`, async (t) => {
        const { rootfs, ociDir, hex } = await prepare(options);
        make(join(ociDir, "blobs/sha256", hex));
        writeFileSync(join(rootfs, "new"), "new");
        const { repaired } = await again({ rootfs, ociDir }, { verify: damage in hidden });
        assertWhole(t, ociDir, rootfs);
        // A blob that is missing is nothing to notice but for an image that is built on.
        t.deepEqual(repaired, damage === "missing" && base === undefined ? [] : [hex]);
      });
    }

    test.serial(`${how}: blobs that are whole are reused, also when they are read`, async (t) => {
      const { rootfs, ociDir } = await prepare(options);
      for (const verify of [false, true]) {
        const names = blobsOf(ociDir);
        t.deepEqual((await again({ rootfs, ociDir }, { verify })).repaired, []);
        t.deepEqual(blobsOf(ociDir), names);
      }
    });
  }
}

for (const [damage, make] of Object.entries({ ...sized, ...hidden })) {
  test.serial(`metadata, manifest and configuration ${damage} are written again`, async (t) => {
    const { rootfs, ociDir } = await prepare({});
    using layout = Layout.open(ociDir);
    const { digest, bytes } = layout.manifest("v1");
    const digests = referencedBlobs(bytes, "v1").filter(({ type }) => type !== "chunk");
    for (const hex of [digest, ...digests.map((blob) => blob.digest ?? "")]) make(join(ociDir, "blobs/sha256", hex));
    await build({ rootfs, ociDir, tag: "v2", config });
    assertWhole(t, ociDir, rootfs);
  });

  test.serial(`a base whose manifest or metadata are ${damage} is refused by name`, async (t) => {
    for (const which of ["manifest", "metadata"]) {
      const { rootfs, ociDir } = await prepare({});
      using layout = Layout.open(ociDir);
      const { digest, bytes } = layout.manifest("v1");
      const hex = which === "manifest" ? digest : readManifest(bytes).digest;
      make(join(ociDir, "blobs/sha256", hex));
      const building = build({ rootfs, ociDir, tag: "v2", base: "v1" });
      await t.throwsAsync(building, { message: new RegExp(hex) }, which);
      t.deepEqual(
        layout.tags().map((tag) => tag),
        ["v1"],
      );
    }
  });
}
