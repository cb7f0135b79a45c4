import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { build } from "../support/images.ts";
import { checkoutForOthers, nobody } from "../support/other-users.ts";
import { isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** Builds of the same tree have the same bytes in every blob, the manifest and the index. */

const scratch = new Scratch();
const small = { largeDirectory: 1000, sparseBytes: 20_000_000 };
const tree = scratch.fresh("tree");
const ways = [[], ["-c"], ["-c", "--chunking", "stream", "--frame-size", "4096"]];

test.before(() => makeHostileTree(tree, small));
test.after.always(() => scratch.remove());

for (const options of ways) {
  const title = options.length === 0 ? "raw" : options.join(" ");

  test.serial(`another directory, made anew, at other times: ${title}`, (t) => {
    const other = join(scratch.directory("elsewhere"), "a name that is longer than the first one");
    makeHostileTree(other, small);
    // Of the links themselves too, and of nothing's target.
    run("find", [other, "-exec", "touch", "-h", "-d", "2001-02-03 04:05:06", "{}", "+"]);
    assertSameStore(t, store(tree, options), store(other, options));
  });

  test.serial(`a copy whose files were made in another order: ${title}`, (t) => {
    const other = scratch.fresh("copy");
    run("cp", ["-a", tree, other]);
    // Directories list what is made anew elsewhere; hard links stay as they are.
    for (const name of readdirSync(join(other, "sizes")).reverse()) {
      cpSync(join(other, "sizes", name), join(other, "new"), { preserveTimestamps: true });
      run("mv", [join(other, "new"), join(other, "sizes", name)]);
    }
    assertSameStore(t, store(tree, options), store(other, options));
  });

  test.serial(`any number of jobs: ${title}`, (t) => {
    const one = store(tree, [...options, "--jobs", "1"]);
    for (const jobs of ["2", "7"]) assertSameStore(t, one, store(tree, [...options, "--jobs", jobs]));
  });
}

const lacksDisorder = [...missing("disorderfs", "fusermount"), ...(isRoot ? [] : ["root"])];
for (const order of [["--shuffle-dirents=yes"], ["--sort-dirents=yes", "--reverse-dirents=yes"]]) {
  const title = `readdir in another order, ${order.join(" ")}`;
  if (lacksDisorder.length > 0) test.skip(`${title} (needs ${lacksDisorder.join(", ")})`, () => {});
  else {
    test.serial(title, (t) => {
      const mountpoint = scratch.directory("disorder");
      // disorderfs does not know holes, which are part of a tree.
      const full = scratch.fresh("full");
      run("cp", ["-a", "--sparse=never", tree, full]);
      // It shows its own link counts and times with --share-locks off; --multi-user so that owners are seen.
      run("disorderfs", ["-q", "--multi-user=yes", ...order, full, mountpoint]);
      try {
        assertSameStore(t, store(full, []), store(mountpoint, []));
        assertSameStore(t, store(full, ["-c"]), store(mountpoint, ["-c"]));
      } finally {
        run("fusermount", ["-u", mountpoint]);
      }
    });
  }
}

(isRoot ? test.serial : test.serial.skip)("another user that can read the tree", (t) => {
  const readable = scratch.fresh("readable");
  makeHostileTree(readable, { ...small, privileged: false });
  run("chmod", ["-R", "a+rX", readable]);
  const theirs = scratch.directory("theirs");
  run("chmod", ["0777", theirs]);
  run(...checkoutForOthers(scratch, nobody, `puzzlefs build ${readable} ${theirs}/store:v1`));
  assertSameStore(t, store(readable, []), join(theirs, "store"));
});

test.serial("times no later than SOURCE_DATE_EPOCH", (t) => {
  const other = scratch.fresh("later");
  run("cp", ["-a", tree, other]);
  run("touch", ["-d", "2030-01-01", join(other, "sizes")]);
  const environment = { ...process.env, SOURCE_DATE_EPOCH: "1000000000" };
  const stores = [tree, other].map((source) => {
    const path = scratch.fresh("store");
    run(puzzlefs, ["build", "--mtime", "keep", source, `${path}:v1`], { env: environment });
    return path;
  });
  assertSameStore(t, stores[0] as string, stores[1] as string);
});

function store(source: string, options: readonly string[]): string {
  const path = scratch.fresh("store");
  build(source, `${path}:v1`, ...options);
  return path;
}

/** The names of blobs are the digests of their content, which other tests check: comparing names is enough. */
function assertSameStore(t: ExecutionContext, first: string, second: string): void {
  const blobs = (path: string): string[] => readdirSync(join(path, "blobs/sha256")).sort();
  t.deepEqual(blobs(second), blobs(first));
  for (const name of ["index.json", "oci-layout"]) {
    t.is(readFileSync(join(second, name), "utf8"), readFileSync(join(first, name), "utf8"));
  }
}
