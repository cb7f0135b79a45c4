import { execFileSync } from "node:child_process";
import { gunzipSync } from "node:zlib";
import test from "ava";
import { sha256Hex } from "./digests.ts";
import { canonicalOf, referencedBlobs } from "./manifest.ts";
import { assemblePacked, packedChainId } from "./packed-manifest.ts";

const record = { digest: "b".repeat(64), verity: "c".repeat(64), size: 7 };
const platform = { architecture: "arm64", os: "linux", variant: "v8" };
const config = Buffer.from('{"architecture":"amd64","os":"linux","history":[{}],"config":{"Cmd":["x"]}}');
const canonical = "a".repeat(64);
const documents = assemblePacked(canonical, config, platform, record, [record]);

test("the bytes of the documents depend on nothing else", (t) => {
  t.is(documents.bootstrap.digest, "2f0f885bc2da14c2694f7fa499c06c0ff79bcd5d6005236c31a0bed8be52e970");
  t.is(sha256Hex(documents.manifest), "6eadcfbbcdbb0228b956f584ce26e486c5e20ca055cbd734928597e0b31e02ea");
  t.is(canonicalOf(documents.manifest), canonical);
});

test("tar(1) unpacks the bootstrap, and the configuration names it as other tools expect", (t) => {
  const text = execFileSync("tar", ["-xzOf", "-", "puzzlefs.txt"], { input: documents.bootstrap.bytes });
  t.is(text.toString(), `PuzzleFS image sha256:${canonical}\n`);
  t.deepEqual(JSON.parse(Buffer.from(documents.config.bytes).toString()), {
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["x"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256Hex(gunzipSync(documents.bootstrap.bytes))}`] },
  });
});

test("packs that are layers are over the bootstrap, each an empty archive for containerd, with the chain IDs that it makes of them", (t) => {
  const packs = [record, { ...record, digest: "d".repeat(64) }];
  const { manifest, config: made } = assemblePacked(canonical, config, platform, record, packs, { lazy: true });
  const { layers } = JSON.parse(manifest.toString()) as { layers: { mediaType: string; annotations: object }[] };
  const isLayer = ({ mediaType }: { mediaType: string }): boolean =>
    mediaType.startsWith("application/vnd.oci.image.layer.");
  t.deepEqual(layers.map(isLayer), [false, true, true, true]);
  t.deepEqual(layers[2]?.annotations, {
    "containerd.io/snapshot/puzzlefs.manifest": `sha256:${canonical}`,
    "containerd.io/snapshot/puzzlefs.pack": `sha256:${record.digest}`,
  });
  const blobs = referencedBlobs(manifest, "the manifest").filter(({ type }) => type === "pack");
  t.deepEqual(
    blobs.map(({ digest, size }) => ({ digest, size })),
    packs.map(({ digest, size }) => ({ digest, size })),
  );
  const { rootfs } = JSON.parse(Buffer.from(made.bytes).toString()) as { rootfs: { diff_ids: string[] } };
  // As image-spec defines them, of an archive that tar(1) makes of nothing.
  const empty = execFileSync("tar", ["-c", "-b", "2", "-T", "/dev/null"]);
  t.deepEqual(rootfs.diff_ids.slice(1), Array(2).fill(`sha256:${sha256Hex(empty)}`));
  let [chain = ""] = rootfs.diff_ids;
  for (const [index, id] of rootfs.diff_ids.entries()) {
    if (index > 0) chain = `sha256:${sha256Hex(Buffer.from(`${chain} ${id}`))}`;
    t.is(packedChainId(canonical, index), chain);
  }
});

test("a configuration that is no JSON object becomes that of the platform", (t) => {
  const { config: made } = assemblePacked(canonical, Buffer.from("none"), platform, record, []);
  t.like(JSON.parse(Buffer.from(made.bytes).toString()), platform);
});
