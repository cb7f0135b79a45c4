import { rmSync } from "node:fs";
import test from "ava";
import { makeHostileTree } from "../trees/hostile.ts";
import { assertSameText, assertSameTree, dumpImage, Snapshot } from "./compare.ts";
import { debianRoot, isRoot, missing, puzzlefs, run } from "./programs.ts";
import { Scratch } from "./scratch.ts";
import { variants, type Variant } from "./variants.ts";

/** build → extract and build → FUSE mount give back exactly the source, whatever the way of storing. */

const scratch = new Scratch();
const isReady = isRoot && missing("mtree", "rsync").length === 0;
const sources = new Map<string, Snapshot>();

test.before(() => {
  if (!isReady) return;
  const hostile = scratch.fresh("hostile");
  makeHostileTree(hostile);
  sources.set("hostile tree", new Snapshot(hostile));
  if (missing(debianRoot).length === 0) sources.set("Debian root", new Snapshot(debianRoot));
});

test.after.always(() => scratch.remove());

for (const source of ["hostile tree", "Debian root"]) {
  const canRun = isReady && (source !== "Debian root" || missing(debianRoot).length === 0);
  for (const variant of variants) {
    (canRun ? test.serial : test.serial.skip)(`${source}, ${variant.name}: extract and mount give it back`, (t) => {
      roundTrip(t, sources.get(source) as Snapshot, variant);
    });
  }
}

function roundTrip(t: Parameters<typeof assertSameTree>[0], source: Snapshot, variant: Variant): void {
  t.timeout(300_000);
  const store = scratch.fresh("store");
  const image = `${store}:v1`;
  run(puzzlefs, ["build", "--mtime", "keep", ...variant.options, source.path, image]);
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
