/** Archives of several programs in all their formats: converted, they are the tree that GNU tar extracts. */
import { readFileSync } from "node:fs";
import test from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeImage } from "./layered-image.ts";
import { makeArchivableTree } from "./tree.ts";

const scratch = new Scratch();
const tree = scratch.fresh("tree");
test.before(() => makeArchivableTree(tree));
test.after.always(() => scratch.remove());

const gnu = (...options: string[]): string[] => ["tar", "--numeric-owner", ...options, "-C", tree, "-cf"];
const xattrs = ["--xattrs", "--xattrs-include=*"];
const bsd = (...options: string[]): string[] => ["bsdtar", "--no-acls", "--no-fflags", ...options, "-C", tree, "-cf"];
const python = (format: string): string[] => [
  "python3",
  "-c",
  // It writes small numbers with an exponent, which nothing reads.
  `import sys, tarfile
def fix(member):
  member.mtime = 1 if 0 < member.mtime < 1 else member.mtime
  return member
with tarfile.open(sys.argv[1], "w", format=tarfile.${format}) as archive: archive.add(sys.argv[2], ".", filter=fix)`,
];

/** These formats cannot hold long names, to which hard links in the archive would lead all the same. */
const simple = ["sizes", "modes", "large-directory", "attributes"];

/** Commands that write an archive of the tree to the next argument. */
const writers: Record<string, { argv: string[]; after?: string[] }> = {
  "GNU tar, pax": { argv: gnu("--format=posix", ...xattrs), after: ["."] },
  "GNU tar, pax, sparse 0.0": { argv: gnu("--format=posix", "-S", "--sparse-version=0.0", ...xattrs), after: ["."] },
  "GNU tar, pax, sparse 0.1": { argv: gnu("--format=posix", "-S", "--sparse-version=0.1", ...xattrs), after: ["."] },
  "GNU tar, pax, sparse 1.0": { argv: gnu("--format=posix", "-S", "--sparse-version=1.0", ...xattrs), after: ["."] },
  "GNU tar, its own format": { argv: gnu("--format=gnu"), after: ["."] },
  "GNU tar, its own format, sparse": { argv: gnu("--format=gnu", "-S"), after: ["."] },
  "GNU tar, its old format": { argv: gnu("--format=oldgnu", "-S"), after: ["."] },
  "GNU tar, ustar": { argv: gnu("--format=ustar"), after: ["."] },
  "GNU tar, v7": { argv: gnu("--format=v7"), after: ["."] },
  "bsdtar, pax": { argv: bsd("--format=pax", "--xattrs"), after: ["."] },
  "bsdtar, restricted pax": { argv: bsd("--format=paxr"), after: ["."] },
  "bsdtar, GNU tar's format": { argv: bsd("--format=gnutar"), after: ["."] },
  "bsdtar, ustar": { argv: bsd("--format=ustar"), after: simple },
  "bsdtar, v7": { argv: bsd("--format=v7tar"), after: simple },
  "Python, pax": { argv: python("PAX_FORMAT"), after: [tree] },
  "Python, GNU tar's format": { argv: python("GNU_FORMAT"), after: [tree] },
};

for (const [name, { argv, after = [] }] of Object.entries(writers)) {
  const [program = "", ...options] = argv;
  const lacks = isRoot ? missing(program, "tar").join(", ") : "root";
  (lacks === "" ? test : test.skip)(`${name}${lacks && ` (needs ${lacks})`}`, (t) => {
    const path = scratch.fresh("archive");
    // What a format cannot hold is left out with an error.
    attempt(program, [...options, path, ...after]);
    const extracted = scratch.directory("extracted");
    attempt("tar", [
      "-xpf",
      path,
      "--delay-directory-restore",
      "--same-owner",
      "--numeric-owner",
      ...xattrs,
      "-C",
      extracted,
    ]);
    // Without a member for the root, the image has the time 0 there.
    if (after === simple) run("touch", ["-d", "@0", extracted]);
    const layout = scratch.directory("layout");
    makeImage(layout, [readFileSync(path)]);
    run(puzzlefs, ["convert", `${layout}:image`, `${layout}:converted`]);
    const expected = dumpDirectory(extracted);
    t.true(expected.split("\n").length > 100, "names in the archive");
    assertSameText(t, dumpImage(`${layout}:converted`), expected, name);
  });
}
