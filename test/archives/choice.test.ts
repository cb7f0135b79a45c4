/** Which image of a layout `convert` takes, and what a killed one leaves. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { layoutNames } from "../support/images.ts";
import { attempt, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeImage, putBlob, putImage, writeIndex } from "./layered-image.ts";
import { archive, dir, file, record } from "./member.ts";

const scratch = new Scratch();
const parts = 6;
test.after.always(() => scratch.remove());

const named = (text: string): Buffer[] => [archive(dir("./"), file("name", text))];
const tag = { "org.opencontainers.image.ref.name": "image" };
const platforms = {
  amd64: { architecture: "amd64", os: "linux" },
  arm: { architecture: "arm", os: "linux", variant: "v7" },
  none: { architecture: "unknown", os: "unknown" },
};
const content = (image: string, ...options: string[]): string => run(puzzlefs, ["cat", ...options, image, "/name"]);

for (const docker of [false, true]) {
  const list = docker
    ? "application/vnd.docker.distribution.manifest.list.v2+json"
    : "application/vnd.oci.image.index.v1+json";
  test(`an index inside of the index, with attestations, ${docker ? "of Docker" : "of OCI"}: the platform decides`, (t) => {
    const layout = scratch.directory("layout");
    const arm = { ...platforms.arm };
    const manifests = [
      { ...putImage(layout, named("attestation"), { docker }), platform: platforms.none },
      { ...putImage(layout, named("arm"), { docker, config: arm }), platform: arm },
      { ...putImage(layout, named("amd64"), { docker }), platform: platforms.amd64 },
    ];
    const index = putBlob(layout, list, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: list, manifests })));
    writeIndex(layout, [{ ...index, annotations: tag }]);
    run(puzzlefs, ["convert", "--platform", "linux/arm/v7", `${layout}:image`, `${layout}:new`]);
    run(puzzlefs, ["convert", "--platform", "linux/amd64", `${layout}:image`, `${layout}:new`]);
    t.is(content(`${layout}:new`, "--platform", "linux/amd64"), "amd64");
    t.is(content(`${layout}:new`, "--platform", "linux/arm/v7"), "arm");
    const { status, stderr } = attempt(puzzlefs, [
      "convert",
      "--platform",
      "linux/s390x",
      `${layout}:image`,
      `${layout}:x`,
    ]);
    t.is(status, 1);
    t.regex(stderr, /no image "image" for linux\/s390x, but for linux\/arm\/v7, linux\/amd64; --platform names one/);
  });
}

test("an image without a platform, one under its digest, and one of PuzzleFS", (t) => {
  const layout = scratch.directory("layout");
  const descriptor = putImage(layout, named("plain"), { compression: ["none"] });
  writeIndex(layout, [{ ...descriptor, annotations: tag }]);
  run(puzzlefs, ["convert", `${layout}:image`, `${layout}:tagged`]);
  run(puzzlefs, ["convert", `${layout}@${String(descriptor["digest"])}`, `${layout}:digest`]);
  t.is(content(`${layout}:tagged`), "plain");
  t.is(content(`${layout}:digest`), "plain");
  for (const [name, message] of [
    ["tagged", /no ordinary image|of PuzzleFS already/],
    ["none", /no tag "none"/],
  ] as const) {
    const { status, stderr } = attempt(puzzlefs, ["convert", `${layout}:${name}`, `${layout}:x`]);
    t.is(status, 1);
    t.regex(stderr, message);
  }
  // The same tag: the entry is replaced.
  run(puzzlefs, ["convert", `${layout}:image`, `${layout}:image`]);
  t.is(content(`${layout}:image`), "plain");
});

test("layers of several frames of zstd, skippable ones among them, and of several members of gzip", (t) => {
  const layer = archive(dir("./"), file("name", "frames"), { name: "noise", content: noise("frames", 900_000) });
  const cut = (bytes: Uint8Array, step: number): Uint8Array[] =>
    Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) =>
      bytes.subarray(index * step, (index + 1) * step),
    );
  const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from("any")]);
  for (const step of [1000, 262_144, 300_000]) {
    const frames = (bytes: Uint8Array): Buffer =>
      Buffer.concat(cut(bytes, step).flatMap((part) => [zstdCompressSync(part), skippable]));
    const members = (bytes: Uint8Array): Buffer => Buffer.concat(cut(bytes, step).map((part) => gzipSync(part)));
    for (const [compression, compress] of [
      ["zstd", frames],
      ["gzip", members],
    ] as const) {
      const layout = scratch.directory("layout");
      makeImage(layout, [layer], { compression: [compression], compress });
      run(puzzlefs, ["convert", `${layout}:image`, `${layout}:new`]);
      t.is(content(`${layout}:new`), "frames");
    }
  }
});

test("what is not taken over is counted and printed", (t) => {
  const layout = scratch.directory("layout");
  const records = [
    ["SCHILY.acl.access", "user::rw-"],
    ["SCHILY.fflags", "nodump"],
    ["LIBARCHIVE.xattr.user.x", "eA"],
    ["VENDOR.thing", "1"],
    ["SCHILY.xattr.security.selinux", "label"],
  ] as const;
  const layer = archive(
    dir("./"),
    file("f", "1", { records }),
    { name: "pax_global_header", type: "g", content: record("VENDOR.global", "thing") },
    dir(".wh..wh.plnk"),
    file(".wh..wh.plnk/1.2", ""),
    file("name", "1"),
  );
  makeImage(layout, [layer]);
  const { stdout, stderr } = attempt(puzzlefs, ["convert", "--json", `${layout}:image`, `${layout}:new`]);
  const { omissions } = JSON.parse(stdout) as { omissions: { what: string; count: number; paths: string[] }[] };
  const found = omissions.toSorted((a, b) => (a.what < b.what ? -1 : 1));
  t.deepEqual(
    found.map(({ what, count, paths }) => [what, count, paths[0]]),
    [
      ["access control list as text", 1, "/f"],
      ["attribute in a record of libarchive", 1, "/f"],
      ["global extended header", 1, "/"],
      ["inode flags", 1, "/f"],
      ["name of aufs", 2, "/.wh..wh.plnk"],
      ["security.selinux", 1, "/f"],
      ["unknown record of an extended header", 1, "/f"],
    ],
  );
  t.is(stderr.trimEnd().split("\n").length, omissions.length);
});

test("times: kept, zero, or at most SOURCE_DATE_EPOCH", (t) => {
  const layout = scratch.directory("layout");
  makeImage(layout, [archive(dir("./", { mtime: 100 }), file("name", "", { mtime: 2_000_000_000 }))]);
  const times = (options: string[], epoch = ""): number[] => {
    const env = { ...process.env, SOURCE_DATE_EPOCH: epoch };
    run(puzzlefs, ["convert", ...options, `${layout}:image`, `${layout}:new`], { env });
    return ["/", "/name"].map(
      (path) => JSON.parse(run(puzzlefs, ["stat", "--json", `${layout}:new`, path])).mtimeSeconds,
    );
  };
  t.deepEqual(times([]), [100, 2_000_000_000]);
  t.deepEqual(times(["--mtime", "zero"]), [0, 0]);
  t.deepEqual(times([], "150"), [100, 150]);
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test.serial(
    `ended by ${signal} at any moment: tags are what they were, and the next conversion sweeps what is left`,
    async (t) => {
      const layout = scratch.directory("layout");
      const members = Array.from({ length: 300 }, (_, index) => ({ name: `f${index}`, content: noise(index, 40_000) }));
      makeImage(layout, [archive(dir("./"), ...members), archive(file("f0", "changed"))]);
      const index = readFileSync(join(layout, "index.json"), "utf8");
      const argv = ["convert", "-c", `${layout}:image`, `${layout}:new`];
      const start = performance.now();
      run(puzzlefs, ["convert", "-c", `${layout}:image`, `${scratch.fresh("measure")}:new`]);
      const duration = performance.now() - start;
      for (let part = 1; part <= parts; part++) {
        const child = spawn(puzzlefs, argv, { stdio: "ignore" });
        const end = once(child, "exit");
        await sleep((duration * part) / (parts + 1));
        child.kill(signal);
        await end;
        if (run(puzzlefs, ["tags", layout]).includes("new")) break;
        t.is(readFileSync(join(layout, "index.json"), "utf8"), index);
        const staged = readdirSync(layout).filter((name) => name.startsWith(".puzzlefs-tmp-"));
        if (signal === "SIGTERM") t.deepEqual(staged, []);
        // The large temporary file has no name.
        for (const name of staged) t.false(readdirSync(join(layout, name)).includes("spool"));
      }
      run(puzzlefs, argv);
      t.deepEqual(layoutNames(layout), ["blobs", "index.json", "oci-layout"]);
      t.regex(run(puzzlefs, ["verify", layout]), /: good\n$/);
    },
  );
}
