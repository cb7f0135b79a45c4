/** Chunks that an earlier build stored are not compressed again, and that changes no byte of an image. */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Layout } from "@puzzlefs/oci";
import { noise, prose, Random, rounds, runSeed } from "@puzzlefs/testing";
import { RandomTree } from "@puzzlefs/testing/random-tree";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";

import { build } from "./build.ts";
import type { BuildOptions, BuildResult } from "./options.ts";
import { dumpImage, dumpTree, makeTree } from "./tree-fixture.ts";

const tree = (): string => makeTree({ a: prose("a", 300_000), b: noise("b", 200_000), c: prose("c", 100) });
const namesOf = (ociDir: string): string[] =>
  readdirSync(ociDir).filter((name) => name.startsWith(".puzzlefs-chunks-"));

/** The only file of known chunks in a layout. */
function knownFile(ociDir: string): string {
  const names = namesOf(ociDir);
  if (names.length !== 1) throw new Error(`${names.length} files of known chunks`);
  return join(ociDir, names[0] ?? "");
}

async function prepare(options: Partial<BuildOptions> = { compress: true }) {
  const [rootfs, ociDir] = [tree(), temporaryDirectory()];
  const first = await build({ rootfs, ociDir, tag: "v1", ...options });
  const again = (more: Partial<BuildOptions> = {}): Promise<BuildResult> =>
    build({ rootfs, ociDir, tag: "v2", ...options, ...more });
  return { rootfs, ociDir, first, again };
}

/** Makes the file map the content of each chunk to another chunk's blob, as if that were true. */
function poison(ociDir: string): void {
  const bytes = readFileSync(knownFile(ociDir)).subarray(0, -32);
  const [header, record] = [48, 104];
  const count = (bytes.length - header) / record;
  const stored = Array.from({ length: count }, (_, index) =>
    Buffer.from(bytes.subarray(header + index * record + 32, header + (index + 1) * record)),
  );
  stored.forEach((each, index) => bytes.set(each, header + ((index + 1) % count) * record + 32));
  writeFileSync(knownFile(ociDir), Buffer.concat([bytes, createHash("sha256").update(bytes).digest()]));
}

test.serial("the file is used: what it records of a chunk is taken over, but not with --verify", async (t) => {
  const { ociDir, rootfs, first, again } = await prepare();
  t.is((await again()).manifest, first.manifest);
  poison(ociDir);
  // Otherwise none of the tests below would mean anything.
  t.not((await again()).manifest, first.manifest);
  t.is((await again({ verify: true })).manifest, first.manifest);
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
});

const damages: Record<string, (path: string) => void> = {
  missing: (path) => rmSync(path),
  emptied: (path) => truncateSync(path, 0),
  "cut short": (path) => truncateSync(path, readFileSync(path).length - 1),
  "cut to whole records": (path) => truncateSync(path, readFileSync(path).length - 104),
  "of another byte": (path) => {
    const bytes = readFileSync(path);
    bytes[60] ^= 1;
    writeFileSync(path, bytes);
  },
  "of another version": (path) => {
    const bytes = readFileSync(path);
    bytes[15] ^= 1;
    writeFileSync(path, bytes);
  },
  "a directory": (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  "writable for others": (path) => chmodSync(path, 0o666),
};

for (const [damage, make] of Object.entries(damages)) {
  test.serial(`a file that is ${damage} is not used, and written anew`, async (t) => {
    const { ociDir, first, again } = await prepare();
    const path = knownFile(ociDir);
    const before = readFileSync(path);
    if (damage !== "missing" && damage !== "emptied") poison(ociDir);
    make(path);
    const warnings: string[] = [];
    t.is((await again({ warn: (message) => warnings.push(message) })).manifest, first.manifest);
    if (damage === "a directory") t.is(warnings.length, 1);
    else t.true(readFileSync(path).equals(before));
  });
}

test.serial("in a directory that others can write, the file is not used", async (t) => {
  const { ociDir, first, again } = await prepare();
  poison(ociDir);
  chmodSync(ociDir, 0o777);
  t.is((await again()).manifest, first.manifest);
});

test.serial("blobs that are missing or of another size are stored again", async (t) => {
  for (const damage of [rmSync, (path: string) => truncateSync(path, 10)]) {
    const { ociDir, rootfs, first, again } = await prepare();
    using layout = Layout.open(ociDir);
    for (const hex of layout.blobs.list()) if ((layout.blobs.size(hex) ?? 0) > 5000) damage(layout.blobs.pathOf(hex));
    t.is((await again()).manifest, first.manifest);
    t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  }
});

test.serial("each way to store chunks has its own file, with the chunks of all builds whose blobs exist", async (t) => {
  const { ociDir, rootfs, again } = await prepare();
  await again({ level: 5 });
  await again({ compress: false });
  await again({ frameSize: 4096 });
  t.is(namesOf(ociDir).length, 4);
  const size = (): number => namesOf(ociDir).reduce((sum, name) => sum + readFileSync(join(ociDir, name)).length, 0);
  const before = size();
  await again();
  t.is(size(), before);
  writeFileSync(join(rootfs, "more"), noise("more", 20_000));
  await again();
  t.is(size(), before + 104);
});

for (let round = 0; round < rounds(4); round++) {
  const seed = runSeed + round;
  test.serial(`images of changed trees are those of layouts without the file, seed ${seed}`, async (t) => {
    const random = new Random(seed);
    const [rootfs, ociDir] = [makeTree({}), temporaryDirectory()];
    const changing = new RandomTree(rootfs, random);
    changing.fill(50);
    for (let version = 0; version < 4; version++) {
      const options = random.pick([
        {},
        { compress: true },
        { compress: true, level: 1 },
        { compress: true, base: "0" },
      ]);
      const { base, ...others } = options as { base?: string };
      const used = version > 0 && base !== undefined ? { base } : {};
      const made = await build({ rootfs, ociDir, tag: `${version}`, ...others, ...used });
      if (base === undefined) {
        const fresh = await build({ rootfs, ociDir: temporaryDirectory(), tag: "fresh", ...others });
        t.is(made.manifest, fresh.manifest);
      }
      t.deepEqual(dumpImage(ociDir, `${version}`), dumpTree(rootfs));
      for (let count = 0; count < 8; count++) changing.change();
    }
  });
}
