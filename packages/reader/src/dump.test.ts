import { execFileSync } from "node:child_process";
import test from "ava";
import { Layout } from "@puzzlefs/oci";
import { dump } from "./dump.ts";
import type { DumpOptions } from "./dump.ts";
import { dir, file, ImageFixture, inode, run, sha256, symlink } from "./image-fixture.ts";
import { openImage } from "./image.ts";

const additional = { xattrs: [{ key: Buffer.from("user.k=v"), val: Buffer.from("a b\\\n\xff", "latin1") }] };
const hex = (text: string): string => sha256(Buffer.from(text)).toString("hex");

function dumpImage(options: DumpOptions = {}): string[] {
  const fixture = new ImageFixture();
  const digest = fixture.chunk(Buffer.from("hello"));
  const inodes = [
    dir(1, { "a b": 2, a: 3, "\xff\n": 4, "a.b": 6 }, { mtimeSeconds: 1 }),
    file(2, [run(digest, 0, 5)], { uid: 1, gid: 2, permissions: 0o4755, additional, mtimeNanoseconds: 5 }),
    dir(3, { link: 2, dev: 5 }),
    symlink(4, "to where"),
    inode(5, { kind: "blk", blk: { major: 8, minor: 1 } }),
    file(6, []),
  ];
  fixture.image("v1", { metadatas: [{ inodes }] });
  const tree = openImage(Layout.open(fixture.directory), "v1");
  const lines: string[] = [];
  dump(tree, (line) => void lines.push(line), options);
  tree.close();
  fixture.remove();
  return lines;
}

test("one line a name, in path order, every attribute", (t) => {
  const hello = hex("hello");
  t.deepEqual(dumpImage(), [
    "/ dir 0755 0 0 0 3 - 1.000000000 - - -",
    "/a dir 0755 0 0 0 2 - 0.000000000 - - -",
    "/a/dev blk 0644 0 0 0 1 8:1 0.000000000 - - -",
    `/a/link file 4755 1 2 5 2 - 0.000000005 /a/link - ${hello} user.k\\x3dv=a\\x20b\\x5c\\x0a\\xff`,
    `/a\\x20b file 4755 1 2 5 2 - 0.000000005 /a/link - ${hello} user.k\\x3dv=a\\x20b\\x5c\\x0a\\xff`,
    `/a.b file 0644 0 0 0 1 - 0.000000000 - - ${hex("")}`,
    "/\\xff\\x0a lnk 0777 0 0 8 1 - 0.000000000 - to\\x20where -",
  ]);
});

test("without times, where images keep none", (t) => {
  t.is(dumpImage({ times: false })[0], "/ dir 0755 0 0 0 3 - - - - -");
});

test("as mtree(8) reads it", (t) => {
  t.deepEqual(dumpImage({ format: "mtree" }).slice(0, 5), [
    "#mtree",
    ". type=dir uid=0 gid=0 mode=0755 nlink=3 time=1.0",
    "./a type=dir uid=0 gid=0 mode=0755 nlink=2 time=0.0",
    "./a/dev type=block uid=0 gid=0 mode=0644 nlink=1 time=0.0 device=native,8,1",
    `./a/link type=file uid=1 gid=2 mode=4755 nlink=2 time=0.5 size=5 sha256=${hex("hello")}`,
  ]);
  t.is(
    dumpImage({ format: "mtree" }).at(-1),
    "./\\377\\012 type=link uid=0 gid=0 mode=0777 nlink=1 time=0.0 link=to\\040where",
  );
});

function hasMtree(): boolean {
  try {
    execFileSync("mtree", ["-C", "-f", "/dev/null"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

(hasMtree() ? test : test.skip)("mtree(8) accepts it", (t) => {
  const input = dumpImage({ format: "mtree" }).join("\n");
  t.regex(execFileSync("mtree", ["-C"], { input, encoding: "utf8" }), /a\\s?(040)?b/);
});
