import { execFileSync } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { CHUNK_TYPE } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import test from "ava";

import { build } from "./build.ts";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { dumpImage, dumpTree, makeTree, metadataOf, mixedTree } from "./tree-fixture.ts";

const cache = process.env["PUZZLEFS_CACHE"] ?? join(homedir(), ".cache/puzzlefs");
const rustTool = join(cache, "rust/bin/puzzlefs");
const withRust = existsSync(rustTool) ? test.serial : test.serial.skip;

function rustBuild(rootfs: string, ociDir: string, tag: string, ...options: string[]): void {
  execFileSync(rustTool, ["build", ...options, rootfs, `${ociDir}:${tag}`], { stdio: "ignore" });
}

function chunksOf(ociDir: string, tag: string): string[] {
  const { layers } = JSON.parse(Layout.open(ociDir).manifest(tag).bytes.toString()) as {
    layers: { mediaType: string; digest: string }[];
  };
  return [
    ...new Set(layers.filter(({ mediaType }) => mediaType.startsWith(CHUNK_TYPE)).map(({ digest }) => digest)),
  ].sort();
}

/** This machine's own shared data: real files, small and large, with links. */
const realTree = ["/usr/share/perl", "/usr/share/perl5", "/usr/share/doc", "/usr/lib/git-core"].find((path) =>
  existsSync(path),
);

withRust("as one stream, the chunks are the Rust tool's", async (t) => {
  for (const rootfs of [mixedTree(), realTree ?? mixedTree()]) {
    const [theirs, ours] = [temporaryDirectory(), temporaryDirectory()];
    rustBuild(rootfs, theirs, "t");
    await build({ rootfs, ociDir: ours, tag: "t", chunking: "stream" });
    t.deepEqual(chunksOf(ours, "t"), chunksOf(theirs, "t"));
  }
});

withRust("inode numbers are the Rust tool's", async (t) => {
  const rootfs = makeTree({ "b/z": "1", "b/c/d": "2", "a/y": "3", "a.b": "4", é: "5", B: "6" });
  execFileSync("ln", [join(rootfs, "B"), join(rootfs, "b/c/hard")]);
  execFileSync("ln", [join(rootfs, "a.b"), join(rootfs, "b/a")]);
  const [theirs, ours] = [temporaryDirectory(), temporaryDirectory()];
  rustBuild(rootfs, theirs, "t");
  await build({ rootfs, ociDir: ours, tag: "t" });
  const names = (ociDir: string): unknown =>
    [...metadataOf(ociDir, "t").image.metadatas.at(0).inodes].map(({ ino, mode }) => [
      ino,
      mode.kind === "dir"
        ? [...mode.dir.entries].map((entry) => [entry.ino, Buffer.from(entry.name.toUint8Array()).toString()])
        : mode.kind,
    ]);
  t.deepEqual(names(ours), names(theirs));
});

for (const options of [[], ["-c"]]) {
  withRust(`a base of the Rust tool's ${options.join()}`, async (t) => {
    const rootfs = makeTree({ "a/large": prose("a", 500_000), "a/noise": noise("n", 300_000), b: "b" });
    const ociDir = temporaryDirectory();
    rustBuild(rootfs, ociDir, "v1", ...options);
    execFileSync("sh", ["-c", "echo more >> a/large; rm b; mkdir c; mv a/noise c", ""], { cwd: rootfs });
    await build({ rootfs, ociDir, tag: "v2", base: "v1", compress: options.length > 0 });
    // The dump verifies every blob's fs-verity digest: the base's wrong ones have been put right.
    t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
    t.is(metadataOf(ociDir, "v2").image.metadatas.length, 2);
  });
}

for (const options of [{}, { compress: true }]) {
  withRust(`the Rust tool reads holes: ${JSON.stringify(options)}`, async (t) => {
    const rootfs = makeTree({ other: noise("other", 50_000) });
    const file = openSync(join(rootfs, "sparse"), "w");
    for (const offset of [0, 3_000_001, 7_000_000]) writeSync(file, noise(`${offset}`, 100_000), 0, 100_000, offset);
    ftruncateSync(file, 9_000_001);
    closeSync(file);
    const ociDir = temporaryDirectory();
    await build({ rootfs, ociDir, tag: "v1", ...options });
    t.true(chunksOf(ociDir, "v1").some((digest) => digest.startsWith("sha256:52074b2358a884b0")));
    const out = join(temporaryDirectory(), "out");
    execFileSync(rustTool, ["extract", `${ociDir}:v1`, out], { stdio: "ignore" });
    t.true(readFileSync(join(out, "sparse")).equals(readFileSync(join(rootfs, "sparse"))));
    // On the base that has it, the Rust tool's own delta.
    execFileSync("sh", ["-c", "echo more >> other"], { cwd: rootfs });
    rustBuild(rootfs, ociDir, "v2", "-b", "v1");
    t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  });
}

withRust("the Rust tool builds on our images, and reads the base back from its own", async (t) => {
  const rootfs = makeTree({ "a/large": prose("a", 500_000), b: "b" });
  const ociDir = temporaryDirectory();
  await build({ rootfs, ociDir, tag: "v1", compress: true });
  execFileSync("sh", ["-c", "echo more >> a/large; echo c > c"], { cwd: rootfs });
  rustBuild(rootfs, ociDir, "v2", "-c", "-b", "v1");
  t.deepEqual(dumpImage(ociDir, "v2"), dumpTree(rootfs));
  const out = join(temporaryDirectory(), "out");
  execFileSync(rustTool, ["extract", `${ociDir}:v2`, out], { stdio: "ignore" });
  t.deepEqual(readFileSync(join(out, "a/large")), readFileSync(join(rootfs, "a/large")));
});
