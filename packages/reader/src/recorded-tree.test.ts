/** Images that record their tree, opened so that each inode is checked at its first use. */
import { FormatError, TRAIT_XATTRS, type InodeValue, type RootfsValue } from "@puzzlefs/format";
import test from "ava";
import { dir, file, run, withFixture } from "./image-fixture.ts";
import { openImage } from "./image.ts";
import type { ImageTree } from "./image-tree.ts";

const used = { check: "used" } as const;

/** A directory with what the image records of it. */
function recordedDir(ino: number, entries: Record<string, number>, links: number, parent: number): InodeValue {
  const inode = dir(ino, entries);
  return inode.mode.kind === "dir"
    ? { ...inode, mode: { kind: "dir", dir: { ...inode.mode.dir, links, parent } } }
    : inode;
}

/** Root, directory 2 with file 3, which directory 4 has too. `changed` replaces inodes of the same number. */
function image(changed: readonly InodeValue[] = [], totals: Partial<RootfsValue> = {}): Partial<RootfsValue> {
  const inodes = [
    recordedDir(1, { a: 2, b: 4 }, 4, 1),
    recordedDir(2, { f: 3 }, 2, 1),
    { ...file(3, []), additional: { links: 2 } },
    recordedDir(4, { g: 3 }, 2, 1),
  ].map((inode) => changed.find(({ ino }) => ino === inode.ino) ?? inode);
  return { metadatas: [{ inodes }], inodes: 4, contentBytes: 0, traits: 0, ...totals };
}

const name = (text: string): Buffer => Buffer.from(text);

/** What a walk of the whole tree sees. */
function shown(tree: ImageTree): unknown[] {
  const seen: unknown[] = [tree.inodeCount, tree.contentBytes, tree.traits];
  const queue = [1];
  for (const ino of queue) {
    seen.push(tree.parent(ino), tree.attributes(ino));
    for (const entry of tree.entries(ino)) {
      seen.push(tree.lookup(ino, entry.name), entry.kind, entry.attributes, tree.xattrs(entry.ino));
      if (entry.kind === "dir") queue.push(entry.ino);
    }
  }
  return seen;
}

test("opened either way, an image shows the same", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", image());
    using whole = openImage(layout, "v1");
    using lazy = openImage(layout, "v1", used);
    t.deepEqual(shown(lazy), shown(whole));
    t.is(lazy.attributes(3)?.nlink, 2);
    t.is(lazy.attributes(1)?.nlink, 4);
    t.is(lazy.parent(4), 1);
  });
});

test("an inode that breaks a rule is refused at each use, with the name of the object, and the others are not", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", image([{ ...file(3, []), permissions: 0o10000, additional: { links: 2 } }]));
    t.throws(() => openImage(layout, "v1"), { instanceOf: FormatError });
    using tree = openImage(layout, "v1", used);
    // More often than the work that the image allows would suffice for.
    for (let times = 0; times < 1000; times++) {
      const error = t.throws(() => tree.attributes(3), { instanceOf: FormatError });
      t.is(error.rule, "permissions-range");
      t.is(error.inode, 3);
      t.regex(error.object, /^metadata blob sha256:[0-9a-f]{64}$/);
    }
    t.is(tree.attributes(2)?.kind, "dir");
    t.is(tree.lookup(2, name("f")), 3);
  });
});

test("a file is read although the next inode, which is expected to be read too, breaks a rule", (t) => {
  withFixture((fixture, layout) => {
    const content = Buffer.from("content");
    const inodes = [
      recordedDir(1, { a: 2, b: 3 }, 2, 1),
      file(2, [run(fixture.chunk(content), 0, content.length)]),
      { ...file(3, []), permissions: 0o10000 },
    ];
    fixture.image("v1", { metadatas: [{ inodes }], inodes: 3, contentBytes: content.length, traits: 0 });
    using tree = openImage(layout, "v1", used);
    const into = Buffer.alloc(content.length);
    t.is(tree.read(2, 0, into), content.length);
    t.deepEqual(into, content);
    t.throws(() => tree.attributes(3), { instanceOf: FormatError });
  });
});

const directories: [title: string, rule: string, changed: InodeValue][] = [
  ["a slash in a name", "dir-entry-name-slash", recordedDir(2, { "../f": 3 }, 2, 1)],
  ["an entry without an inode", "dir-entry-dangling", recordedDir(2, { f: 9 }, 2, 1)],
  ["no number of links", "recorded-links", recordedDir(2, { f: 3 }, 0, 1)],
];
for (const [title, rule, changed] of directories) {
  test(`a directory is refused when it is first used: ${title}`, (t) => {
    withFixture((fixture, layout) => {
      fixture.image("v1", image([changed]));
      using tree = openImage(layout, "v1", used);
      t.is(tree.lookup(1, name("a")), 2);
      for (const use of [() => tree.attributes(2), () => tree.lookup(2, name("f")), () => [...tree.entries(2)]])
        t.is(t.throws(use, { instanceOf: FormatError }).rule, rule);
      t.deepEqual([...tree.entries(4)].length, 1);
    });
  });
}

test("a directory that contains itself, or is in two, is entered from the one that it records only", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", image([recordedDir(2, { f: 3, again: 2, other: 4 }, 2, 1)]));
    using tree = openImage(layout, "v1", used);
    for (const again of ["again", "other"]) {
      const error = t.throws(() => tree.lookup(2, name(again)), { instanceOf: FormatError });
      t.is(error.rule, "recorded-parent");
    }
    t.is(tree.lookup(2, name("f")), 3);
    t.is(tree.lookup(1, name("b")), 4);
  });
});

test("an attribute of a kind that the image does not record is refused, not hidden", (t) => {
  const additional = { xattrs: [{ key: name("system.posix_acl_access"), val: name("acl") }], links: 2 };
  withFixture((fixture, layout) => {
    fixture.image("v1", image([{ ...file(3, []), additional }], { traits: TRAIT_XATTRS }));
    using tree = openImage(layout, "v1", used);
    t.is(t.throws(() => tree.xattrs(3), { instanceOf: FormatError }).rule, "recorded-totals");
  });
});

test("opening refuses an image without a root, and one that does not record its tree as before", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", { metadatas: [{ inodes: [file(2, [])] }], inodes: 1 });
    t.is(t.throws(() => openImage(layout, "v1", used), { instanceOf: FormatError }).rule, "root-inode");
    fixture.image("v2", { ...image([{ ...file(3, []), permissions: 0o10000 }]), inodes: 0 });
    t.is(t.throws(() => openImage(layout, "v2", used), { instanceOf: FormatError }).rule, "permissions-range");
  });
});

test("what counts all inodes checks all of them first", (t) => {
  withFixture((fixture, layout) => {
    fixture.image("v1", image([], { contentBytes: 1 }));
    using tree = openImage(layout, "v1", used);
    t.is(t.throws(() => tree.metadata.whole(), { instanceOf: FormatError }).rule, "recorded-totals");
  });
});
