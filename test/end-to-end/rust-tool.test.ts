import { rmSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { changeTree, replaceHardLink } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { build, chunkDigests, withMount, withRustMount } from "../support/images.ts";
import { attempt, debianRoot, isRoot, missing, puzzlefs, run, rustTool } from "../support/programs.ts";
import { extractGaps, mountGaps, notExtracted, setAside } from "./rust-gaps.ts";
import { Scratch } from "../support/scratch.ts";
import { variants } from "../support/variants.ts";

/** The Rust tool reads our images, we read its images. */

const scratch = new Scratch();
const lacks = [...(missing(rustTool).length > 0 ? ["the Rust tool"] : []), ...(isRoot ? [] : ["root"])];
const suffix = lacks.length > 0 ? ` (needs ${lacks.join(", ")})` : "";
const withRust = lacks.length > 0 ? test.serial.skip : test.serial;
const withDebian = lacks.length > 0 || missing(debianRoot).length > 0 ? test.serial.skip : test.serial;

/** The Rust tool's FUSE takes minutes for a directory of 20,000 entries, and reads every byte of a hole. */
const small = { largeDirectory: 300, sparseBytes: 3_000_000 };
const hostile = scratch.fresh("hostile");
const plain = scratch.fresh("plain");
const changed = scratch.fresh("changed");
const relinked = scratch.fresh("relinked");

test.before(() => {
  if (lacks.length > 0) return;
  makeHostileTree(hostile, small);
  makeHostileTree(plain, { ...small, privileged: false });
  for (const { kind } of notExtracted) removeKind(plain, kind);
  run("cp", ["-a", plain, changed]);
  changeTree(changed);
  run("cp", ["-a", changed, relinked]);
  replaceHardLink(relinked);
});

test.after.always(() => scratch.remove());

for (const { name, options } of variants) {
  withRust(`the Rust tool mounts and extracts our image: ${name}${suffix}`, async (t) => {
    const store = scratch.fresh("ours");
    build(hostile, `${store}:v1`, ...options);
    await assertRustMounts(t, `${store}:v1`, hostile);
    build(plain, `${store}:plain`, ...options);
    assertRustExtracts(t, `${store}:plain`, plain);
    rmSync(store, { recursive: true });
  });
}

for (const options of [[], ["-c"]]) {
  withRust(`the Rust tool mounts and extracts our delta: ${options.join(" ")}${suffix}`, async (t) => {
    const store = scratch.fresh("delta");
    build(plain, `${store}:v1`, ...options);
    build(relinked, `${store}:v2`, ...options, "-b", "v1");
    await assertRustMounts(t, `${store}:v2`, relinked);
    assertRustExtracts(t, `${store}:v2`, relinked);
    await assertRustMounts(t, `${store}:v1`, plain);
  });
}

for (const options of [[], ["-c"]]) {
  withRust(`we read the Rust tool's image: ${options.join(" ")}${suffix}`, (t) => {
    const store = scratch.fresh("theirs");
    rustBuild(hostile, `${store}:v1`, ...options);
    assertWeRead(t, `${store}:v1`, hostile);
    t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
  });

  withRust(`we read the Rust tool's delta: ${options.join(" ")}${suffix}`, (t) => {
    const store = scratch.fresh("theirs");
    rustBuild(plain, `${store}:v1`, ...options);
    rustBuild(changed, `${store}:v2`, ...options, "-b", "v1");
    assertWeRead(t, `${store}:v2`, changed);
    assertWeRead(t, `${store}:v1`, plain);
    t.regex(run(puzzlefs, ["verify", store]), /: good\n$/);
  });
}

withRust(`a delta in which the Rust tool puts one ino twice into a layer is refused${suffix}`, (t) => {
  const store = scratch.fresh("theirs");
  rustBuild(plain, `${store}:v1`);
  rustBuild(relinked, `${store}:v2`, "-b", "v1");
  const { status, stderr } = attempt(puzzlefs, ["dump", `${store}:v2`]);
  t.is(status, 3);
  t.regex(stderr, /ino-order/);
  assertWeRead(t, `${store}:v1`, plain);
});

withDebian(`a Debian root: the Rust tool mounts ours, we read its${suffix}`, async (t) => {
  const store = scratch.fresh("debian");
  build(debianRoot, `${store}:ours`, "-c");
  await assertRustMounts(t, `${store}:ours`, debianRoot);
  rustBuild(debianRoot, `${store}:theirs`, "-c");
  assertWeRead(t, `${store}:theirs`, debianRoot);
});

for (const [name, source, declare] of [
  ["the hostile tree", hostile, withRust],
  ["a Debian root", debianRoot, withDebian],
] as const) {
  declare(`as one stream, ${name} has the Rust tool's chunks${suffix}`, (t) => {
    const store = scratch.fresh("stream");
    build(source, `${store}/ours:v1`, "--chunking", "stream");
    rustBuild(source, `${store}/theirs:v1`);
    t.deepEqual(chunkDigests(`${store}/ours`, "v1"), chunkDigests(`${store}/theirs`, "v1"));
  });
}

async function assertRustMounts(t: ExecutionContext, image: string, source: string): Promise<void> {
  const mountpoint = scratch.directory("rust-mnt");
  const seen = await withRustMount(image, mountpoint, () => dumpDirectory(mountpoint));
  assertSameText(t, setAside(seen, mountGaps), setAside(dumpDirectory(source), mountGaps), `Rust mount of ${image}`);
}

function assertRustExtracts(t: ExecutionContext, image: string, source: string): void {
  const parent = scratch.directory("rust-extract");
  run("chmod", ["0777", parent]);
  const target = join(parent, "out");
  const nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const { status, stderr } = attempt("setpriv", [...nobody, rustTool, "extract", image, target]);
  t.is(
    status,
    0,
    stderr
      .split("\n")
      .filter((line) => !line.includes("INFO"))
      .join("\n"),
  );
  const seen = setAside(dumpDirectory(target), extractGaps);
  assertSameText(t, seen, setAside(dumpDirectory(source), extractGaps), `Rust extract of ${image}`);
}

/** Times are not in its images. */
function assertWeRead(t: ExecutionContext, image: string, source: string): void {
  const expected = dumpDirectory(source, "--no-times");
  assertSameText(t, dumpImage(image, "--no-times"), expected, `dump of ${image}`);
  const mountpoint = scratch.directory("mnt");
  const mounted = withMount(image, mountpoint, () => dumpDirectory(mountpoint, "--no-times"));
  assertSameText(t, mounted, expected, `mount of ${image}`);
  const target = scratch.fresh("extracted");
  run(puzzlefs, ["extract", image, target]);
  assertSameText(t, dumpDirectory(target, "--no-times"), expected, `extract of ${image}`);
}

function rustBuild(source: string, image: string, ...options: string[]): void {
  run(rustTool, ["build", ...options, source, image]);
}

function removeKind(root: string, kind: string): void {
  const type = { sock: "s", chr: "c", blk: "b" }[kind] ?? kind;
  run("find", [root, "-type", type, "-delete"]);
}
