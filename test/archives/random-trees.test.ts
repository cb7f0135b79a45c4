/** Random trees as archives of other programs: `convert` makes the image that `build` makes of the tree, and so it does of an export. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { AT_FDCWD, lchown, lsetxattr, utimensat } from "@puzzlefs/linux";
import { noise, Random, runSeed } from "@puzzlefs/testing";
import test from "ava";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeImage, type Compression } from "./layered-image.ts";

const scratch = new Scratch();
const lacks = isRoot ? missing("tar", "bsdtar").join(", ") : "root";
const trees = 8;
test.after.always(() => scratch.remove());

/** Bytes that names are made of. bsdtar translates those that are not UTF-8. */
const letters = { "GNU tar": "abcé \n\\-\xff", bsdtar: "abc \n\\-" } as const;
type Writer = keyof typeof letters;

function randomName(random: Random, writer: Writer): Buffer {
  const bytes = Buffer.from(letters[writer], "latin1");
  const length = random.once(6) ? 60 + random.below(190) : 1 + random.below(6);
  return Buffer.from(Array.from({ length }, () => bytes[random.below(bytes.length)] ?? 0x61));
}

/** Fills a directory with files of all kinds. */
function fill(root: string, random: Random, writer: Writer): void {
  const directories = [Buffer.from(root)];
  const files: Buffer[] = [];
  const entries: Buffer[] = [];
  for (let count = 20 + random.below(40); count > 0; count--) {
    const path = Buffer.concat([random.pick(directories), Buffer.from("/"), randomName(random, writer)]);
    try {
      make(path, random, writer, directories, files);
      entries.push(path);
    } catch {
      // A name that exists, or no file for a link.
    }
  }
  for (const path of [Buffer.from(root), ...entries].reverse()) {
    lchown(path, random.below(3_000_000), random.below(70_000));
    const seconds = random.once(5) ? 0 : 1_000_000_000 + random.below(1e9);
    utimensat(AT_FDCWD, path, { seconds, nanoseconds: random.once(2) ? 0 : random.below(1e9) });
  }
}

function make(path: Buffer, random: Random, writer: Writer, directories: Buffer[], files: Buffer[]): void {
  switch (random.below(7)) {
    case 0:
    case 1:
      mkdirSync(path);
      chmodSync(path, random.pick([0o755, 0o700, 0o2770, 0o1777]));
      directories.push(path);
      break;
    case 2:
      symlinkSync(randomName(random, writer), path);
      break;
    case 3:
      linkSync(random.pick(files), path);
      break;
    default: {
      const file = openSync(path, "wx");
      const size = random.pick([0, 10, 511, 512, 513, 20_000, 70_000, 400_000]);
      if (random.once(3)) ftruncateSync(file, size);
      for (let times = random.below(3); times > 0; times--) {
        if (size === 0) break;
        const at = random.below(size);
        writeSync(file, noise(random.bits(), Math.min(size - at, 30_000)), 0, undefined, at);
      }
      closeSync(file);
      chmodSync(path, random.pick([0o644, 0o600, 0o4755]));
      files.push(path);
      if (random.once(3)) lsetxattr(path, "user.random", Buffer.from(random.bytes(1 + random.below(100))));
    }
  }
}

const writers: Record<Writer, readonly string[]> = {
  "GNU tar": ["tar", "--format=posix", "-S", "--numeric-owner", "--xattrs", "--xattrs-include=*"],
  bsdtar: ["bsdtar", "--format=pax", "--no-acls", "--no-fflags", "--xattrs"],
};

/** Digest of the metadata of an image: the tree and its chunks, without the configuration. */
function metadataOf(argv: string[]): string {
  return JSON.parse(run(puzzlefs, argv)).metadata as string;
}

(lacks === "" ? test : test.skip)(`${trees} random trees${lacks && ` (needs ${lacks})`}`, (t) => {
  for (let index = 0; index < trees; index++) {
    const random = new Random(runSeed + index);
    const tree = scratch.directory("tree");
    const writer = random.pick<Writer>(["GNU tar", "bsdtar"]);
    fill(tree, random, writer);
    const store = scratch.fresh("store");
    const options = ["--json", ...(random.once(2) ? ["-c"] : [])];
    const form = (): string[] => (random.once(2) ? ["--packed"] : []);
    const expected = metadataOf(["build", ...options, ...form(), "--mtime", "keep", tree, `${store}:built`]);
    const [program = "", ...argv] = writers[writer];
    const archive = scratch.fresh("archive");
    const { stderr } = attempt(program, [...argv, "-C", tree, "-cf", archive, "."]);
    const compression = random.pick<Compression>(["none", "gzip", "zstd"]);
    const back = (path: string): string => {
      const layout = scratch.directory("layout");
      makeImage(layout, [readFileSync(path)], { compression: [compression] });
      return metadataOf(["convert", ...options, ...form(), `${layout}:image`, `${layout}:converted`]);
    };
    t.is(back(archive), expected, `tree ${index}, ${writer}, ${compression}: ${stderr}`);
    const exported = scratch.fresh("exported");
    run(puzzlefs, ["export", `${store}:built`, exported]);
    t.is(back(exported), expected, `tree ${index}, exported`);
    t.is(spawnSync("bsdtar", ["-tf", exported]).status, 0);
  }
});
