/** What layers mean: each case is unpacked by umoci, and the trees must be equal. */
import test from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeImage } from "./layered-image.ts";
import { archive, dir, file, hardLink, symlink, whiteout, type Fields } from "./member.ts";
import { umociObstacle, unpack } from "./umoci.ts";

const scratch = new Scratch();
const obstacle = umociObstacle();
test.after.always(() => scratch.remove());

const root = dir("./", { mtime: 5 });
const long = `${"long/".repeat(40)}${"n".repeat(200)}`;

/** Layers, the lowest first. */
const cases: Record<string, Fields[][]> = {
  "a file, a directory, a symbolic link": [[root, dir("d/"), file("d/f", "text"), symlink("l", "d/f")]],
  "names with ./, slashes and dots in them": [
    [root, dir("./d"), file("./d//f", "1"), file("/abs", "2"), file("d/./g", "3"), file("d/../h", "4"), dir("d/e/..")],
  ],
  "attributes of the root": [[dir("./", { mode: 0o1777, uid: 5, gid: 6 })], [dir("/", { mode: 0o700, mtime: 7 })]],
  "the last of two members of one name": [[root, file("f", "first"), file("f", "second"), dir("d"), file("d", "file")]],
  "a whiteout": [[root, file("f", "1"), file("g", "2")], [whiteout(".wh.f")]],
  "a whiteout of a directory": [[root, dir("d"), dir("d/e"), file("d/e/f", "1"), file("x", "")], [whiteout(".wh.d")]],
  "a whiteout of what does not exist": [
    [root, file("f", "1")],
    [whiteout(".wh.none"), whiteout("none/.wh.f")],
  ],
  "a whiteout before and after a member of the same layer": [
    [root, file("a", "1"), file("b", "1")],
    [whiteout(".wh.a"), file("a", "new"), file("b", "new"), whiteout(".wh.b")],
  ],
  "a whiteout of a directory in which the layer has an entry": [
    [root, dir("d"), file("d/old", "1"), dir("d/e"), file("d/e/old", "2")],
    [file("d/e/new", "3"), whiteout(".wh.d")],
  ],
  "an opaque directory": [
    [root, dir("d"), file("d/a", "1"), dir("d/e"), file("d/e/b", "2")],
    [dir("d", { mode: 0o700 }), whiteout("d/.wh..wh..opq"), file("d/new", "3")],
  ],
  "an opaque directory whose mark comes last": [
    [root, dir("d"), file("d/a", "1"), dir("d/e"), file("d/e/b", "2"), dir("d/o")],
    [dir("d"), file("d/e/new", "3"), whiteout("d/.wh..wh..opq")],
  ],
  "an opaque root": [
    [root, file("a", "1"), dir("d")],
    [file("b", "2"), whiteout(".wh..wh..opq")],
  ],
  "an opaque mark in what is no directory": [[root, file("f", "1")], [whiteout("f/.wh..wh..opq")]],
  "a directory replaced by a file, and a file by a directory": [
    [root, dir("d"), file("d/a", "1"), file("f", "2")],
    [file("d", "file"), dir("f"), file("f/a", "3")],
  ],
  "a symbolic link to a directory replaced by a directory": [
    [root, dir("usr"), dir("usr/lib"), file("usr/lib/a", "1"), symlink("lib", "usr/lib")],
    [dir("lib"), file("lib/b", "2")],
  ],
  "names through symbolic links": [
    [
      root,
      dir("usr"),
      dir("usr/lib"),
      symlink("lib", "usr/lib"),
      symlink("abs", "/usr/lib"),
      symlink("up", "../../usr"),
    ],
    [file("lib/a", "1"), file("abs/b", "2"), file("up/lib/c", "3"), whiteout("lib/.wh.none")],
    [whiteout("lib/.wh.a"), dir("abs/d", { mode: 0o700 }), whiteout("up/lib/.wh.c")],
  ],
  "directory attributes replaced by a later layer": [
    [root, dir("d", { mode: 0o700, uid: 1, records: [["SCHILY.xattr.user.a", "1"]] }), file("d/f", "1")],
    [dir("d", { mode: 0o755, gid: 2, mtime: 9, records: [["SCHILY.xattr.user.b", "2"]] })],
  ],
  "an implied directory in one with the set-group-ID bit": [
    [root, dir("d", { mode: 0o2775, uid: 1, gid: 7 }), file("d/e/f/a", "1")],
    [dir("d/e", { mode: 0o755 }), file("d/e/g/b", "2"), symlink("l", "d"), file("l/h/c", "3")],
  ],
  "hard links in a layer": [[root, file("a", "1", { mode: 0o600 }), hardLink("b", "a"), hardLink("c", "./b")]],
  "hard links to files of lower layers": [
    [root, dir("d"), file("d/a", "1")],
    [hardLink("b", "d/a")],
    [hardLink("c", "/b")],
  ],
  "one name of a link group replaced by a later layer": [
    [root, file("a", "1"), hardLink("b", "a"), hardLink("c", "a")],
    [file("b", "2")],
    [hardLink("d", "b"), whiteout(".wh.a")],
  ],
  "a hard link over a file, and over a directory": [
    [root, file("a", "1"), file("b", "2"), dir("d"), file("d/x", "3")],
    [hardLink("b", "a"), hardLink("d", "a")],
  ],
  "a hard link to a symbolic link, a fifo and a device": [
    [
      root,
      symlink("s", "nowhere"),
      hardLink("s2", "s"),
      { name: "p", type: "6" },
      hardLink("p2", "p"),
      { name: "c", type: "3", major: 4, minor: 300 },
      hardLink("c2", "c"),
    ],
  ],
  "a hard link through a symbolic link": [
    [root, dir("d"), file("d/a", "1"), symlink("l", "d"), hardLink("l/b", "l/a")],
  ],
  "devices and fifos": [
    [
      root,
      { name: "chr", type: "3", major: 1, minor: 3, mode: 0o666 },
      { name: "blk", type: "4", major: 259, minor: 70000, mode: 0o640, gid: 6 },
      { name: "fifo", type: "6", mode: 0o600 },
      { name: "whiteout of overlayfs", type: "3", major: 0, minor: 0, mode: 0 },
    ],
  ],
  "set-id bits, owners and times": [
    [
      root,
      file("suid", "1", { mode: 0o6755, uid: 1, gid: 2 }),
      file("sticky", "2", { mode: 0o1777, uid: 0o7777777, gid: 0o7777777, mtime: 0 }),
      file("none", "3", { mode: 0 }),
      file("pax", "4", {
        records: [
          ["uid", "4294967294"],
          ["gid", "3000000"],
          ["mtime", "1234567890.123456789"],
        ],
      }),
      file("before", "5", { records: [["mtime", "-1.5"]] }),
      file("short", "6", { records: [["mtime", "7.1"]] }),
    ],
  ],
  "extended attributes with any bytes": [
    [
      root,
      file("f", "1", {
        records: [
          ["SCHILY.xattr.user.binary", Buffer.from([0, 1, 0xff, 0x0a, 0x3d])],
          ["SCHILY.xattr.user.a b\n", "odd"],
          ["SCHILY.xattr.security.capability", Buffer.from("0100000200200000000000000000000000000000", "hex")],
          ["SCHILY.xattr.trusted.t", "t"],
        ],
      }),
      dir("d", { records: [["SCHILY.xattr.user.d", "d"]] }),
    ],
  ],
  "long names and targets, by records": [
    [
      root,
      file("x", "1", { records: [["path", long]] }),
      { ...symlink("y", "z"), records: [["linkpath", "t".repeat(300)]] },
      { ...hardLink("h", "z"), records: [["linkpath", long]] },
    ],
  ],
  "long names and targets, by GNU tar": [
    [
      root,
      { name: "././@LongLink", type: "L", content: `${long}\0`, magic: "ustar  \0" },
      file("x", "1", { magic: "ustar  \0" }),
      { name: "././@LongLink", type: "K", content: `${"t".repeat(300)}\0`, magic: "ustar  \0" },
      { ...symlink("y", "z"), magic: "ustar  \0" },
    ],
  ],
  "a prefix of a name": [[root, dir("p"), file("n", "1", { prefix: "p/q" })]],
  "names that are not UTF-8": [[root, file("\xff\xfe", "1"), file("x", "2", { records: [["path", "\x80/\xc3"]] })]],
  "an archive without its end": [[root, file("f", "1")]],
  "sparse files of versions 0.0, 0.1 and 1.0": [
    [
      root,
      file("zero-zero", "abc", {
        records: [
          ["GNU.sparse.size", "100000"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.offset", "5"],
          ["GNU.sparse.numbytes", "1"],
          ["GNU.sparse.offset", "70000"],
          ["GNU.sparse.numbytes", "2"],
        ],
      }),
      file("GNUSparseFile.0/x", "abcdef", {
        records: [
          ["GNU.sparse.size", "1000000"],
          ["GNU.sparse.numblocks", "3"],
          ["GNU.sparse.name", "zero-one"],
          ["GNU.sparse.map", "0,3,500000,3,1000000,0"],
        ],
      }),
      file("GNUSparseFile.0/y", `${"2\n0\n3\n500000\n3\n".padEnd(512, "\0")}abcdef`, {
        records: [
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.name", "one-zero"],
          ["GNU.sparse.realsize", "900000"],
        ],
      }),
    ],
  ],
};

for (const [name, layers] of Object.entries(cases)) {
  (obstacle === "" ? test : test.skip)(`${name}: as umoci unpacks it${obstacle && ` (${obstacle})`}`, (t) => {
    const layout = scratch.directory("layout");
    const end = name.startsWith("an archive without") ? -1024 : undefined;
    makeImage(
      layout,
      layers.map((members) => archive(...members).subarray(0, end)),
    );
    const unpacked = unpack(layout, "image", scratch.fresh("bundle"));
    run(puzzlefs, ["convert", `${layout}:image`, `${layout}:converted`]);
    // The times of directories that are only implied are umoci's of now.
    const implied = /long|prefix|UTF-8|implied|in which the layer|whose mark/.test(name) ? ["--no-times"] : [];
    assertSameText(t, dumpImage(`${layout}:converted`, ...implied), dumpDirectory(unpacked, ...implied), name);
    t.regex(run(puzzlefs, ["verify", `${layout}:converted`]), /: good\n$/);
  });
}
