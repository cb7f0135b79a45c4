import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { lchownSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { Random } from "@puzzlefs/testing";
import test from "ava";

import { build } from "./build.ts";
import { readSource } from "./read-source.ts";
import { BuildError } from "./errors.ts";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { blobsOf, completed, makeTree } from "./tree-fixture.ts";
import { Omissions } from "./omissions.ts";
import { FreshNumbering } from "./tree-node.ts";
import { DirectorySource } from "./directory-source.ts";
import type { ContentSink } from "./source.ts";
import { XattrPolicy } from "./xattrs.ts";

/** Others work in a tree while it is built: what is outside the tree never gets into the image. */

const isRoot = process.geteuid?.() === 0;
const canary = "CANARY";

/** A directory with the same names as the tree's, whose files' content, names and attributes are all the canary's. */
function outside(): string {
  return makeTree(
    Object.fromEntries(
      ["", "d/", "d/e/", "d/e/g/"].flatMap((at) => [`${at}f`, `${at}${canary}`]).map((name) => [name, canary]),
    ),
  );
}

/** Walks a tree and reads its files. `during` is called with a file's path in the tree before it is read. */
function walkAndRead(rootfs: string, during: (path: string) => void): string {
  const seen: string[] = [];
  const memory = new Uint8Array(new SharedArrayBuffer(1 << 20));
  const sink: ContentSink = {
    memory,
    reserve: () => ({ address: 0, room: memory.length }),
    advance: (count: number) => void seen.push(Buffer.from(memory.slice(0, count)).toString("latin1")),
    hole: () => {},
  };
  const omissions = new Omissions();
  const source = new DirectorySource(rootfs, { crossing: "subvolumes", written: new Set() });
  const nodes = completed(
    readSource(source, {
      mtime: { kind: "zero" },
      omissions,
      xattrs: new XattrPolicy(false, omissions),
      numbering: new FreshNumbering(),
      addFile: (node, file) => {
        during(file.path.slice(rootfs.length + 1));
        return node.size > 0 ? file.content(sink) : [];
      },
    }),
  );
  return seen.join() + JSON.stringify(nodes.map(({ entries }) => entries));
}

type Swap = (path: string, elsewhere: string) => void;

/** What is done to a name whose directory has been listed. `elsewhere` has what the name has, with the canary in it. */
const swaps: Record<string, Swap> = {
  "a symbolic link out": (path, elsewhere) => symlinkSync(elsewhere, path),
  "a relative symbolic link": (path, elsewhere) => symlinkSync(`../../../../../..${elsewhere}`, path),
  "a symbolic link by /proc": (path, elsewhere) => symlinkSync(`/proc/self/root${elsewhere}`, path),
  "a fifo": (path) => execFileSync("mkfifo", [path]),
  "another's directory or file": (path, elsewhere) => execFileSync("cp", ["-a", elsewhere, path]),
  nothing: () => {},
  ...(isRoot && { "a device": (path: string) => execFileSync("mknod", [path, "c", "1", "5"]) }),
};

/** Names, and the file at which each has been found but not been opened yet. */
const moments = { d: "z", "d/e": "d/z", "d/e/g": "d/e/z", f: "f", "d/f": "d/f", "d/e/g/f": "d/e/g/f" };
const victims = { "d/e/g/f": "inner", "d/f": "inner", f: "inner", "d/e/z": "", "d/z": "", z: "" };

for (const [what, swap] of Object.entries(swaps)) {
  for (const [victim, moment] of Object.entries(moments)) {
    test(`${victim} is swapped for ${what} after it was found: an error that names it`, (t) => {
      const rootfs = makeTree(victims);
      const elsewhere = join(outside(), victim);
      const walk = (): string =>
        walkAndRead(rootfs, (path) => {
          if (path !== moment) return;
          renameSync(join(rootfs, victim), join(rootfs, "d.old"));
          swap(join(rootfs, victim), elsewhere);
        });
      const error = t.throws(walk, { instanceOf: BuildError });
      t.is(error?.path, join(rootfs, victim));
    });
  }
}

test("a directory on the way is swapped while the walk is below it: the walk goes on in the one that it is in", (t) => {
  for (const [what, swap] of Object.entries(swaps)) {
    for (const victim of ["d", "d/e"]) {
      const rootfs = makeTree({ ...victims, "d/e/h/f": "inner too", "d/e/h/i/f": "and deeper" });
      const elsewhere = join(outside(), victim);
      const content = walkAndRead(rootfs, (path) => {
        if (path !== "d/e/g/f") return;
        renameSync(join(rootfs, victim), join(rootfs, "d.old"));
        swap(join(rootfs, victim), elsewhere);
      });
      t.notRegex(content, /CANARY/, what);
      t.regex(content, /inner too.*and deeper/, what);
    }
  }
});

test("a rootfs that is another's link is not followed; root's and the caller's are", async (t) => {
  const rootfs = makeTree({ f: "inner" });
  const links = temporaryDirectory();
  symlinkSync(rootfs, join(links, "ours"));
  t.regex(
    walkAndRead(join(links, "ours"), () => {}),
    /inner/,
  );
  if (!isRoot) return;
  lchownSync(join(links, "ours"), 65534, 65534);
  const error = t.throws(() => walkAndRead(join(links, "ours"), () => {}), { instanceOf: BuildError });
  t.regex(error?.message ?? "", /ours: .*symbolic link of another user's/);
});

/** Renames, links and removes in `tree` at random until its input ends, never beyond a symbolic link. */
const neighbour = `
  const fs = require("node:fs");
  const [tree, outside, seed] = process.argv.slice(1);
  let state = Number(seed);
  const random = (below) => ((state = (state * 48271) % 2147483647) >> 8) % below;
  const names = ["d", "f", "d/e", "d/f", "d/e/g", "d/e/f", "d/e/g/f"];
  const isReal = (path) => path === tree || (fs.lstatSync(path).isDirectory() && isReal(path.slice(0, path.lastIndexOf("/"))));
  const isDirectory = (name) => !name.endsWith("f");
  const actions = [
    (path, name) => fs.renameSync(path, tree + "/" + names[random(names.length)]),
    (path, name) => fs.rmSync(path, { recursive: true }),
    (path, name) => fs.symlinkSync(outside + "/" + name, path),
    (path, name) => (fs.rmSync(path, { recursive: true, force: true }), fs.symlinkSync(outside + "/" + name, path)),
    (path, name) => fs.renameSync(path, tree + "/old" + random(3)),
    ...Array(4).fill((path, name) => {
      if (isDirectory(name)) fs.mkdirSync(path);
      else fs.writeFileSync(path, "inner".repeat(1 + random(9000)), { flag: "wx" });
    }),
  ];
  let turns = 0;
  process.stdin.on("end", () => (console.log(turns), process.exit()));
  process.stdin.resume();
  (function turn() {
    for (let i = 0; i < 50; i++, turns++) {
      const name = names[random(names.length)];
      const path = tree + "/" + name;
      try {
        if (isReal(path.slice(0, path.lastIndexOf("/")))) actions[random(actions.length)](path, name);
      } catch {}
    }
    setImmediate(turn);
  })();
`;

test("a neighbour changes the tree at random during builds: each ends with an image or a BuildError", async (t) => {
  const rootfs = makeTree({ "d/e/f": "inner", f: "inner" });
  const ociDir = temporaryDirectory();
  const child = spawn(process.execPath, ["-e", neighbour, rootfs, outside(), `${new Random().below(1_000_000) + 1}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (text) => (printed += text));
  const counts = { images: 0, errors: 0 };
  for (let round = 0; round < 300; round++) {
    try {
      await build({ rootfs, ociDir, tag: "t", jobs: 1 });
      counts.images++;
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      t.true(error.path.startsWith(rootfs), error.message);
      counts.errors++;
    }
    await setImmediate();
  }
  child.stdin.end();
  await once(child, "close");
  t.log(`${printed.trim()} changes, ${counts.images} images, ${counts.errors} errors`);
  for (const name of blobsOf(ociDir)) {
    t.false(readFileSync(join(ociDir, "blobs/sha256", name)).includes(canary), name);
  }
});
