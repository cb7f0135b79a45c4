/** What was written over a mount becomes an image: compared with real overlays, by dump, rsync and a fresh build. */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lgetxattr, llistxattr, lsetxattr } from "@puzzlefs/linux";
import { noise, prose, Random, runSeed } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { backends } from "../posix/backends.ts";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { attempt, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { RandomTree } from "../support/trees/random.ts";

const obstacle = backends.find(({ name }) => name === "FUSE as root")?.obstacle ?? "";
const declare = obstacle === "" ? test.serial : test.serial.skip;
const suffix = obstacle === "" ? "" : ` (needs ${obstacle})`;
const hasRsync = missing("rsync").length === 0;
const scratch = new Scratch();
test.after.always(() => scratch.remove());

/** Attributes of overlayfs that the uppers of all rounds had. */
const met = new Set<string>();

interface Committed {
  manifest: string;
  canonical: boolean;
  newBytes: number;
  packed?: { packs: number; keptPacks: number };
}

/** A layout with an image of a random tree, and a directory for its mounts. */
class Round {
  readonly directory = scratch.directory("round");
  readonly store = this.at("store");
  readonly source = this.at("source");

  constructor(random: Random, options: readonly string[], entries = 50) {
    mkdirSync(this.source);
    for (const name of ["lower", "mnt"]) mkdirSync(this.at(name));
    new RandomTree(this.source, random).fill(entries);
    run(puzzlefs, ["build", ...options, this.source, `${this.store}:v1`]);
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  image(tag: string): string {
    return `${this.store}:${tag}`;
  }

  mountLower(): void {
    run(puzzlefs, ["mount", "--driver", "fuse", "-o", "suid,dev", this.image("v1"), this.at("lower")]);
  }

  mountOverlay(options: string): void {
    for (const name of ["upper", "upper.work"]) mkdirSync(this.at(name), { recursive: true });
    const layers = `lowerdir=${this.at("lower")},upperdir=${this.at("upper")},workdir=${this.at("upper.work")}`;
    run("mount", ["-t", "overlay", "overlay", "-o", `${layers},${options}`, this.at("mnt")]);
  }

  umount(...names: string[]): void {
    for (const name of names) run("umount", [this.at(name)]);
  }

  /** Random changes of what is mounted. Returns what they were. */
  change(seed: number, count: number): string {
    return run(process.execPath, [join(import.meta.dirname, "changes.ts"), this.at("mnt"), `${seed}`, `${count}`]);
  }

  commit(tag: string, ...options: string[]): Committed {
    const output = run(puzzlefs, ["commit", "--json", ...options, this.image("v1"), this.at("upper"), this.image(tag)]);
    return JSON.parse(output) as Committed;
  }

  /** The digest of a fresh image of what is mounted. */
  fresh(...options: string[]): string {
    const store = scratch.fresh("fresh");
    const output = run(puzzlefs, ["build", "--json", ...options, this.at("mnt"), `${store}:t`]);
    return (JSON.parse(output) as { manifest: string }).manifest;
  }

  /** Names of the attributes of overlayfs in the upper directory. */
  marks(directory = this.at("upper")): void {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (lstatSync(path).rdev === 0 && entry.isCharacterDevice()) met.add("whiteout");
      for (const name of llistxattr(path))
        if (/\.overlay\./.test(`${name}`)) met.add(`${name}`.replace(/^.*?overlay\./, ""));
      if (entry.isDirectory()) this.marks(path);
    }
  }
}

/**
 * Links are not compared here: an overlay that is mounted again shows a file of its index with the inode number below until it is looked
 * up. The digest of a build of the first mount has them.
 */
function assertExtracted(t: ExecutionContext, image: string, mounted: string, times: boolean, log: string): void {
  const out = scratch.fresh("extracted");
  run(puzzlefs, ["extract", image, out]);
  if (!hasRsync) return;
  const options = ["-aAXnci", "--delete", ...(times ? [] : ["--no-times"])];
  const differences = run("rsync", [...options, `${mounted}/`, `${out}/`]).split("\n");
  // For devices, `T` is shown without --times too.
  const isTime = (line: string): boolean => !times && /^hD\.\.T\.{6} /.test(line);
  t.deepEqual(
    differences.filter((line) => line !== "" && !isTime(line)),
    [],
    log,
  );
}

const ways = [
  { build: [], rebuild: [] },
  { build: ["-c", "--mtime", "keep"], rebuild: ["-c", "--mtime", "keep"] },
  { build: ["-c", "--level", "9"], rebuild: ["-c", "--level", "9"] },
  { build: ["--chunk-size", "4096:16384:65536"], rebuild: ["--chunk-size", "4096:16384:65536"] },
  { build: ["-c", "--packed"], rebuild: ["-c"] },
];
const overlays = [
  "redirect_dir=on,metacopy=on,index=off",
  "redirect_dir=on,metacopy=off,index=on",
  "redirect_dir=on,metacopy=on,index=on",
];

const MOST_TRIES = 5;

/**
 * Runs `body` again if an overlay returned ESTALE: since Linux 6.16 one that was not mounted by puzzlefs does so for changed files that
 * the kernel has forgotten, as when caches are dropped.
 */
function untilFresh(body: () => void): void {
  for (let tries = MOST_TRIES; ; tries--) {
    try {
      body();
      return;
    } catch (error) {
      if (tries === 1 || !/stale file handle/i.test(String(error))) throw error;
    }
  }
}

for (let round = 0; round < 15; round++) {
  const seed = runSeed + 100 * round;
  const overlayRound = (t: ExecutionContext): void => {
    const random = new Random(seed);
    const way = ways[round % ways.length]!;
    const options = overlays[round % overlays.length]!;
    const { build, rebuild } = way;
    const made = new Round(random, build);
    made.mountLower();
    made.mountOverlay(options);
    const log = `${options}\n${made.change(seed, 30)}`;
    const expected = dumpDirectory(made.at("mnt"), "--no-times");
    const fresh = made.fresh(...rebuild);
    // Times, and the form, are the image's.
    const cutting = build.filter((word) => !["--mtime", "keep", "--packed"].includes(word));
    const refused = attempt(puzzlefs, ["commit", made.image("v1"), made.at("upper"), made.image("v2")]);
    t.is(refused.status, 1);
    t.regex(refused.stderr, /uses it/);
    made.umount("mnt");
    made.marks();
    const before = dumpDirectory(made.at("upper"));
    const committed = made.commit("v2", ...cutting);
    t.is(dumpDirectory(made.at("upper")), before, "the upper directory is only read");
    assertSameText(t, withoutLinks(dumpImage(made.image("v2"), "--no-times")), withoutLinks(expected), log);
    t.true(committed.canonical);
    t.is(committed.packed !== undefined, build.includes("--packed"));
    made.mountOverlay(options);
    assertExtracted(t, made.image("v2"), made.at("mnt"), build.includes("keep"), log);
    t.is(committed.manifest, fresh, log);
    if (build.includes("keep"))
      assertSameText(t, withoutLinks(dumpImage(made.image("v2"))), withoutLinks(dumpDirectory(made.at("mnt"))), log);
    run(puzzlefs, ["verify", made.image("v2")]);
    made.umount("mnt", "lower");
  };
  declare(`an overlay over a FUSE mount, seed ${seed}${suffix}`, (t) => untilFresh(() => overlayRound(t)));
}

declare(`mount --persist, commit, and mount the result${suffix}`, (t) => {
  for (let round = 0; round < 4; round++) {
    const seed = runSeed + 10_000 + round;
    const made = new Round(new Random(seed), ["-c", "--mtime", "keep"]);
    let log = "";
    for (const mounting of [1, 2]) {
      run(puzzlefs, ["mount", "--driver", "fuse", "--persist", made.at("upper"), made.image("v1"), made.at("mnt")]);
      log += made.change(seed * 10 + mounting, 15);
      const expected = dumpDirectory(made.at("mnt"));
      const refused = attempt(puzzlefs, ["commit", made.image("v1"), made.at("upper"), made.image("v2")]);
      t.is(refused.status, 1);
      t.regex(refused.stderr, /uses it/);
      run(puzzlefs, ["umount", made.at("mnt")]);
      const { canonical } = made.commit("v2");
      t.true(canonical);
      assertSameText(t, withoutLinks(dumpImage(made.image("v2"))), withoutLinks(expected), log);
    }
    run(puzzlefs, ["mount", "--driver", "fuse", made.image("v2"), made.at("mnt")]);
    assertSameText(t, dumpDirectory(made.at("mnt")), dumpImage(made.image("v2")), log);
    run(puzzlefs, ["umount", made.at("mnt")]);
    // A tag of another image: a warning, or a refusal where hard links were changed.
    run(puzzlefs, ["build", "-c", made.source, made.image("v1")]);
    const other = attempt(puzzlefs, ["commit", made.image("v1"), made.at("upper"), made.image("v3")]);
    t.regex(other.stderr, /changes of another image/, log);
  }
});

/**
 * A dump without link counts and first paths. With an index, overlayfs counts that as a link too; where it cannot open files below by
 * handle, it shows a file that was copied up and linked then as two, one of which has the inode number below. Digests of builds have the links.
 */
function withoutLinks(dump: string): string {
  return dump.replace(/^((?:\S+ ){6})\S+ (\S+ \S+) \S+ /gm, "$1$2 ");
}

declare(`of three names of a file one is removed, or changed: the others stay one file${suffix}`, (t) => {
  for (const change of ["rm mnt/a", "chmod 600 mnt/b", "echo more >> mnt/c", "mv mnt/a mnt/d"]) {
    const made = new Round(new Random(), [], 0);
    const script = `echo content > source/a; ln source/a source/b; ln source/a source/c; ln -s target source/e; ln source/e source/f; ln source/e source/g
      mknod source/x c 1 3; ln source/x source/y; ln source/x source/z
      puzzlefs build source store:v1 > build.log
      puzzlefs mount --driver fuse --persist upper store:v1 mnt
      ${change}; rm mnt/f mnt/y
      puzzlefs umount mnt`;
    run("sh", ["-ec", script.replaceAll("puzzlefs ", `${puzzlefs} `)], { cwd: made.directory });
    made.commit("v2");
    const links = dumpImage(made.image("v2"), "--no-times").split("\n").slice(1, -1);
    t.deepEqual(
      links.map((line) => line.split(" ")[6]),
      change.startsWith("rm") ? ["2", "2", "2", "2", "2", "2"] : ["3", "3", "3", "2", "2", "2", "2"],
      change,
    );
  }
});

declare(`over a packed image: a packed one with its packs, a loose one, and packs of its own${suffix}`, (t) => {
  const made = new Round(new Random(), ["-c", "--packed"]);
  run(puzzlefs, ["mount", "--driver", "fuse", "--persist", made.at("upper"), made.image("v1"), made.at("mnt")]);
  const log = made.change(runSeed, 15);
  const fresh = made.fresh("-c");
  run(puzzlefs, ["umount", made.at("mnt")]);
  const argv = ["commit", "--json", made.image("v1"), made.at("upper"), made.image("v2")];
  const { status, stdout, stderr } = attempt(puzzlefs, argv);
  t.deepEqual([status, stderr], [0, ""], log);
  const { manifest, packed } = JSON.parse(stdout) as Committed;
  t.is(manifest, fresh, log);
  t.true(packed !== undefined);
  const loose = made.commit("v3", "--no-packed");
  t.deepEqual([loose.manifest, loose.packed], [fresh, undefined], log);
  const independent = made.commit("v4", "--independent");
  t.deepEqual([independent.manifest, independent.packed?.keptPacks], [fresh, 0], log);
  const expected = dumpImage(made.image("v2"));
  for (const tag of ["v3", "v4"]) assertSameText(t, dumpImage(made.image(tag)), expected, tag);
  t.regex(run(puzzlefs, ["verify", made.store]), /: good\n$/);
});

declare(`in a user namespace, with userxattr${suffix}`, (t) => {
  for (let round = 0; round < 4; round++) {
    const seed = runSeed + 20_000 + round;
    const form = round % 2 === 0 ? [] : ["-c", "--packed"];
    const made = new Round(new Random(seed), ["--mtime", "keep", ...form], 30);
    // What the namespace does not map cannot be copied up.
    run("chown", ["-R", "0:0", made.source]);
    run(puzzlefs, ["build", "--mtime", "keep", ...form, made.source, made.image("v1")]);
    const changes = join(import.meta.dirname, "changes.ts");
    const script = `
      puzzlefs mount --persist upper store:v1 mnt
      node ${changes} mnt ${seed} 25 > log
      puzzlefs dump --directory mnt > expected
      puzzlefs umount mnt
      puzzlefs commit store:v1 upper store:v2`;
    const commands = script.replaceAll("puzzlefs ", `${puzzlefs} `).replaceAll("node ", `${process.execPath} `);
    const namespaces = ["--user", "--map-root-user", "--mount"];
    const result = attempt("unshare", [...namespaces, "sh", "-ec", commands], { cwd: made.directory });
    t.is(result.status, 0, result.stderr);
    const log = readFileSync(made.at("log"), "utf8");
    const expected = readFileSync(made.at("expected"), "latin1");
    assertSameText(t, withoutLinks(dumpImage(made.image("v2"))), withoutLinks(expected), log);
    // The same directory for root, with the kind of attributes named.
    made.commit("v3", "--userxattr");
    assertSameText(t, dumpImage(made.image("v3")), dumpImage(made.image("v2")), log);
    made.marks();
  }
});

declare(`the rounds met every attribute of overlayfs that matters${suffix}`, (t) => {
  for (const mark of ["whiteout", "opaque", "redirect", "metacopy", "nlink", "origin"]) t.true(met.has(mark), mark);
});

/** An upper directory written by hand. */
function byHand(change: (upper: string) => void, options: readonly string[] = ["-c"]): Round {
  const made = new Round(new Random(1), options, 0);
  const files: Record<string, Uint8Array> = {
    "d/one": prose(1, 3000),
    "d/two": prose(2, 4000),
    "e/three": noise(3, 100_000),
    "f/deep/four": noise(4, 50_000),
    last: prose(5, 100),
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(made.source, name, ".."), { recursive: true });
    writeFileSync(join(made.source, name), content);
  }
  run(puzzlefs, ["build", ...options, made.source, made.image("v1")]);
  mkdirSync(made.at("upper"));
  change(made.at("upper"));
  return made;
}

const listed = (made: Round, tag = "v2"): string[] =>
  run(puzzlefs, ["ls", "-R", made.image(tag)])
    .split("\n")
    .filter((line) => line !== "");

declare(`whiteouts by attribute, in directories that are marked and not, in both namespaces${suffix}`, (t) => {
  for (const prefix of ["trusted.overlay.", "user.overlay."]) {
    const whiteout = (path: string): void => {
      writeFileSync(path, "");
      lsetxattr(path, `${prefix}whiteout`, Buffer.from(""));
    };
    const made = byHand((upper) => {
      mkdirSync(join(upper, "d"));
      whiteout(join(upper, "d/one"));
      lsetxattr(join(upper, "d"), `${prefix}opaque`, Buffer.from("x"));
      whiteout(join(upper, "e"));
      mkdirSync(join(upper, "f"));
      lsetxattr(join(upper, "f"), `${prefix}opaque`, Buffer.from("y"));
      writeFileSync(join(upper, "f/new"), "new");
      // Not empty, so no whiteout; and an attribute that the user of the overlay had set.
      writeFileSync(join(upper, "last"), "last");
      lsetxattr(join(upper, "last"), `${prefix}whiteout`, Buffer.from(""));
      lsetxattr(join(upper, "last"), `${prefix}overlay.opaque`, Buffer.from("own"));
    });
    made.commit("v2", ...(prefix.startsWith("user") ? ["--userxattr"] : []));
    const names = listed(made).join(" ");
    t.regex(names, /two/);
    t.regex(names, /new/);
    t.notRegex(names, /one|three|deep|four/);
    const out = scratch.fresh("out");
    run(puzzlefs, ["extract", "--overlay-attributes", made.image("v2"), out]);
    t.deepEqual(llistxattr(join(out, "last")).map(String), [`${prefix}opaque`]);
    t.is(String(lgetxattr(join(out, "last"), `${prefix}opaque`)), "own");
  }
});

declare(`what no overlay makes is refused${suffix}`, (t) => {
  const refused: Record<string, [(upper: string) => void, RegExp]> = {
    "a directory that is shown twice": [
      (upper) => {
        mkdirSync(join(upper, "copy"));
        lsetxattr(join(upper, "copy"), "trusted.overlay.redirect", Buffer.from("/d"));
      },
      /\/(copy|d): it shows a directory of the image that another one shows too/,
    ],
    "the root": [
      (upper) => {
        mkdirSync(join(upper, "root"));
        lsetxattr(join(upper, "root"), "trusted.overlay.redirect", Buffer.from("/"));
      },
      /\/root: it shows a directory of the image/,
    ],
    "a file without content below": [
      (upper) => {
        writeFileSync(join(upper, "new"), "");
        lsetxattr(join(upper, "new"), "trusted.overlay.metacopy", Buffer.from(""));
      },
      /\/new: the image below does not have the file/,
    ],
  };
  for (const [what, [change, message]] of Object.entries(refused)) {
    const made = byHand(change);
    const { status, stderr } = attempt(puzzlefs, ["commit", made.image("v1"), made.at("upper"), made.image("v2")]);
    t.is(status, 1, what);
    t.regex(stderr, message, what);
    t.is(attempt(puzzlefs, ["ls", made.image("v2")]).status, 1);
  }
  const made = byHand(() => {});
  const other = made.at("other");
  const elsewhere = attempt(puzzlefs, ["commit", made.image("v1"), made.at("upper"), `${other}:v2`]);
  t.not(elsewhere.status, 0);
  const absent = attempt(puzzlefs, ["commit", made.image("v1"), made.at("absent"), made.image("v2")]);
  t.is(absent.status, 1);
});

declare(`redirects that lead nowhere, and renamed directories inside of renamed ones${suffix}`, (t) => {
  const made = byHand((upper) => {
    mkdirSync(join(upper, "g/inner"), { recursive: true });
    lsetxattr(join(upper, "g"), "trusted.overlay.redirect", Buffer.from("f"));
    lsetxattr(join(upper, "g/inner"), "trusted.overlay.redirect", Buffer.from("deep"));
    for (const name of ["f", "g/deep"]) run("mknod", [join(upper, name), "c", "0", "0"]);
    mkdirSync(join(upper, "h"));
    lsetxattr(join(upper, "h"), "trusted.overlay.redirect", Buffer.from("/no/such"));
    mkdirSync(join(upper, "i"));
    lsetxattr(join(upper, "i"), "trusted.overlay.redirect", Buffer.from("../d"));
  });
  made.commit("v2");
  const dump = dumpImage(made.image("v2"), "--no-times");
  t.regex(dump, /^\/g\/inner\/four file/m);
  t.notRegex(dump, /^\/f|^\/[hi]\//m);
});

declare(`content that is not changed is not read${suffix}`, (t) => {
  for (const options of [["-c"], []]) {
    const made = byHand((upper) => {
      mkdirSync(join(upper, "e"));
      writeFileSync(join(upper, "e/new"), noise(9, 80_000));
      chmodSync(join(upper, "e"), 0o700);
    }, options);
    const blobs = join(made.store, "blobs/sha256");
    const before = readdirSync(blobs);
    // Other bytes, the same sizes: only a reader notices.
    const manifest = (JSON.parse(run(puzzlefs, ["inspect", "--json", made.image("v1")])) as { manifest: string })
      .manifest;
    const text = JSON.parse(readFileSync(join(blobs, manifest), "utf8")) as {
      layers: { mediaType: string; digest: string }[];
    };
    const chunks = text.layers
      .filter(({ mediaType }) => mediaType.includes("filedata"))
      .map(({ digest }) => digest.slice(7));
    const saved = chunks.map((name) => readFileSync(join(blobs, name)));
    chunks.forEach((name, index) => writeFileSync(join(blobs, name), Buffer.alloc(saved[index]!.length, "x")));
    const { newBytes } = made.commit("v2");
    t.true(newBytes <= 81_000, `${newBytes}`);
    chunks.forEach((name, index) => writeFileSync(join(blobs, name), saved[index]!));
    run(puzzlefs, ["verify", made.image("v2")]);
    t.true(readdirSync(blobs).length <= before.length + 5);
    // A small file beside others is read together with them, and damage is then noticed.
    writeFileSync(join(made.at("upper"), "a"), "small");
    chunks.forEach((name, index) => writeFileSync(join(blobs, name), Buffer.alloc(saved[index]!.length, "x")));
    t.is(attempt(puzzlefs, ["commit", made.image("v1"), made.at("upper"), made.image("v3")]).status, 3);
  }
});

declare(`a packed base keeps its packs, and what was written is added${suffix}`, (t) => {
  const made = byHand(
    (upper) => {
      mkdirSync(join(upper, "e"));
      writeFileSync(join(upper, "e/new"), noise(9, 80_000));
    },
    ["-c", "--packed"],
  );
  const blobs = (): string[] => readdirSync(join(made.store, "blobs/sha256"));
  const before = blobs().length;
  const { packed, newBytes } = made.commit("v2");
  t.deepEqual([packed?.packs, packed?.keptPacks], [2, 1]);
  t.true(newBytes < 81_000, `${newBytes}`);
  t.is(blobs().length - before, 5, "pack, bundle, manifest, and two documents for other tools");
  t.regex(run(puzzlefs, ["verify", made.store]), /: good\n$/);
});

declare(`a base that is cut in another way keeps its chunks, and canonicalize makes the fresh image${suffix}`, (t) => {
  for (const cutting of [
    ["--chunking", "stream"],
    ["-c", "--chunking", "stream", "--frame-size", "4096"],
  ]) {
    const made = byHand((upper) => {
      mkdirSync(join(upper, "d"));
      writeFileSync(join(upper, "d/one"), "changed");
    }, cutting);
    const { canonical, newBytes } = made.commit("v2");
    t.false(canonical);
    t.true(newBytes < 100, `${newBytes}`);
    run(puzzlefs, ["verify", made.image("v2")]);
    writeFileSync(join(made.source, "d/one"), "changed");
    assertSameText(t, dumpImage(made.image("v2"), "--no-times"), dumpDirectory(made.source, "--no-times"), "tree");
    const made2 = JSON.parse(run(puzzlefs, ["canonicalize", "--json", made.image("v2")])) as { manifest: string };
    const store = scratch.fresh("fresh");
    const rebuilt = run(puzzlefs, [
      "build",
      "--json",
      ...cutting.filter((word) => word === "-c"),
      made.source,
      `${store}:t`,
    ]);
    t.is(made2.manifest, (JSON.parse(rebuilt) as { manifest: string }).manifest);
  }
});
