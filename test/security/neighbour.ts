/**
 * An unprivileged process that owns a layout and a tree in which root works: it swaps what has a name there for links
 * to what only root may read, and back, and links and renames whatever it may, until its standard input ends.
 *
 *     node neighbour.ts SEED DIRECTORY VAULT
 *
 * DIRECTORY has `store` and `tree`; VAULT is the directory of root's. Prints how often it swapped something.
 */
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AT_FDCWD, RENAME_EXCHANGE, renameat2 } from "@puzzlefs/linux";
import { Random } from "@puzzlefs/testing";

const [seed, directory, vault] = process.argv.slice(2) as [string, string, string];
const aside = join(directory, "aside");
const random = new Random(Number(seed));
let swaps = 0;
let links = 0;

/** Files that root must not be redirected to. A link by its absolute path, or by one that climbs. */
function bait(): string {
  const target = random.pick([
    "",
    "/secret",
    "/store",
    "/store/blobs",
    "/store/blobs/sha256",
    "/store/index.json",
    "/tree",
  ]);
  return random.below(2) === 0 ? `${vault}${target}` : `../../../../../../../../..${vault}${target}`;
}

/** Names of which a layout consists, those of root's temporaries included, and a few that it has not. */
function targetInStore(): string {
  const store = join(directory, "store");
  const blobs = join(store, "blobs/sha256");
  switch (random.below(4)) {
    case 0:
      return join(store, random.pick(["index.json", "oci-layout", "blobs", "blobs/sha256", ".puzzlefs-index.json"]));
    case 1: {
      const staging = readdirSync(store).filter((name) => name.startsWith(".puzzlefs-tmp-"));
      return staging.length === 0
        ? join(store, `.puzzlefs-tmp-${random.below(1e6)}`)
        : join(store, random.pick(staging));
    }
    default: {
      const names = readdirSync(blobs);
      return names.length === 0 ? blobs : join(blobs, random.pick(names));
    }
  }
}

function targetInTree(): string {
  let at = join(directory, "tree");
  for (;;) {
    const entries = readdirSync(at, { withFileTypes: true });
    if (entries.length === 0) return at;
    const entry = random.pick(entries);
    at = join(at, entry.name);
    if (!entry.isDirectory() || random.below(3) === 0) return at;
  }
}

/** Busy-waits, because a sleep would be longer than most races. */
function pause(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

/** Exchanges a name with a link, leaves it so for a moment, and puts it back. */
function swap(target: string): void {
  const link = join(aside, `link-${links++}`);
  if (random.below(8) === 0) mkdirSync(link);
  else symlinkSync(bait(), link);
  try {
    renameat2(AT_FDCWD, link, AT_FDCWD, target, RENAME_EXCHANGE);
    swaps++;
    if (random.below(4) === 0) pause(random.below(3) / 4);
    renameat2(AT_FDCWD, link, AT_FDCWD, target, RENAME_EXCHANGE);
    swaps++;
  } finally {
    rmSync(link, { recursive: true, force: true });
  }
}

/** Something new in the way: a link, a hard link, a file, under a name that root's programs use or will use. */
function plant(): void {
  const name = join(
    directory,
    "store",
    random.pick([".puzzlefs-index.json", `.puzzlefs-tmp-${random.below(100)}`, ".puzzlefs-tmp-x"]),
  );
  switch (random.below(4)) {
    case 0:
      rmSync(name, { recursive: true, force: true });
      break;
    case 1:
      symlinkSync(bait(), name);
      break;
    case 2:
      linkSync(join(directory, "store/index.json"), name);
      break;
    default:
      mkdirSync(name);
      symlinkSync(bait(), join(name, "owner"));
  }
}

function disturb(): void {
  try {
    const choice = random.below(10);
    if (choice === 0) plant();
    else if (choice < 5) swap(targetInStore());
    else swap(targetInTree());
  } catch (error) {
    // Root's own names, or one that has gone.
    if (!(error instanceof Error) || !("code" in error)) throw error;
  }
}

mkdirSync(aside, { recursive: true });
const isOver = new Promise<boolean>((settle) => process.stdin.once("end", () => settle(true)));
process.stdin.resume();
writeSync(1, "begun\n");
do for (let count = 0; count < 50; count++) disturb();
while (!(await Promise.race([isOver, nextTurn(false)])));
renameSync(aside, join(directory, "done"));
console.log(JSON.stringify({ swaps }));
