import { hash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { changeTree } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { build, withMount } from "../support/images.ts";
import { attempt, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

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

for (const options of [[], ["-c"]]) {
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

withSkopeo(`a layout is shared with skopeo, and each reads its own afterwards${suffix}`, (t) => {
  const store = scratch.fresh("store");
  const theirs = scratch.fresh("theirs");
  const skopeo = (...argv: string[]): string => run("skopeo", ["--insecure-policy", ...argv]);
  makeArchiveLayout(theirs, "first/tag:1.0");
  const before = skopeo("inspect", "--raw", `oci:${theirs}:first/tag:1.0`);
  build(first, `${store}:v1`);
  const ours = run(puzzlefs, ["dump", `${store}:v1`]);

  skopeo("copy", `oci:${theirs}:first/tag:1.0`, `oci:${store}:archives`);
  // It has compressed the archive.
  const copied = skopeo("inspect", "--raw", `oci:${store}:archives`);
  skopeo("copy", `oci:${store}:v1`, `oci:${theirs}:docker.io/library/ours:1.0`);
  skopeo("copy", `oci:${store}:v1`, `oci:${theirs}`);
  build(second, `${store}:registry:5000/x/y:2.0`);
  build(second, `${theirs}:v2`);

  t.is(skopeo("inspect", "--raw", `oci:${theirs}:first/tag:1.0`), before);
  t.is(skopeo("inspect", "--raw", `oci:${store}:archives`), copied);
  t.is(run(puzzlefs, ["dump", `${store}:v1`]), ours);
  t.is(run(puzzlefs, ["dump", `oci:${theirs}:docker.io/library/ours:1.0`]), ours);
  const again = scratch.fresh("again");
  skopeo("copy", `oci:${store}:registry:5000/x/y:2.0`, `oci:${again}:v2`);
  t.is(run(puzzlefs, ["dump", `${again}:v2`]), run(puzzlefs, ["dump", `${theirs}:v2`]));
  for (const layout of [store, theirs])
    t.regex(run(puzzlefs, ["verify", layout]), /, 1 foreign entry \(.*\), .*: good\n$/);
  const refused = attempt(puzzlefs, ["ls", `${store}:archives`]);
  t.is(refused.status, 1);
  t.regex(refused.stderr, /not a PuzzleFS image: .* of application\/vnd\.oci\.image\.layer\.v1\.tar\+gzip$/m);
});

/** A layout with an ordinary image: one archive, and nothing in it that is ours. */
function makeArchiveLayout(layout: string, tag: string): void {
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const add = (mediaType: string, bytes: Buffer): { mediaType: string; digest: string; size: number } => {
    const hex = hash("sha256", bytes);
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const layer = add("application/vnd.oci.image.layer.v1.tar", Buffer.alloc(10_240));
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const configuration = { architecture: "amd64", os: "linux", rootfs };
  const config = add("application/vnd.oci.image.config.v1+json", json(configuration));
  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = add(type, json({ schemaVersion: 2, mediaType: type, config, layers: [layer] }));
  const entry = { ...manifest, annotations: { "org.opencontainers.image.ref.name": tag } };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}
