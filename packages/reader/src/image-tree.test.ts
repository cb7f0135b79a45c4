import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { Layout } from "@puzzlefs/oci";
import { dir, file, ImageFixture, inode, run, seekable, symlink } from "./image-fixture.ts";
import { openImage } from "./image.ts";
import type { ImageTree } from "./image-tree.ts";
import { sortedEntries } from "./path-queries.ts";

function withImage(make: (fixture: ImageFixture) => void, use: (tree: ImageTree) => void): void {
  const fixture = new ImageFixture();
  make(fixture);
  const tree = openImage(Layout.open(fixture.directory), "v1");
  try {
    use(tree);
  } finally {
    tree.close();
    fixture.remove();
  }
}

const names = (tree: ImageTree, ino: number): string[] =>
  sortedEntries(tree, ino).map(({ name, ino: entry, kind }) => `${Buffer.from(name).toString()} ${entry} ${kind}`);

test("returns attributes as stat(2) would", (t) => {
  const make = (fixture: ImageFixture): void => {
    const digest = fixture.chunk(Buffer.alloc(1000));
    const inodes = [
      dir(1, { f: 2, l: 3, d: 4, c: 6, g: 2 }, { permissions: 0o1777, uid: 4294967294, gid: 7 }),
      file(2, [run(digest, 0, 1000), run(digest, 1, 998)], { mtimeSeconds: -5, mtimeNanoseconds: 999999999 }),
      symlink(3, "target"),
      dir(4, { sub: 5 }),
      dir(5, {}),
      inode(6, { kind: "chr", chr: { major: 4095, minor: 1048575 } }, { permissions: 0o620 }),
    ];
    fixture.image("v1", { metadatas: [{ inodes }] });
  };
  withImage(make, (tree) => {
    t.is(tree.inodeCount, 6);
    t.is(tree.contentBytes, 1998);
    const zero = { major: 0, minor: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, uid: 0, gid: 0 };
    const root = { ...zero, ino: 1, kind: "dir" as const, mode: 0o41777, nlink: 3, size: 0, uid: 4294967294, gid: 7 };
    t.deepEqual(tree.attributes(1), root);
    const times = { mtimeSeconds: -5, mtimeNanoseconds: 999999999 };
    t.deepEqual(tree.attributes(2), { ...zero, ...times, ino: 2, kind: "file", mode: 0o100644, nlink: 2, size: 1998 });
    t.deepEqual(tree.attributes(3), { ...zero, ino: 3, kind: "lnk", mode: 0o120777, nlink: 1, size: 6 });
    const device = { major: 4095, minor: 1048575 };
    t.deepEqual(tree.attributes(6), { ...zero, ...device, ino: 6, kind: "chr", mode: 0o20620, nlink: 1, size: 0 });
    t.is(tree.attributes(7), undefined);
    t.is(tree.attributes(0), undefined);
    t.is(tree.parent(1), 1);
    t.is(tree.parent(4), 1);
    t.is(tree.parent(5), 4);
    t.throws(() => tree.read(4, 0, Buffer.alloc(1)), { message: /inode 4 is not a regular file/ });
    t.throws(() => tree.readlink(99), { message: /no inode 99/ });
  });
});

test("shows the tree through its layers", (t) => {
  const make = (fixture: ImageFixture): void => {
    const digest = fixture.chunk(Buffer.from("oldnew"));
    const newest = [
      dir(1, { etc: 2, gone: 9 }, { lookBelow: true }),
      dir(2, { added: 10 }, { lookBelow: true }),
      file(4, [run(digest, 3, 3)]),
      inode(9, { kind: "wht" }),
      file(10, []),
    ];
    const oldest = [
      dir(1, { etc: 2, gone: 3, usr: 5 }),
      dir(2, { kept: 4, moved: 6 }),
      file(3, [run(digest, 0, 3)]),
      file(4, [run(digest, 0, 3)]),
      dir(5, { kept: 4 }),
      file(6, []),
    ];
    fixture.image("v1", { metadatas: [{ inodes: newest }, { inodes: oldest }] });
  };
  withImage(make, (tree) => {
    t.deepEqual(names(tree, 1), ["etc 2 dir", "usr 5 dir"]);
    t.deepEqual(names(tree, 2), ["added 10 file", "kept 4 file", "moved 6 file"]);
    t.is(tree.lookup(1, Buffer.from("gone")), undefined);
    t.is(tree.attributes(3), undefined, "a file without a name is not visible");
    t.is(tree.attributes(9), undefined, "nor is a whiteout");
    t.is(tree.attributes(4)?.nlink, 2);
    t.is(tree.attributes(1)?.nlink, 4);
    const into = Buffer.alloc(10);
    t.is(tree.read(tree.lookup(5, Buffer.from("kept")) as number, 0, into), 3);
    t.is(into.toString("latin1", 0, 3), "new");
    const [first] = tree.entries(2);
    t.deepEqual(
      [...tree.entries(2, first?.cookie)].map(({ name }) => Buffer.from(name).toString()),
      ["kept", "moved"],
      "a cookie resumes, also in the next layer",
    );
  });
});

test("finds names in directories that are sorted and that are not", (t) => {
  const entries = ["c", "b", "a"].map((name, i) => ({ name: Buffer.from(name), ino: [4, 2, 3][i] as number }));
  const unsorted = inode(1, { kind: "dir", dir: { entries } });
  const files = [file(2, []), file(3, []), file(4, [])];
  withImage(
    (fixture) => fixture.image("v1", { metadatas: [{ inodes: [unsorted, ...files] }] }),
    (tree) => {
      t.deepEqual(names(tree, 1), ["a 3 file", "b 2 file", "c 4 file"]);
      for (const [name, ino] of Object.entries({ a: 3, b: 2, c: 4 })) t.is(tree.lookup(1, Buffer.from(name)), ino);
      t.is(tree.lookup(1, Buffer.from("d")), undefined);
      t.is(tree.lookup(2, Buffer.from("a")), undefined);
    },
  );
});

test("hides extended attributes that Linux does not know, and sorts the others", (t) => {
  const pair = (key: string): { key: Uint8Array; val: Uint8Array } => ({
    key: Buffer.from(key),
    val: Buffer.from(key),
  });
  const keys = [
    "user.b",
    "user.",
    "unknown.x",
    "system.posix_acl_access",
    "trusted.overlay.x",
    "user.a",
    "system.other",
  ];
  const root = dir(1, {}, { additional: { xattrs: keys.map(pair) } });
  withImage(
    (fixture) => fixture.image("v1", { metadatas: [{ inodes: [root] }] }),
    (tree) => {
      const shown = tree.xattrs(1).map(({ name, value }) => [name, value].map((b) => Buffer.from(b).toString()));
      t.deepEqual(
        shown,
        ["system.posix_acl_access", "trusted.overlay.x", "user.a", "user.b"].map((key) => [key, key]),
      );
    },
  );
});

const content = Buffer.alloc(500_000, "some text that repeats, but ").map((byte, i) => byte ^ (i >> 8));

/** A file of `content` in runs of many lengths: raw, compressed, neighbours in one blob, and shared ones. */
function makeFile(fixture: ImageFixture): void {
  const pack = fixture.chunk(content.subarray(0, 200_000));
  const frames = fixture.chunk(seekable(content.subarray(200_000, 400_000), 10_000));
  const single = fixture.chunk(seekable(content.subarray(400_000), 100_000));
  const inodes = [
    dir(1, { f: 2 }),
    file(2, [
      run(pack, 0, 1),
      run(pack, 1, 0),
      run(pack, 1, 65_535),
      run(pack, 65_536, 134_464),
      ...Array.from({ length: 20 }, (_, i) => run(frames, i * 10_000, 10_000, true)),
      run(single, 0, 3, true),
      run(single, 3, 99_997, true),
      run(pack, 5, 10),
    ]),
  ];
  fixture.image("v1", { metadatas: [{ inodes }] });
}

test("read(offset, length) is the file's bytes, for any offset and length", (t) => {
  const expected = Buffer.concat([content, content.subarray(5, 15)]);
  withImage(makeFile, (tree) => {
    t.is(tree.attributes(2)?.size, expected.length);
    fc.assert(
      fc.property(fc.nat(expected.length + 10), fc.oneof(fc.nat(100), fc.nat(expected.length)), (offset, length) => {
        const into = Buffer.alloc(length + 8, 0xee);
        const count = tree.read(2, offset, into.subarray(0, length));
        const wanted = expected.subarray(offset, offset + length);
        const rest = into.subarray(count, count + 8);
        return count === wanted.length && wanted.equals(into.subarray(0, count)) && rest.every((byte) => byte === 0xee);
      }),
      { numRuns: 300 },
    );
  });
});
