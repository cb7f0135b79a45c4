import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { Random, runSeed } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import type { Count } from "./garbage-report.ts";
import { ImageBlobs } from "./image-blobs.ts";
import { Layout } from "./image-layout.ts";
import { shareOut } from "./shares.ts";
import { commitImage, entriesOf, hexOf, neededBlobs } from "./store-fixture.ts";

test("growth and shared bytes of random images are what their documents need, counted by sets", (t) => {
  t.log(`seed ${runSeed}`);
  const random = new Random();
  for (let round = 0; round < 5; round++) {
    const path = join(temporaryDirectory(), "store");
    const chunks = Array.from({ length: 12 }, (_, i) => `chunk ${round} ${i} `.repeat(1 + random.below(40)));
    const manifests = Array.from({ length: 1 + random.below(6) }, (_, i) =>
      commitImage(path, `v${i}`, random.shuffled(chunks).slice(0, 1 + random.below(8))),
    );
    // A chunk of some images that is not in the layout.
    rmSync(join(path, "blobs/sha256", hexOf(chunks[0] as string)), { force: true });
    const needed = entriesOf(path).map((entry) => new Set(neededBlobs(path, [entry])));
    const bytesOf = (digests: Iterable<string>): Count => {
      const sizes = [...digests].map((digest) => statSync(join(path, "blobs/sha256", digest)).size);
      return { blobs: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    };
    using layout = Layout.open(path);
    const blobs = new ImageBlobs(layout, manifests);
    const before = needed.map((_, i) => new Set(needed.slice(0, i).flatMap((one) => [...one])));
    t.deepEqual(
      blobs.growth(),
      needed.map((own, i) => {
        const known = before[i] as Set<string>;
        return {
          added: bytesOf([...own].filter((digest) => !known.has(digest))),
          total: bytesOf(new Set([...own, ...known])),
        };
      }),
    );
    t.deepEqual(
      blobs.sharedBytes([...manifests.keys()]),
      needed.map((a) => needed.map((b) => bytesOf([...a].filter((digest) => b.has(digest))).bytes)),
    );
    t.deepEqual(blobs.shares(), shareOut(layout, manifests));
  }
});

test("an image whose manifest is missing adds nothing, and has no share", (t) => {
  const path = join(temporaryDirectory(), "store");
  const manifest = commitImage(path, "v1", ["content"]);
  using layout = Layout.open(path);
  const blobs = new ImageBlobs(layout, [manifest, "0".repeat(64), undefined, manifest]);
  const [first, lost, none, again] = blobs.growth();
  t.deepEqual([lost, none], [undefined, undefined]);
  t.is(first?.added.blobs, 4);
  t.deepEqual(again, { added: { blobs: 0, bytes: 0 }, total: first?.added });
  const bytes = first?.added.bytes ?? 0;
  t.deepEqual(blobs.sharedBytes([0, 1, 3]), [
    [bytes, 0, bytes],
    [0, 0, 0],
    [bytes, 0, bytes],
  ]);
});
