import { rmSync } from "node:fs";
import test from "ava";
import { assertSameText, assertSameTree, dumpImage, Snapshot } from "./compare.ts";
import { isRoot, missing, puzzlefs, run } from "./programs.ts";
import { Scratch } from "./scratch.ts";
import type { Variant } from "./variants.ts";

/**
 * Declares the tests of a tree: build → extract and build → FUSE mount give back exactly the source, whatever the way of
 * storing.
 *
 * @param name of the tree, for the tests' titles
 * @param variants ways of storing to try
 * @param lacks what this machine does not have for them; empty when they can run
 * @param makeSource gives the tree's path; may make it below the scratch directory
 */
export function testRoundTrips(
  name: string,
  variants: readonly Variant[],
  lacks: readonly string[],
  makeSource: (scratch: Scratch) => string,
): void {
  const scratch = new Scratch();
  const obstacles = [...lacks, ...missing("mtree", "rsync"), ...(isRoot ? [] : ["root"])];
  let source: Snapshot | undefined;

  test.after.always(() => scratch.remove());
  for (const variant of variants) {
    const title = `${name}, ${variant.name}: extract and mount give it back`;
    if (obstacles.length > 0) {
      test.serial.skip(`${title} (needs ${obstacles.join(", ")})`, () => {});
      continue;
    }
    test.serial(title, (t) => {
      t.timeout(300_000);
      source ??= new Snapshot(makeSource(scratch));
      roundTrip(t, scratch, source, variant);
    });
  }
}

function roundTrip(
  t: Parameters<typeof assertSameTree>[0],
  scratch: Scratch,
  source: Snapshot,
  { options }: Variant,
): void {
  const store = scratch.fresh("store");
  const image = `${store}:v1`;
  run(puzzlefs, ["build", "--mtime", "keep", ...options, source.path, image]);
  assertSameText(t, dumpImage(image), source.dump, "image: dump");
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);

  const extracted = scratch.fresh("extracted");
  run(puzzlefs, ["extract", image, extracted]);
  assertSameTree(t, source, extracted, "extract");
  run("rm", ["-rf", extracted]);

  const mountpoint = scratch.directory("mnt");
  run(puzzlefs, ["mount", image, mountpoint]);
  assertSameTree(t, source, mountpoint, "mount");
  run(puzzlefs, ["umount", mountpoint]);
  rmSync(store, { recursive: true });
}
