import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { build, layoutNames, layoutState, withMount } from "../support/images.ts";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { changeTree } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";

/** Packed images, by the programs that users call: mounted, extracted, copied by skopeo, killed while they are made. */

const scratch = new Scratch();
const first = scratch.fresh("first");
const second = scratch.fresh("second");
const kills = 8;

test.before(() => {
  makeHostileTree(first, { largeDirectory: 100, sparseBytes: 3_000_000 });
  run("cp", ["-a", first, second]);
  changeTree(second);
});

test.after.always(() => scratch.remove());

/** Two versions in a layout, the second packed on the packs of the first. */
function packedStore(...options: string[]): string {
  const store = scratch.fresh("store");
  build(first, `${store}:v1`, "--mtime", "keep", "-c", "--packed", ...options);
  build(second, `${store}:v2`, "--mtime", "keep", "-c", "--packed", "-b", "v1", ...options);
  return store;
}

/** Blobs of a layout. */
const blobsOf = (store: string): string[] => readdirSync(join(store, "blobs/sha256")).sort();

test.serial("mounted, extracted and dumped, a packed image is the tree, and the layout has tens of blobs", (t) => {
  const store = packedStore();
  t.true(blobsOf(store).length < 20, `${blobsOf(store).length}`);
  for (const [tag, tree] of [
    ["v1", first],
    ["v2", second],
  ] as const) {
    const expected = dumpDirectory(tree);
    assertSameText(t, dumpImage(`${store}:${tag}`), expected, `dump of ${tag}`);
    for (const option of [[], ["--verify", "blob"], ["--supervise"]]) {
      const mountpoint = scratch.directory("mnt");
      run(puzzlefs, ["mount", ...option, `${store}:${tag}`, mountpoint]);
      assertSameText(t, dumpDirectory(mountpoint), expected, `mount of ${tag} ${option.join(" ")}`);
      run(puzzlefs, ["umount", mountpoint]);
    }
    if (isRoot) {
      const extracted = scratch.fresh("extracted");
      run(puzzlefs, ["extract", `${store}:${tag}`, extracted]);
      assertSameText(t, dumpDirectory(extracted), expected, `extracted ${tag}`);
    }
  }
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
});

test.serial("one identity: build, inspect and mount --digest print and take the same digests for both forms", (t) => {
  const store = scratch.fresh("store");
  const other = scratch.fresh("store");
  const digest = /digest: ([0-9a-f]{64})\n/;
  const [, loose = ""] = digest.exec(run(puzzlefs, ["build", "-c", first, `${store}:v1`])) ?? [];
  const [, packed = ""] = digest.exec(run(puzzlefs, ["build", "-c", "--packed", first, `${other}:v1`])) ?? [];
  t.is(loose, packed);
  const [a, b] = [store, other].map((layout) => JSON.parse(run(puzzlefs, ["inspect", "--json", `${layout}:v1`])));
  t.is(a.form, "loose");
  t.is(b.form, "packed");
  for (const name of ["manifest", "manifestVerity", "metadata", "storedBytes", "blobs"])
    t.deepEqual(a[name], b[name], name);
  t.is(b.stored.deadBytes, 0);
  const [listed] = JSON.parse(run(puzzlefs, ["tags", "--json", other]));
  t.deepEqual([listed.digest, listed.packedManifest], [a.manifest, b.stored.manifest]);
  const mountpoint = scratch.directory("mnt");
  run(puzzlefs, ["mount", "--driver", "fuse", "--digest", loose, `${other}@sha256:${a.manifest}`, mountpoint]);
  assertSameText(t, dumpDirectory(mountpoint, "--no-times"), dumpDirectory(first, "--no-times"), "by digest");
  run(puzzlefs, ["umount", mountpoint]);
  const wrong = attempt(puzzlefs, ["mount", "--driver", "fuse", "--digest", "0".repeat(64), `${other}:v1`, mountpoint]);
  t.is(wrong.status, 3, wrong.stderr);
  const state = layoutState(other);
  const kernel = attempt(puzzlefs, ["mount", "--driver", "kernel", `${other}:v1`, mountpoint]);
  if (kernel.status === 0) return void run(puzzlefs, ["umount", mountpoint]);
  t.is(kernel.status, 1);
  t.regex(kernel.stderr, /the kernel driver cannot mount it: .*\(ENODEV\)/);
  t.deepEqual(layoutState(other), state, "nothing is stored for a driver that is not there");
});

test.serial("pack and unpack: the same bytes, and nothing else in the layout", (t) => {
  const store = scratch.fresh("store");
  for (const [tag, tree] of [
    ["v1", first],
    ["v2", second],
  ] as const)
    build(tree, `${store}:${tag}`, "-c");
  const before = layoutState(store);
  for (const tag of ["v2", "v1"]) {
    const { changed } = JSON.parse(run(puzzlefs, ["pack", "--json", `${store}:${tag}`]));
    t.true(changed);
  }
  t.true(blobsOf(store).length < 20);
  t.regex(run(puzzlefs, ["pack", `${store}:v1`]), /as before/);
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
  for (const tag of ["v1", "v2"]) run(puzzlefs, ["unpack", `${store}:${tag}`]);
  t.deepEqual(layoutState(store), before);
});

test.serial("a read-only store of another user is read without writing", (t) => {
  const store = packedStore();
  const state = layoutState(store);
  for (const name of ["", "blobs", "blobs/sha256"]) chmodSync(join(store, name), 0o555);
  const mountpoint = scratch.directory("mnt");
  const seen = withMount(`${store}:v2`, mountpoint, () => dumpDirectory(mountpoint));
  assertSameText(t, seen, dumpDirectory(second), "mount");
  t.deepEqual(layoutState(store), state);
  for (const name of ["", "blobs", "blobs/sha256"]) chmodSync(join(store, name), 0o755);
});

const lacks = missing("skopeo");
const withSkopeo = lacks.length > 0 ? test.serial.skip : test.serial;

withSkopeo(
  `a copy by skopeo of a packed image mounts${lacks.length > 0 ? ` (needs ${lacks.join(", ")})` : ""}`,
  (t) => {
    const store = packedStore();
    const copy = scratch.fresh("copy");
    run("skopeo", ["--insecure-policy", "copy", `oci:${store}:v2`, `oci:${copy}:v2`]);
    rmSync(store, { recursive: true });
    const mountpoint = scratch.directory("mnt");
    const seen = withMount(`${copy}:v2`, mountpoint, () => dumpDirectory(mountpoint));
    assertSameText(t, seen, dumpDirectory(second), "mount of the copy");
    t.regex(run(puzzlefs, ["verify", copy]), /: good\n$/);
    // It is a complete OCI image: an ordinary tool reads configuration and layers.
    const { Layers, Architecture } = JSON.parse(run("skopeo", ["inspect", `oci:${copy}:v2`]));
    t.true(Layers.length < 10);
    t.is(typeof Architecture, "string");
    t.is(
      run("tar", ["-xOf", join(copy, "blobs/sha256", Layers.at(-1).slice(7)), "puzzlefs.txt"]).slice(0, 22),
      "PuzzleFS image sha256:",
    );
  },
);

for (const [what, command] of Object.entries({
  pack: (store: string) => ["pack", `${store}:v2`],
  unpack: (store: string) => ["unpack", `${store}:v2`],
  "build --packed": (store: string) => ["build", "-c", "--packed", first, `${store}:v3`],
})) {
  test.serial(`${what}, killed at any moment, leaves every image whole`, async (t) => {
    const origin = scratch.fresh("origin");
    const options = what === "unpack" ? ["--packed"] : [];
    build(first, `${origin}:v1`, "-c", ...options);
    build(second, `${origin}:v2`, "-c", ...options);
    const expected = dumpImage(`${origin}:v2`);
    const measured = scratch.fresh("measured");
    run("cp", ["-a", origin, measured]);
    const start = performance.now();
    run(puzzlefs, command(measured));
    const duration = performance.now() - start;
    for (let i = 1; i <= kills; i++) {
      const store = scratch.fresh("killed");
      run("cp", ["-a", origin, store]);
      const child = spawn(puzzlefs, command(store), { stdio: "ignore" });
      const end = once(child, "exit");
      await sleep((duration * i * 1.05) / kills);
      child.kill("SIGKILL");
      await end;
      assertSameText(t, dumpImage(`${store}:v2`), expected, `v2 after kill ${i}`);
      t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
      // The next writer sweeps, and does what was left undone.
      run(puzzlefs, command(store));
      assertSameText(t, dumpImage(`${store}:v2`), expected, `v2 after the next run ${i}`);
      t.deepEqual(layoutNames(store), ["blobs", "index.json", "oci-layout"]);
      rmSync(store, { recursive: true });
    }
  });
}

test.serial("packs and unpacks of one layout at the same time lose nothing", async (t) => {
  const store = scratch.fresh("shared");
  build(first, `${store}:a`, "-c");
  build(second, `${store}:b`, "-c", "--packed");
  const all = [
    ["pack", `${store}:a`],
    ["unpack", `${store}:b`],
    ["build", "-c", "--packed", first, `${store}:c`],
    ["build", "-c", second, `${store}:d`],
    ["build", "-c", "-b", "b", "--packed", first, `${store}:e`],
  ];
  const codes = await Promise.all(
    all.map(async (argv) => {
      const child = spawn(puzzlefs, argv, { stdio: ["ignore", "ignore", "inherit"] });
      return (await once(child, "exit"))[0] as number;
    }),
  );
  t.deepEqual(
    codes,
    all.map(() => 0),
  );
  t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
  for (const [tag, tree] of Object.entries({ a: first, b: second, c: first, d: second, e: first }))
    assertSameText(t, dumpImage(`${store}:${tag}`, "--no-times"), dumpDirectory(tree, "--no-times"), tag);
  t.is(JSON.parse(readFileSync(join(store, "index.json"), "utf8")).manifests.length, 5);
});
