/** Sources that deliver what they should not: an error that names the entry, and no image. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import test from "ava";

import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { build } from "./build.ts";
import { BuildError } from "./errors.ts";
import type { BuildOptions } from "./options.ts";
import type { ContentSink, Source, SourceEntry } from "./source.ts";
import { dumpImage } from "./tree-fixture.ts";

/** A file unless `given` makes it something else; its path is its name. */
function entryOf(given: Partial<SourceEntry>): SourceEntry {
  return { ...root, directory: root, name: "entry", path: `/${given.name ?? "entry"}`, kind: "file", ...given };
}

const root: SourceEntry = {
  directory: undefined,
  name: "",
  path: "/",
  kind: "dir",
  uid: 0,
  gid: 0,
  permissions: 0o755,
  major: 0,
  minor: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  size: 0,
  link: undefined,
  readlink: () => Buffer.from("target"),
  xattrs: () => [],
  content: () => undefined,
};

const longName = (i: number): Buffer => Buffer.from(`user.${i}`.padEnd(255, "x"));

function sourceOf(...entries: SourceEntry[]): Source {
  return { name: "in memory", entries: () => entries };
}

/** Puts bytes into a sink, and then a hole. */
function deliver(sink: ContentSink, bytes: number, hole: number): undefined {
  for (let left = bytes; left > 0;) {
    const { address, room } = sink.reserve(left);
    const count = Math.min(left, room);
    sink.memory.fill(1, address, address + count);
    sink.advance(count);
    left -= count;
  }
  if (hole > 0) sink.hole(hole);
}

const aDirectory = entryOf({ name: "d", kind: "dir", permissions: 0o755, link: "d" });
const wrongEntries: Record<string, [path: string, entries: SourceEntry[]]> = {
  "no entries": ["in memory", []],
  "no root": ["/entry", [entryOf({})]],
  "a root that is a file": ["/", [entryOf({ directory: undefined, name: "", path: "/" })]],
  "two roots": ["/", [root, { ...root }]],
  "a directory that did not come": ["/entry", [root, entryOf({ directory: aDirectory })]],
  "a file as directory": ["/entry", [root, entryOf({ directory: entryOf({ name: "a" }) })]],
  "two names of one directory": ["/e", [root, aDirectory, entryOf({ name: "e", kind: "dir", link: "d" })]],
  "one inode of two kinds": [
    "/e",
    [root, entryOf({ name: "a", link: "x" }), entryOf({ name: "e", kind: "fifo", link: "x" })],
  ],
  "one name twice": ["/entry", [root, entryOf({}), entryOf({})]],
  "names out of order": ["/a", [root, entryOf({ name: "b" }), entryOf({ name: "a" })]],
  "names out of order, around a subdirectory": [
    "/a",
    [root, aDirectory, entryOf({ name: "z", directory: aDirectory }), entryOf({ name: "a" })],
  ],
  "a wide name": ["/wide", [root, entryOf({ name: "\u{141}", path: "/wide" })]],
  ...Object.fromEntries(
    ["../x", "..", ".", "", "a/b", "a\0b", "x".repeat(256)].map((name) => [
      `the name ${JSON.stringify(name)}`,
      ["/named", [root, entryOf({ name, path: "/named" })]],
    ]),
  ),
  "an empty target": ["/entry", [root, entryOf({ kind: "lnk", readlink: () => Buffer.alloc(0) })]],
  "a long target": ["/entry", [root, entryOf({ kind: "lnk", readlink: () => Buffer.alloc(4096, "x") })]],
  "a target with NUL": ["/entry", [root, entryOf({ kind: "lnk", readlink: () => Buffer.from("a\0") })]],
  "more names of xattrs than a system lists": [
    "/entry",
    [root, entryOf({ xattrs: () => Array.from({ length: 257 }, (_, i) => ({ key: longName(i), val: Buffer.of() })) })],
  ],
  "permissions with a file type": ["/entry", [root, entryOf({ permissions: 0o100644 })]],
  "a time with too many nanoseconds": ["/entry", [root, entryOf({ mtimeNanoseconds: 1e9 })]],
  "a fraction of a byte": ["/entry", [root, entryOf({ size: 1.5 })]],
  "a directory with a size": ["/entry", [root, entryOf({ kind: "dir", size: 1 })]],
  "a large device number": ["/entry", [root, entryOf({ kind: "chr", major: 4096 })]],
};

for (const [what, [path, entries]] of Object.entries(wrongEntries)) {
  test(`${what}: an error that names the entry`, async (t) => {
    const directory = temporaryDirectory();
    const options: BuildOptions = {
      rootfs: sourceOf(...entries),
      ociDir: join(directory, "oci"),
      tag: "v",
      mtime: { kind: "keep" },
    };
    const error = await t.throwsAsync(build(options), { instanceOf: BuildError });
    t.is(error?.path, path);
    t.deepEqual(readdirSync(directory), []);
  });
}

const size = 300_000;
const wrongContent: Record<string, [bytes: number, hole: number]> = {
  nothing: [0, 0],
  "a byte less": [size - 1, 0],
  "a byte more": [size + 1, 0],
  "a short hole": [100_000, 199_999],
  "a long hole": [100_000, 200_001],
  "much more": [3 * size, 0],
};

for (const chunking of ["file", "stream"] as const) {
  for (const [what, [bytes, hole]] of Object.entries(wrongContent)) {
    for (const yields of [false, true]) {
      test(`${what} as the content of a file, ${yields ? "with yields, " : ""}chunking by ${chunking}: an error`, async (t) => {
        const directory = temporaryDirectory();
        function* later(sink: ContentSink): Generator<void> {
          yield;
          deliver(sink, bytes, hole);
        }
        const content = (sink: ContentSink): Iterable<void> | undefined =>
          yields ? later(sink) : deliver(sink, bytes, hole);
        const rootfs = sourceOf(root, entryOf({ size, content }), entryOf({ name: "next", size: 5, content: five }));
        const building = build({ rootfs, ociDir: join(directory, "oci"), tag: "v", chunking });
        const { message } = (await t.throwsAsync(building, { instanceOf: BuildError })) as Error;
        t.regex(message, /^\/entry: the source delivered \d+ bytes of 300000$/);
        if (bytes + hole < size) t.regex(message, new RegExp(` ${bytes + hole} bytes`));
        t.deepEqual(readdirSync(directory), []);
      });
    }
  }

  test(`right content of all kinds, chunking by ${chunking}: an image`, async (t) => {
    const files = [
      entryOf({ name: "a", size: 100, content: (sink) => deliver(sink, 100, 0) }),
      entryOf({ name: "b", size, content: (sink) => deliver(sink, 100_000, 200_000) }),
      entryOf({ name: "c", size: 5, content: five }),
    ];
    const ociDir = join(temporaryDirectory(), "oci");
    await build({ rootfs: sourceOf(root, ...files), ociDir, tag: "v", chunking });
    t.is(dumpImage(ociDir, "v").length, 4);
  });
}

function five(sink: ContentSink): undefined {
  return deliver(sink, 5, 0);
}
