import { execFileSync } from "node:child_process";
import { gunzipSync } from "node:zlib";
import test from "ava";
import { sha256Hex } from "./digests.ts";
import { canonicalOf } from "./manifest.ts";
import { assemblePacked } from "./packed-manifest.ts";

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

test("a configuration that is no JSON object becomes that of the platform", (t) => {
  const { config: made } = assemblePacked(canonical, Buffer.from("none"), platform, record, []);
  t.like(JSON.parse(Buffer.from(made.bytes).toString()), platform);
});
