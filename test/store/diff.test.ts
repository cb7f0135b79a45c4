import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { AT_FDCWD, lsetxattr, makedev, mknodat } from "@puzzlefs/linux";
import { noise, Random, runSeed } from "@puzzlefs/testing";
import { dumpImage } from "../support/compare.ts";
import { build } from "../support/images.ts";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { changeTree, replaceHardLink } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { makeSmallTree } from "../support/trees/small.ts";

/** `puzzlefs diff` against a comparison of two dumps, and against rsync. */

const scratch = new Scratch();
const lacks = missing("rsync");
const random = new Random();
const ROUNDS = 8;
const EDITS = 12;

test.after.always(() => scratch.remove());

/** A line of `diff --json`. */
interface Difference {
  path: string;
  before: string | null;
  after: string | null;
  changed: string[];
  linkedTo: string | null;
}

function diff(t: ExecutionContext, a: string, b: string, ...options: string[]): Difference[] {
  const { status, stdout, stderr } = attempt(puzzlefs, ["diff", "--json", ...options, a, b]);
  t.is(stderr, "");
  const { differences } = JSON.parse(stdout) as { differences: Difference[] };
  t.is(status, differences.length > 0 ? 1 : 0);
  return differences;
}

/** A line of a dump. */
interface Line {
  path: string;
  kind: string;
  first: string;
  /** By the names that diff has for them. */
  aspects: Record<string, string>;
}

function parseDump(text: string): Map<string, Line> {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line): [string, Line] => {
      const [path, kind, mode, uid, gid, , , device, mtime, first, target, sha256, ...xattrs] = line.split(" ") as [
        string,
        string,
        ...string[],
      ];
      const aspects = {
        content: sha256,
        target,
        device,
        mode,
        owner: `${uid}:${gid}`,
        mtime,
        xattrs: xattrs.join(" "),
      } as Record<string, string>;
      return [path, { path, kind, first: first === "-" ? path : (first as string), aspects }];
    });
  return new Map(lines);
}

const OF_TYPE = ["content", "target", "device"];

/** The same from two dumps. */
function differencesOf(a: Map<string, Line>, b: Map<string, Line>): Difference[] {
  const paths = [...new Set([...a.keys(), ...b.keys()])];
  const common = paths.filter((path) => a.has(path) && b.has(path));
  /** The first common name of the inode of a path. */
  const firstOf = (lines: Map<string, Line>, path: string): string | undefined =>
    common.find((other) => lines.get(other)?.first === lines.get(path)?.first);
  return paths.flatMap((path): Difference[] => {
    const [one, other] = [a.get(path), b.get(path)];
    const linkedTo = one === undefined && other?.first !== path ? (other?.first ?? null) : null;
    const kinds = { path, before: one?.kind ?? null, after: other?.kind ?? null };
    if (one === undefined || other === undefined) return [{ ...kinds, changed: [], linkedTo }];
    const isSameType = one.kind === other.kind;
    const changed = [
      ...(isSameType ? [] : ["type"]),
      ...Object.keys(one.aspects).filter(
        (aspect) => one.aspects[aspect] !== other.aspects[aspect] && (isSameType || !OF_TYPE.includes(aspect)),
      ),
      ...(firstOf(a, path) === firstOf(b, path) ? [] : ["links"]),
    ];
    return changed.length === 0 ? [] : [{ ...kinds, changed, linkedTo: null }];
  });
}

const byPath = (differences: Difference[]): Difference[] => differences.toSorted((a, b) => (a.path < b.path ? -1 : 1));

function compare(t: ExecutionContext, a: string, b: string, what: string): Difference[] {
  const found = diff(t, a, b);
  const expected = differencesOf(parseDump(dumpImage(a)), parseDump(dumpImage(b)));
  t.deepEqual(byPath(found), byPath(expected), what);
  return found;
}

/** Everything in a tree, the root left out. */
function names(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).toSorted();
}

/** Changes of one kind each, at a random path. They may do nothing. */
const EDITS_OF: Record<string, (root: string, path: string) => void> = {
  "same size": (_, path) => {
    const bytes = readFileSync(path);
    if (bytes.length === 0) return;
    const at = random.below(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(path, bytes);
  },
  append: (_, path) => appendFileSync(path, "more"),
  truncate: (_, path) => truncateSync(path, random.below(1000)),
  rewrite: (_, path) => writeFileSync(path, readFileSync(path)),
  mode: (_, path) => chmodSync(path, random.below(0o10000)),
  owner: (_, path) => chownSync(path, random.below(3), random.below(3)),
  mtime: (_, path) => utimesSync(path, 1, random.below(1e9)),
  xattr: (_, path) => lsetxattr(Buffer.from(path), "user.edited", random.bytes(random.below(20))),
  remove: (_, path) => rmSync(path, { recursive: true }),
  rename: (_, path) => renameSync(path, `${path}.renamed`),
  "new file": (_, path) => writeFileSync(join(dirname(path), `new${random.below(9)}`), noise(random.below(99), 5000)),
  "new directory": (_, path) =>
    mkdirSync(join(dirname(path), `directory${random.below(9)}`, "below"), { recursive: true }),
  link: (_, path) => linkSync(path, join(dirname(path), `link${random.below(9)}`)),
  "copy of a link": (_, path) => {
    const bytes = readFileSync(path);
    rmSync(path);
    writeFileSync(path, bytes);
  },
  target: (_, path) => {
    rmSync(path);
    symlinkSync(`elsewhere${random.below(3)}`, path);
  },
  "a directory instead": (_, path) => {
    rmSync(path, { recursive: true });
    mkdirSync(join(path, "below"), { recursive: true });
  },
  device: (_, path) => {
    rmSync(path);
    mknodat(AT_FDCWD, path, 0o020644, makedev(1, random.below(9)));
  },
};

function edit(root: string): void {
  for (let left = EDITS; left > 0; left--) {
    const all = names(root);
    const path = join(root, random.pick(all));
    const kind = random.pick(Object.keys(EDITS_OF));
    const { mode } = lstatSync(path);
    // A device of the machine must not be written to.
    if ((mode & 0o170000) === 0o020000 && kind !== "remove") continue;
    if ((mode & 0o170000) === 0o010000 && kind !== "remove" && kind !== "link") continue;
    try {
      EDITS_OF[kind]?.(root, path);
    } catch (error) {
      // Of the wrong type, or there already; a permission that an ordinary user lacks.
      if (!(error instanceof Error) || !("code" in error)) throw error;
    }
  }
}

/** What rsync would copy and delete, by path; without hard links, which it reports in its own way. */
function rsync(from: string, to: string): Map<string, string> {
  const options = ["-aAXnc", "--delete", "--modify-window=-1", "--out-format=%i %n"];
  const lines = run("rsync", [...options, `${to}/`, `${from}/`]);
  return new Map(
    lines
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [, flags = "", name = ""] = /^(\S+) +(.*?)\/?$/.exec(line) ?? [];
        return [name === "." ? "/" : `/${name.replaceAll(" ", "\\x20")}`, flags];
      }),
  );
}

/** The letter of rsync's flags for an aspect. */
const FLAGS: Record<string, RegExp> = {
  content: /^.fc/,
  mtime: /^..[^.]*.?.?[tT]/,
  mode: /^.{5}p/,
  owner: /^.{6}(o|.g)/,
};

test(`random edits: diff finds what a comparison of dumps finds, and rsync (seed ${runSeed})`, (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const [before, after] = [scratch.fresh("before"), scratch.fresh("after")];
    makeSmallTree(before);
    run("cp", ["-a", before, after]);
    edit(after);
    const [store, other] = [scratch.fresh("store"), scratch.fresh("store")];
    build(before, `${store}:a`, "-c", "--mtime", "keep");
    build(after, `${store}:b`, "-c", "--mtime", "keep", ...(random.once(2) ? ["-b", "a"] : []));
    build(after, `${other}:b`, "--mtime", "keep", "--chunk-size", "1024:2048:4096");
    const found = compare(t, `${store}:a`, `${store}:b`, `round ${round}`);
    t.deepEqual(diff(t, `${store}:a`, `${other}:b`), found, "other chunks in another layout");
    t.deepEqual(diff(t, `${store}:b`, `${other}:b`), []);
    if (lacks.length > 0) continue;
    const theirs = rsync(before, after);
    const ours = found.filter(
      ({ changed, before: a, after: b }) => changed.join() !== "links" || a === null || b === null,
    );
    t.deepEqual(ours.map(({ path }) => path).toSorted(), [...theirs.keys()].toSorted(), `rsync, round ${round}`);
    for (const { path, before: a, after: b, changed } of ours) {
      const flags = theirs.get(path) ?? "";
      if (a !== b || flags.includes("+")) continue;
      for (const [aspect, flag] of Object.entries(FLAGS))
        t.is(changed.includes(aspect), flag.test(flags), `${aspect} of ${path}: ${flags}`);
    }
  }
});

test("a hostile tree and its next version", (t) => {
  const [before, after] = [scratch.fresh("before"), scratch.fresh("after")];
  makeHostileTree(before, { largeDirectory: 100, sparseBytes: 3_000_000 });
  run("cp", ["-a", before, after]);
  changeTree(after);
  if (isRoot) replaceHardLink(after);
  const store = scratch.fresh("store");
  build(before, `${store}:a`, "--mtime", "keep");
  build(after, `${store}:b`, "--mtime", "keep", "-b", "a");
  const found = compare(t, `${store}:a`, `${store}:b`, "hostile");
  t.true(found.length > 10);
  t.deepEqual(diff(t, `${store}:a`, `${store}:a`), []);
  const back = compare(t, `${store}:b`, `${store}:a`, "back");
  t.deepEqual(
    byPath(back).map(({ path }) => path),
    byPath(found).map(({ path }) => path),
  );
  t.deepEqual(diff(t, `${store}:a`, `${store}:b`, "--no-times").length < found.length, true);
});

test("text output: a line for each path, and the sums; exit codes are those of diff(1)", (t) => {
  const root = scratch.directory("text");
  const store = scratch.fresh("store");
  writeFileSync(join(root, "a file\n"), "one");
  symlinkSync("target", join(root, "removed"));
  writeFileSync(join(root, "type"), "");
  build(root, `${store}:a`);
  writeFileSync(join(root, "a file\n"), "two");
  rmSync(join(root, "removed"));
  rmSync(join(root, "type"));
  mkdirSync(join(root, "type"));
  linkSync(join(root, "a file\n"), join(root, "z"));
  build(root, `${store}:b`);
  const { status, stdout } = attempt(puzzlefs, ["diff", `${store}:a`, `${store}:b`]);
  t.is(status, 1);
  const lines = stdout.split("\n");
  t.deepEqual(lines.slice(0, 4), [
    "~ file /a\\x20file\\x0a content",
    "- lnk /removed",
    "~ file>dir /type type,mode",
    "+ file /z => /a\\x20file\\x0a",
  ]);
  t.regex(
    lines[4] ?? "",
    /^# 1 added, 1 removed, 2 changed; [\d.]+ k?B in 3 blobs new, [\d.]+ k?B in 3 blobs gone, 2 B in 1 blob shared$/,
  );
  t.is(lines.length, 6);
  const same = attempt(puzzlefs, ["diff", `${store}:a`, `${store}:a`]);
  t.is(same.status, 0);
  t.regex(same.stdout, /^# the same tree; 0 B in 0 blobs new, .*\n$/);
  for (const images of [[`${store}:a`, `${store}:none`], [`${store}:a`], [`${root}:a`, `${store}:a`]]) {
    const failed = attempt(puzzlefs, ["diff", ...images]);
    t.is(failed.status, 2, images.join(" "));
    t.true(failed.stderr.startsWith("puzzlefs: "), failed.stderr);
  }
});

test("the blobs of a packed image are those of its stored form", (t) => {
  const root = scratch.directory("packed");
  const store = scratch.fresh("store");
  writeFileSync(join(root, "file"), noise(1, 100_000));
  build(root, `${store}:loose`);
  build(root, `${store}:packed`, "--packed");
  writeFileSync(join(root, "other"), "new");
  build(root, `${store}:next`, "--packed", "-b", "packed");
  const sums = (a: string, b: string): string => attempt(puzzlefs, ["diff", `${store}:${a}`, `${store}:${b}`]).stdout;
  t.regex(sums("loose", "packed"), /^# the same tree; \d+ kB in \d blobs new, \d+ kB in \d blobs gone, /);
  t.regex(
    sums("packed", "next"),
    /\n# 1 added, 0 removed, 0 changed; .* new, .* gone, 1\d\d kB in \d blobs? shared\n$/,
  );
});

test("a damaged chunk is trouble, unless it is not needed for the comparison", (t) => {
  const root = scratch.directory("damaged");
  const store = scratch.fresh("store");
  writeFileSync(join(root, "same"), noise(1, 100_000));
  writeFileSync(join(root, "other"), noise(2, 5000));
  build(root, `${store}:a`);
  writeFileSync(join(root, "other"), noise(3, 5000));
  build(root, `${store}:b`);
  const blobOf = (image: string, path: string): string => {
    const { runs } = JSON.parse(run(puzzlefs, ["inspect", "--json", image, path])) as { runs: { blob: string }[] };
    return join(store, "blobs/sha256", runs[0]?.blob ?? "");
  };
  writeFileSync(blobOf(`${store}:a`, "/same"), "");
  t.is(attempt(puzzlefs, ["diff", `${store}:a`, `${store}:b`]).status, 1);
  writeFileSync(blobOf(`${store}:a`, "/other"), noise(4, 5000));
  const { status, stderr } = attempt(puzzlefs, ["diff", `${store}:a`, `${store}:b`]);
  t.is(status, 2);
  t.regex(stderr, /^puzzlefs: blob sha256:[0-9a-f]{64} does not have the sha256 it is named by/);
});
