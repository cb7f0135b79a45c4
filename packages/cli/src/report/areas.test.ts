import type { DirectoryBytes } from "@puzzlefs/reader";
import { Random, runSeed } from "@puzzlefs/testing";
import test from "ava";
import { type Area, areasOf } from "./areas.ts";
import { ChunkClasses } from "./chunk-classes.ts";

/** A directory with files of this many stored bytes. */
function directory(
  name: string,
  files: readonly number[],
  directories: readonly DirectoryBytes[] = [],
): DirectoryBytes {
  const stored = files.reduce((sum, bytes) => sum + bytes, 0);
  const own = { files: files.length, content: 2 * stored, stored };
  const all = [own, ...directories];
  const sumOf = (key: keyof typeof own): number => all.reduce((sum, one) => sum + one[key], 0);
  const sums = { files: sumOf("files"), content: sumOf("content"), stored: sumOf("stored") };
  return { name: Buffer.from(name), ...sums, own, directories: [...directories] };
}

const shape = (areas: readonly Area[]): string[] =>
  areas.map(({ path, isWhole, stored, directories }) =>
    [path, ...(isWhole ? [] : ["rest"]), stored, ...(directories > 0 ? [`${directories} small`] : [])].join(" "),
  );

test("a directory is divided where parts of it are large, and the rest of it is one area", (t) => {
  const tree = directory(
    "",
    [5],
    [
      directory(
        "usr",
        [100],
        [directory("lib", [6000]), directory("bin", [2000]), directory("tiny", [1]), directory("small", [2])],
      ),
      directory("var", [], [directory("lib", [], [directory("apt", [], [directory("lists", [900])])])]),
      directory("empty", []),
    ],
  );
  t.deepEqual(shape(areasOf(tree)), [
    "/usr/lib 6000",
    "/usr/bin 2000",
    // No directory on the way has other files.
    "/var 900",
    "/usr rest 103 2 small",
    "/ rest 5 1 small",
  ]);
  t.deepEqual(shape(areasOf(directory("", []))), ["/ 0"]);
  t.deepEqual(shape(areasOf(directory("", [7]))), ["/ 7"]);
});

function randomDirectory(random: Random, depth: number): DirectoryBytes {
  const files = Array.from({ length: random.below(5) }, () => random.below(random.pick([3, 100, 10_000])));
  const directories = Array.from({ length: depth === 0 ? 0 : random.below(9) }, () =>
    randomDirectory(random, random.below(depth)),
  );
  return directory(`${random.below(1000)}`, files, directories);
}

test("the areas of random trees add up to them, and are not more than some", (t) => {
  t.log(`seed ${runSeed}`);
  const random = new Random();
  for (let round = 0; round < 300; round++) {
    const root = randomDirectory(random, 1 + random.below(6));
    const areas = areasOf(root);
    for (const key of ["files", "content", "stored"] as const)
      t.is(
        areas.reduce((sum, area) => sum + area[key], 0),
        root[key],
      );
    t.true(areas.length <= 170);
    t.true(areas.every(({ files, stored }) => files >= 0 && stored >= 0));
  }
});

test("a deep tree, a wide one, and one that is both, have few areas with short paths", (t) => {
  let deep = directory("x", [10]);
  for (let i = 0; i < 5000; i++) deep = directory("x", [1], [deep]);
  const wide = directory(
    "",
    [],
    Array.from({ length: 20_000 }, (_, i) => directory(String(i), [1])),
  );
  const even = directory(
    "",
    [],
    Array.from({ length: 99 }, (_, i) => directory(String(i), [50], [deep])),
  );
  for (const root of [deep, wide, even]) {
    const areas = areasOf(root);
    t.true(areas.length <= 170, `${areas.length}`);
    t.true(areas.every(({ path }) => path.length < 100));
    t.is(
      areas.reduce((sum, { files }) => sum + files, 0),
      root.files,
    );
  }
});

test("names of areas are escaped", (t) => {
  const name = Buffer.from([0x3c, 0xff, 0x1b, 0x5c]);
  const tree = directory("", [], [{ ...directory("", [50]), name }, directory("b", [50])]);
  t.deepEqual(
    areasOf(tree).map(({ path }) => path),
    ["/<\\xff\\x1b\\\\", "/b"],
  );
});

test("chunks are counted once, in classes of powers of two", (t) => {
  const classes = new ChunkClasses();
  t.deepEqual(classes.list(), { chunks: 0, bytes: 0, median: 0, classes: [] });
  const sizes = [0, 1023, 1024, 2047, 4096, 2 ** 24 - 1, 2 ** 24, 2 ** 30];
  for (const round of [1, 2]) for (const size of sizes) classes.add(`${size}`, size * round - size * (round - 1));
  const { chunks, bytes, median, classes: list } = classes.list();
  t.deepEqual([chunks, bytes, median], [8, sizes.reduce((sum, size) => sum + size, 0), 4096]);
  t.deepEqual(
    list.filter((one) => one.chunks > 0).map(({ from, to, chunks: count }) => [from, to, count]),
    [
      [0, 1024, 2],
      [1024, 2048, 2],
      [4096, 8192, 1],
      [2 ** 23, 2 ** 24, 1],
      [2 ** 24, null, 2],
    ],
  );
});
