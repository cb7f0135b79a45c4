/** The files that `mount` stores for the kernel driver, and how long they stay. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PackedOptions, storePlaces } from "@puzzlefs/mount";
import { collectGarbage, fsVerityDigest, type GarbageOptions, type GarbageReport, Layout, untag } from "@puzzlefs/oci";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { decodeTable } from "../kernel/place-tables.ts";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

const blobs = (path: string): string[] => readdirSync(join(path, "blobs/sha256")).toSorted();

/** A layout with a packed image `v1`. */
function packedLayout(): string {
  const tree = scratch.fresh("tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "a"), noise(1, 300_000));
  const path = scratch.fresh("oci");
  build(tree, `${path}:v1`, "--packed");
  return path;
}

function stored(path: string): PackedOptions & { places: string } {
  return storePlaces(path, "v1", { verify: "none" }) as PackedOptions & { places: string };
}

function collect(path: string, options: Partial<GarbageOptions> = {}): GarbageReport {
  using layout = Layout.open(path);
  return collectGarbage(layout, { grace: 0, ...options });
}

test("the metadata and the place table are stored once, and a damaged one again", (t) => {
  const path = packedLayout();
  const before = blobs(path);
  using first = stored(path);
  const added = blobs(path).filter((digest) => !before.includes(digest));
  const file = join(path, "blobs/sha256", first.places);
  const table = decodeTable(readFileSync(file));
  t.deepEqual(added, [first.places, table.metadata.toString("hex")].toSorted());
  t.is(table.manifest.toString("hex"), first.manifest);
  t.is(
    table.chunks.reduce((sum, { size }) => sum + size, 0),
    300_000,
  );
  const { ino } = statSync(file);
  using second = stored(path);
  t.is(second.places, first.places);
  t.is(statSync(file).ino, ino);
  writeFileSync(file, readFileSync(file).fill(0));
  using third = stored(path);
  t.is(third.places, first.places);
  t.deepEqual(decodeTable(readFileSync(file)), table);
});

test("gc keeps what a mount needs, also of an image without a tag, and removes it afterwards", (t) => {
  const path = packedLayout();
  const options = stored(path);
  const all = blobs(path);
  const { packs, metadata } = decodeTable(readFileSync(join(path, "blobs/sha256", options.places)));
  const needed = [
    options.places,
    metadata.toString("hex"),
    ...packs.map(({ digest }) => digest.toString("hex")),
  ].toSorted();
  t.is(collect(path).freed.blobs, 0, "while it is being mounted");
  t.deepEqual(blobs(path), all);
  options[Symbol.dispose]();
  {
    using layout = Layout.open(path);
    untag(layout, "v1");
  }
  for (const name of [options.places, options.manifest]) {
    collect(path, { mounted: () => [name] });
    t.deepEqual(blobs(path), needed, "while it is mounted");
  }
  collect(path, { grace: 3600 });
  t.deepEqual(blobs(path), needed, "a young one may be mounted by another tool");
  collect(path);
  t.deepEqual(blobs(path), []);
});

test("of an image with a tag, gc removes what it can make again", (t) => {
  const path = packedLayout();
  const before = blobs(path);
  stored(path)[Symbol.dispose]();
  t.is(collect(path).freed.blobs, 2);
  t.deepEqual(blobs(path), before);
});

test("the canonical fs-verity digest lets the driver hash every chunk", (t) => {
  const path = packedLayout();
  const loose = scratch.fresh("loose");
  const tree = scratch.fresh("tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "a"), noise(1, 300_000));
  build(tree, `${loose}:v1`);
  using other = Layout.open(loose);
  const digest = fsVerityDigest(other.manifest("v1").bytes).toString("hex");
  using options = storePlaces(path, "v1", { verify: "none", digest });
  t.is(options.verify, "blob");
  t.is(options.digest, undefined);
  t.throws(() => storePlaces(path, "v1", { verify: "none", digest: "0".repeat(64) }), { message: /fs-verity/ });
});
