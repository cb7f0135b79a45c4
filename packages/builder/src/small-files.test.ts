/** Small files of a base are cut as if all were read, by reading only what is near to a change. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Directory, lsetxattr } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import { openHeader, readHeader } from "@puzzlefs/reader";
import { noise, prose, Random, rounds, runSeed } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";

import { build } from "./build.ts";
import type { BuildOptions } from "./options.ts";
import { OverlaySource } from "./overlay-source.ts";
import { StoredChunks } from "./stored-chunks.ts";

const directories = ["", "b/", "b/c/", "x/"];
const chunkSizes = { min: 1024, avg: 4096, max: 16384 };

const contentOf = (random: Random, most: number): Buffer => {
  const size = random.below(most);
  return random.once(2) ? noise(random.bits(), size) : prose(random.bits(), size);
};

/** A tree of `files` small files, and some large ones. */
function makeBase(random: Random, files: number, most: number): string {
  const rootfs = temporaryDirectory();
  for (const name of directories) mkdirSync(join(rootfs, name), { recursive: true });
  for (let index = 0; index < files; index++)
    writeFileSync(
      join(rootfs, random.pick(directories), `f${index}`),
      contentOf(random, random.once(20) ? 40_000 : most),
    );
  return rootfs;
}

/** Makes the same changes in `rootfs` and in an upper directory for it. */
function change(random: Random, rootfs: string, upper: string, count: number): void {
  const names = execFileSync("find", [rootfs, "-type", "f", "-printf", "%P\\n"]).toString().split("\n").sort();
  for (const name of directories) mkdirSync(join(upper, name), { recursive: true });
  const write = (name: string, content: Buffer): void => {
    for (const root of [rootfs, upper]) writeFileSync(join(root, name), content);
  };
  for (let index = 0; index < count; index++) {
    const name = random.pick(names.filter((each) => each !== ""));
    const choice = random.below(5);
    if (choice === 0)
      write(join(random.pick(directories), `${random.pick(["a", "f1", "g", "z"])}${index}`), contentOf(random, 3000));
    else if (choice < 3) write(name, contentOf(random, choice === 1 ? 500 : 3000));
    else {
      rmSync(join(rootfs, name), { force: true });
      rmSync(join(upper, name), { force: true });
      writeFileSync(join(upper, name), "");
      lsetxattr(join(upper, name), "user.overlay.whiteout", Buffer.from(""));
      names.splice(names.indexOf(name), 1);
    }
  }
}

const shapes = [
  { files: 300, most: 900, changes: 1 },
  { files: 300, most: 900, changes: 6 },
  { files: 600, most: 200, changes: 3 },
  { files: 200, most: 1023, changes: 60 },
  { files: 3, most: 500, changes: 2 },
  { files: 40, most: 900, changes: 0 },
];
const ways: Partial<BuildOptions>[] = [{}, { compress: true }];

for (let round = 0; round < rounds(24); round++) {
  const seed = runSeed + 7 * round;
  const { files, most, changes } = shapes[round % shapes.length]!;
  test.serial(`${files} files, ${changes} changes, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const options = { chunkSizes, ...random.pick(ways) };
    const [rootfs, upper, ociDir] = [makeBase(random, files, most), temporaryDirectory(), temporaryDirectory()];
    await build({ rootfs, ociDir, tag: "base", ...options });
    change(random, rootfs, upper, changes);
    // The root and the directories have the attributes that they have in the upper directory.
    execFileSync("sh", [
      "-c",
      'cd "$0" && find . -type d -exec chmod 755 {} + && cd "$1" && find . -type d -exec chmod 755 {} +',
      rootfs,
      upper,
    ]);

    using layout = Layout.open(ociDir);
    using directory = Directory.open(upper);
    const header = readHeader(layout, "base");
    using tree = openHeader(header, { verify: "blob" });
    let read = 0;
    const plain = tree.read.bind(tree);
    tree.read = (...argv) => {
      read += argv[2].length;
      return plain(...argv);
    };
    const stored = new StoredChunks(tree, header, chunkSizes.min);
    t.true(stored.isCanonical);
    const source = new OverlaySource(tree, stored, { directory, prefix: "user.overlay.", written: new Set() });
    const made = await build({ rootfs: source, ociDir, tag: "new", ...options });
    const fresh = await build({ rootfs, ociDir: temporaryDirectory(), tag: "fresh", ...options });
    t.is(made.manifest, fresh.manifest);
    t.true(read <= changes * 6 * chunkSizes.max, `${read} bytes were read for ${changes} changes`);
    if (changes === 0) t.is(made.newBlobs, 0);
  });
}

test.serial("chunks of another builder are not taken for those of a build", async (t) => {
  const random = new Random();
  const rootfs = makeBase(random, 100, 900);
  for (const [options, isCanonical] of [
    [{}, true],
    [{ compress: true }, true],
    [{ chunking: "stream" }, false],
    [{ chunking: "stream", compress: true }, false],
  ] as const) {
    const ociDir = temporaryDirectory();
    await build({ rootfs, ociDir, tag: "base", chunkSizes, ...options });
    using layout = Layout.open(ociDir);
    const header = readHeader(layout, "base");
    using tree = openHeader(header);
    t.is(new StoredChunks(tree, header, chunkSizes.min).isCanonical, isCanonical, JSON.stringify(options));
  }
});
