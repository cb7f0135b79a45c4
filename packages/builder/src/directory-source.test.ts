import { execFileSync } from "node:child_process";
import {
  closeSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { AT_FDCWD, descriptorPath, lsetxattr, makedev, mknodat } from "@puzzlefs/linux";
import { eventually } from "@puzzlefs/testing";
import test from "ava";

import { build } from "./build.ts";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { completed, dumpImage, dumpTree, makeTree } from "./tree-fixture.ts";
import { Omissions } from "./omissions.ts";
import { FreshNumbering, type TreeNode } from "./tree-node.ts";
import { DirectorySource } from "./directory-source.ts";
import { readSource } from "./read-source.ts";
import { XattrPolicy } from "./xattrs.ts";

const isRoot = process.geteuid?.() === 0;

function walk(rootfs: string, onFile: (path: string) => void = () => {}): TreeNode[] {
  const omissions = new Omissions();
  const source = new DirectorySource(rootfs, { crossing: "subvolumes", written: new Set() });
  return completed(
    readSource(source, {
      mtime: { kind: "zero" },
      omissions,
      xattrs: new XattrPolicy(false, omissions),
      numbering: new FreshNumbering(),
      addFile: (_node, { path }) => {
        onFile(path.slice(rootfs.length + 1));
        return [];
      },
    }),
  );
}

/** Every name with its number, in the order of the walk. */
function listing(nodes: TreeNode[]): [string, number][] {
  const paths = new Map([[1, ""]]);
  return nodes.flatMap((node) =>
    node.entries.map(({ name, ino }): [string, number] => {
      paths.set(ino, `${paths.get(node.ino)}/${name}`);
      return [`${paths.get(node.ino)}/${name}`, ino];
    }),
  );
}

test.serial("a directory's entries are numbered before any subdirectory is entered, in byte order", (t) => {
  const rootfs = makeTree({ "b/z": "", "b/c/d": "", "a/y": "", "a.b": "", é: "", B: "" });
  t.deepEqual(listing(walk(rootfs)), [
    ["/B", 2],
    ["/a", 3],
    ["/a.b", 4],
    ["/b", 5],
    [Buffer.from("/é").toString("latin1"), 6],
    ["/a/y", 7],
    ["/b/c", 8],
    ["/b/z", 9],
    ["/b/c/d", 10],
  ]);
});

test.serial("files are handed on in the order of their numbers", (t) => {
  const seen: string[] = [];
  walk(makeTree({ "b/z": "", "b/c/d": "", "a/y": "", c: "" }), (path) => seen.push(path));
  t.deepEqual(seen, ["c", "a/y", "b/z", "b/c/d"]);
});

test.serial(
  "hard links share a number, of whatever kind; the names after the first use one up, as in the Rust tool",
  (t) => {
    const rootfs = makeTree({ "1": "x", "9": "y", "sub/": "" });
    linkSync(join(rootfs, "1"), join(rootfs, "2"));
    linkSync(join(rootfs, "1"), join(rootfs, "sub/link"));
    execFileSync("mkfifo", [join(rootfs, "3")]);
    linkSync(join(rootfs, "3"), join(rootfs, "4"));
    symlinkSync("to", join(rootfs, "5"));
    linkSync(join(rootfs, "5"), join(rootfs, "6"));
    const nodes = walk(rootfs);
    t.deepEqual(listing(nodes), [
      ["/1", 2],
      ["/2", 2],
      ["/3", 4],
      ["/4", 4],
      ["/5", 6],
      ["/6", 6],
      ["/9", 8],
      ["/sub", 9],
      ["/sub/link", 2],
    ]);
    t.deepEqual(
      nodes.map(({ ino }) => ino),
      [1, 2, 4, 6, 8, 9],
    );
  },
);

test.serial("names of any bytes, 255 bytes long, and paths longer than the system takes", async (t) => {
  const rootfs = temporaryDirectory();
  const name = (bytes: number[] | string): Buffer => Buffer.concat([Buffer.from(`${rootfs}/`), Buffer.from(bytes)]);
  for (const odd of [[0xff, 0xfe], [0xc3, 0x28], "new\nline", "a\tb", " ", "\\", "n".repeat(255), [0x01, 0x7f]]) {
    writeFileSync(name(odd), "x");
  }
  let directory = openSync(rootfs, "r");
  for (let depth = 0; depth < 100; depth++) {
    const component = Buffer.from(`${depth}-`.padEnd(255, "d"));
    mkdirSync(descriptorPath(directory, component));
    const next = openSync(descriptorPath(directory, component), "r");
    closeSync(directory);
    directory = next;
    if (depth % 9 === 0) writeFileSync(descriptorPath(directory, Buffer.from("file")), `at depth ${depth}`);
  }
  closeSync(directory);
  const open = readdirSync("/proc/self/fd").length;
  const ociDir = temporaryDirectory();
  await build({ rootfs, ociDir, tag: "t" });
  t.deepEqual(dumpImage(ociDir, "t"), dumpTree(rootfs));
  // Blobs that the reader expected may still be on their way from another thread.
  t.true(await eventually(() => readdirSync("/proc/self/fd").length === open));
});

test.serial("all kinds and attributes", async (t) => {
  const rootfs = makeTree({ file: "content", "dir/": "" });
  symlinkSync("t".repeat(4000), join(rootfs, "link"));
  lutimesSync(join(rootfs, "link"), 1, 123.5);
  execFileSync("mkfifo", [join(rootfs, "fifo")]);
  execFileSync("chmod", ["7751", join(rootfs, "file")]);
  execFileSync("chmod", ["1777", join(rootfs, "dir")]);
  lsetxattr(join(rootfs, "file"), "user.b", Buffer.from("\0\xff", "latin1"));
  lsetxattr(join(rootfs, "file"), "user.a", Buffer.alloc(0));
  lsetxattr(join(rootfs, "dir"), "user.dir", Buffer.alloc(1000, 1));
  if (isRoot) {
    const mode = 0o640;
    for (const [index, [major, minor]] of [
      [1, 3],
      [4095, 1048575],
      [300, 0],
      [0, 70000],
    ].entries()) {
      mknodat(AT_FDCWD, join(rootfs, `chr${index}`), 0o020000 | mode, makedev(major, minor));
      mknodat(AT_FDCWD, join(rootfs, `blk${index}`), 0o060000 | mode, makedev(major, minor));
    }
    mknodat(AT_FDCWD, join(rootfs, "sock"), 0o140000 | mode, 0);
    execFileSync("chown", ["-h", "4294967294:4294967294", join(rootfs, "link"), join(rootfs, "fifo")]);
    lsetxattr(join(rootfs, "link"), "trusted.note", Buffer.from("root only"));
    lsetxattr(join(rootfs, "dir"), "trusted.overlay.opaque", Buffer.from("y"));
  }
  const ociDir = temporaryDirectory();
  await build({ rootfs, ociDir, tag: "t", mtime: { kind: "keep" } });
  t.deepEqual(dumpImage(ociDir, "t", true), dumpTree(rootfs, true));
});

test.serial("a mount point of another file system is an empty directory", (t) => {
  if (!isRoot) {
    t.log("only root can mount");
    t.pass();
    return;
  }
  const rootfs = makeTree({ "mnt/": "", after: "" });
  execFileSync("mount", ["-t", "tmpfs", "-o", "mode=0711", "none", join(rootfs, "mnt")]);
  try {
    writeFileSync(join(rootfs, "mnt/inside"), "x");
    const nodes = walk(rootfs);
    t.deepEqual(listing(nodes), [
      ["/after", 2],
      ["/mnt", 3],
    ]);
    t.like(nodes[2], { kind: "dir", permissions: 0o711 });
  } finally {
    execFileSync("umount", [join(rootfs, "mnt")]);
  }
});

test.serial("a directory of 20,000 entries takes ten times as long as one of 2,000, not a hundred", (t) => {
  const time = (count: number): number => {
    const rootfs = makeTree(Object.fromEntries(Array.from({ length: count }, (_, index) => [`file-${index}`, ""])));
    const times = Array.from({ length: 3 }, () => {
      // Processor time: other time also counts what other processes use.
      const start = process.cpuUsage();
      t.is(walk(rootfs).length, count + 1);
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000;
    });
    return Math.min(...times);
  };
  time(2000);
  const small = time(2000);
  const large = time(20_000);
  t.true(large < 40 * small, `${small.toFixed(1)} ms, then ${large.toFixed(1)} ms`);
});
