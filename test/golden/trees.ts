/** The trees of the golden images, as data: the same on every machine. A change here changes test/golden/digests.txt. */
import { type FixtureEntry, nodeFixture } from "@puzzlefs/posix-suite";
import { noise, prose } from "@puzzlefs/testing";

export interface GoldenTree {
  name: string;
  entries: readonly FixtureEntry[];
  /** The next version of the tree, built as a layer over the first. */
  changed?: readonly FixtureEntry[];
}

type Attributes = Partial<Omit<FixtureEntry, "path" | "kind">>;

function entry(path: string, kind: FixtureEntry["kind"], more: Attributes = {}): FixtureEntry {
  const permissions = kind === "dir" ? 0o755 : kind === "lnk" ? 0o777 : 0o644;
  return { path, kind, permissions, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 1, ...more };
}

const root = entry("", "dir");
const directory = (path: string, more?: Attributes): FixtureEntry => entry(path, "dir", more);
const file = (path: string, content: Buffer, more?: Attributes): FixtureEntry =>
  entry(path, "file", { content: content.toString("latin1"), ...more });
const link = (path: string, linkTo: string): FixtureEntry => entry(path, "file", { linkTo });

/** The POSIX fixture without the bulk of its large directory, and without the terabyte that `stream` reads as zeros. */
const everyInode = nodeFixture().filter(({ path }) => !/^many\/entry-\d{4}|^sparse\/terabyte/.test(path));

/** Sizes around the bounds of a chunk, files of several chunks, equal content, holes. */
const content: readonly FixtureEntry[] = [
  root,
  directory("sizes"),
  ...[0, 1, 16_383, 16_384, 16_385, 262_143, 262_144, 262_145].flatMap((size) => [
    file(`sizes/noise-${size}`, noise(size, size)),
    file(`sizes/prose-${size}`, prose(size, size)),
  ]),
  file("zeros", Buffer.alloc(300_000)),
  file("several chunks", Buffer.concat([prose("large", 600_000), noise("large", 200_000)])),
  file("the same content", Buffer.concat([prose("large", 600_000), noise("large", 200_000)])),
  entry("holes", "file", {
    sparse: { size: 5_000_000, data: [0, 1_000_000, 4_999_990].map((offset) => ({ offset, content: "data" })) },
  }),
];

/** Files below the least size of a chunk share chunks. */
const manySmallFiles: readonly FixtureEntry[] = [
  root,
  ...Array.from({ length: 12 }, (_, index) => directory(`${index}`)),
  ...Array.from({ length: 1200 }, (_, index) => file(`${index % 12}/file-${index}`, prose(index, (index * 37) % 1500))),
];

const before: readonly FixtureEntry[] = [
  root,
  directory("kept"),
  file("kept/file", prose("kept", 40_000)),
  directory("removed"),
  file("removed/file", noise("removed", 20_000)),
  directory("moved"),
  file("moved/file", prose("moved", 30_000)),
  file("changed", prose("changed", 50_000)),
  file("chmod", noise("chmod", 17_000)),
  file("first name", noise("links", 18_000)),
  link("second name", "first name"),
  entry("replaced", "lnk", { target: "kept/file" }),
];

const after: readonly FixtureEntry[] = [
  root,
  directory("kept"),
  file("kept/file", prose("kept", 40_000)),
  directory("new"),
  directory("new/moved"),
  file("new/moved/file", prose("moved", 30_000)),
  file("changed", Buffer.concat([prose("changed", 50_000), prose("more", 500)])),
  file("chmod", noise("chmod", 17_000), { permissions: 0o4755, uid: 5, xattrs: { "user.added": "x" } }),
  file("first name", noise("links", 18_000)),
  link("third name", "first name"),
  directory("replaced"),
  entry("replaced/fifo", "fifo"),
];

export const trees: readonly GoldenTree[] = [
  { name: "empty", entries: [root], changed: [root, file("first", prose("first", 100))] },
  { name: "every kind of inode", entries: everyInode },
  { name: "content", entries: content },
  { name: "many small files", entries: manySmallFiles },
  { name: "changes", entries: before, changed: after },
];
