import { rmSync } from "node:fs";
import test from "ava";
import { Random, runSeed } from "@puzzlefs/testing";
import { dir, file, run, symlink, withFixture } from "./image-fixture.ts";
import { openImage } from "./image.ts";
import { type DirectoryBytes, StoredContent } from "./stored-content.ts";

/** A directory's sums by its path. */
function pathsOf(directory: DirectoryBytes, path = "/"): [string, number, number, number][] {
  const { files, content, stored, directories } = directory;
  return [
    [path, files, content, stored],
    ...directories.flatMap((child) => pathsOf(child, `${path}${Buffer.from(child.name).toString()}/`)),
  ];
}

test("a blob's stored bytes are divided among the files that refer to it, hard links count once", (t) => {
  withFixture((fixture, layout) => {
    const [shared, whole] = [fixture.chunk(Buffer.alloc(1001, "a")), fixture.chunk(Buffer.alloc(70, "b"))];
    const missing = fixture.chunk(Buffer.from("missing"));
    rmSync(fixture.blobPath(missing));
    const inodes = [
      dir(1, { a: 2, linked: 4, z: 3 }),
      dir(2, { first: 4, link: 5, empty: 6 }),
      dir(3, { second: 7, lost: 8 }),
      file(4, [run(shared, 0, 300)]),
      symlink(5, "first"),
      file(6, []),
      file(7, [run(shared, 300, 601), run(whole, 0, 70), run(shared, 901, 100)]),
      file(8, [run(missing, 0, 7)]),
    ];
    fixture.image("v1", { metadatas: [{ inodes }] });
    using tree = openImage(layout, "v1");
    const stored = new StoredContent(tree, layout.blobs);
    t.deepEqual(
      [...stored.chunks()].map(([, size]) => size),
      [1001, 70, undefined],
    );
    const expected = [
      ["/", 4, 1078, 1071],
      ["/a/", 2, 300, 300],
      ["/z/", 2, 778, 771],
    ];
    t.deepEqual(pathsOf(stored.directories()), expected as [string, number, number, number][]);
    t.deepEqual(pathsOf(stored.directories()), expected as [string, number, number, number][], "again");
  });
});

test("the parts of random runs add up to the blobs, each in proportion to its length", (t) => {
  t.log(`seed ${runSeed}`);
  const random = new Random();
  withFixture((fixture, layout) => {
    const blobs = Array.from({ length: 5 }, () => {
      const size = 1 + random.below(5000);
      return { size, digest: fixture.chunk(random.bytes(size)) };
    });
    const files = Array.from({ length: 40 }, (_, i) =>
      file(
        i + 2,
        Array.from({ length: random.below(4) }, () => run(random.pick(blobs).digest, 0, 1 + random.below(900))),
      ),
    );
    const names = Object.fromEntries(files.map((_, i) => [`f${i}`, i + 2]));
    fixture.image("v1", { metadatas: [{ inodes: [dir(1, names), ...files] }] });
    using tree = openImage(layout, "v1");
    const stored = new StoredContent(tree, layout.blobs);
    const root = stored.directories();
    const used = [...stored.chunks()].reduce((sum, [, size = 0]) => sum + size, 0);
    t.is(root.stored, used);
    t.is(root.content, tree.contentBytes);
    t.is(root.files, 40);
  });
});
