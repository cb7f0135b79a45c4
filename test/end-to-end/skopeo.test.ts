import { rmSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { changeTree } from "../trees/change.ts";
import { makeHostileTree } from "../trees/hostile.ts";
import { assertSameText, dumpDirectory } from "./compare.ts";
import { build, withMount } from "./images.ts";
import { missing, puzzlefs, run } from "./programs.ts";
import { Scratch } from "./scratch.ts";

/** A copy made by skopeo(1), which knows nothing of us, is whole: manifests list all that an image needs. */

const scratch = new Scratch();
const lacks = missing("skopeo");
const withSkopeo = lacks.length > 0 ? test.serial.skip : test.serial;
const suffix = lacks.length > 0 ? ` (needs ${lacks.join(", ")})` : "";
const first = scratch.fresh("first");
const second = scratch.fresh("second");

test.before(() => {
  makeHostileTree(first, { largeDirectory: 100, sparseBytes: 3_000_000 });
  run("cp", ["-a", first, second]);
  changeTree(second);
});

test.after.always(() => scratch.remove());

for (const options of [[], ["-c"], ["-c", "--pack", "1M"]]) {
  withSkopeo(`a copy by skopeo mounts, deltas too: ${options.join(" ")}${suffix}`, (t) => {
    const store = scratch.fresh("store");
    const copy = scratch.fresh("copy");
    build(first, `${store}:v1`, "--mtime", "keep", ...options);
    build(second, `${store}:v2`, "--mtime", "keep", ...options, "-b", "v1");
    // The delta goes alone: what it needs of its base must come along.
    run("skopeo", ["--insecure-policy", "copy", `oci:${store}:v2`, `oci:${copy}:delta`]);
    rmSync(store, { recursive: true });
    const mountpoint = scratch.directory("mnt");
    const seen = withMount(`${copy}:delta`, mountpoint, () => dumpDirectory(mountpoint));
    assertSameText(t, seen, dumpDirectory(second), "mount of the copy");
    t.regex(run(puzzlefs, ["verify", copy]), /: good\n$/);
    rmSync(join(copy), { recursive: true });
  });
}
