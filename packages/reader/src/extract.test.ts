import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { lsetxattr } from "@puzzlefs/linux";
import { makeHostileTree } from "@puzzlefs/testing/hostile-tree";
import { removeTree, temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { DirectoryTree, dumpDirectory } from "./directory-tree.ts";
import { extract } from "./extract.ts";
import type { Tree, TreeEntry } from "./tree.ts";

function dumpOf(path: string): string[] {
  const lines: string[] = [];
  dumpDirectory(path, (line) => void lines.push(line));
  return lines;
}

const isRoot = process.geteuid?.() === 0;
const SPARSE_BYTES = 20 << 20;
const source = join(temporaryDirectory(), "source");
makeHostileTree(source, { largeDirectory: 100, sparseBytes: SPARSE_BYTES, beyondPathMax: true });

function withTarget(use: (target: string) => void): void {
  const target = temporaryDirectory();
  try {
    use(target);
  } finally {
    removeTree(target);
  }
}

test("every attribute of a hostile tree is extracted", (t) => {
  withTarget((target) => {
    const tree = new DirectoryTree(source);
    const result = extract(tree, target);
    t.is(result.inodes, tree.inodeCount);
    tree.close();
    t.deepEqual(result.warnings, []);
    t.deepEqual(dumpOf(target), dumpOf(source));
  });
});

test("attributes that overlayfs marks its files with are left out and counted, unless they are wanted", (t) => {
  const names = ["user.overlay.opaque", ...(isRoot ? ["trusted.overlay.opaque", "trusted.overlay.overlay.x"] : [])];
  const others = ["user.overlays", "user.other"];
  withTarget((marked) => {
    for (const name of ["file", "dir", "other"]) {
      if (name === "dir") mkdirSync(join(marked, name));
      else writeFileSync(join(marked, name), "x");
      for (const key of name === "other" ? others : [...names, ...others]) {
        lsetxattr(join(marked, name), key, Buffer.from("y"));
      }
    }
    if (isRoot) {
      symlinkSync("file", join(marked, "link"));
      lsetxattr(join(marked, "link"), "trusted.overlay.origin", Buffer.from("y"));
    }
    const expected = dumpOf(marked);
    withTarget((target) => {
      const tree = new DirectoryTree(marked);
      const { warnings } = extract(tree, target);
      t.deepEqual(warnings, [
        {
          what: "overlay attribute",
          loss: "left out",
          count: isRoot ? 3 : 2,
          examples: isRoot ? ["/dir", "/file", "/link"] : ["/dir", "/file"],
          expected: true,
        },
      ]);
      t.deepEqual(
        dumpOf(target),
        expected.map((line) => line.replaceAll(/ (trusted|user)\.overlay\.\S+/g, "")),
      );
      rmSync(target, { recursive: true });
      t.deepEqual(extract(tree, target, { overlayAttributes: true }).warnings, []);
      t.deepEqual(dumpOf(target), expected);
      tree.close();
    });
  });
});

test("leaves holes where the content is zero", (t) => {
  withTarget((target) => {
    extract(new DirectoryTree(source), target);
    const { blocks, size } = statSync(join(target, "sparse"));
    t.is(size, SPARSE_BYTES);
    t.true(blocks * 512 < 100_000, `${blocks} blocks`);
  });
});

test("wants an empty target, and names the option to merge", (t) => {
  withTarget((target) => {
    mkdirSync(join(target, "lost+found"));
    extract(new DirectoryTree(source), target);
    const error = t.throws(() => extract(new DirectoryTree(source), target));
    t.regex(error.message, /not empty.*--force/);
    writeFileSync(join(target, "links/small"), "changed");
    writeFileSync(join(target, "kept"), "");
    t.notThrows(() => extract(new DirectoryTree(source), target, { force: true }));
    t.true(existsSync(join(target, "kept")));
    t.is(readFileSync(join(target, "links/small"), "utf8"), "small");
  });
});

test("never writes through a symbolic link in the target", (t) => {
  withTarget((target) => {
    withTarget((outside) => {
      symlinkSync(outside, join(target, "links"));
      symlinkSync(join(outside, "file"), join(target, "sparse"));
      extract(new DirectoryTree(source), target, { force: true });
      t.deepEqual(readdirSync(outside), []);
      t.true(lstatSync(join(target, "links")).isDirectory());
    });
  });
});

test("a failure names the path and lists what is left", (t) => {
  withTarget((target) => {
    const tree = new DirectoryTree(source);
    tree.read = () => {
      throw new Error("the blob is gone");
    };
    const error = t.throws(() => extract(tree, target));
    t.regex(error.message, /the blob is gone .*left incomplete, with \d+ of \d+ inodes/);
    tree.close();
  });
});

test("a name that would leave the target is not followed", (t) => {
  withTarget((parent) => {
    const target = join(parent, "target");
    mkdirSync(target);
    const tree = new DirectoryTree(source);
    const escaping: Tree = Object.create(tree) as Tree;
    const only = (name: string): TreeEntry[] => [
      { cookie: 1, name: Buffer.from(name), ino: tree.lookup(1, Buffer.from("sparse")) as number, kind: "file" },
    ];
    for (const name of ["../escaped", "/escaped", "..", "a/b"]) {
      Object.assign(escaping, {
        entries: () => only(name),
        attributes: (ino: number) => tree.attributes(ino),
        xattrs: () => [],
      });
      t.throws(() => extract(escaping, target, { force: true }), undefined, name);
    }
    t.deepEqual(readdirSync(parent), ["target"]);
    tree.close();
  });
});
