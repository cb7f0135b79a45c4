import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { sha256Hex } from "./digests.ts";
import { LayoutError, type LayoutFailure } from "./errors.ts";
import { Layout } from "./image-layout.ts";
import { Transaction } from "./transaction.ts";
import { assembleManifest, EMPTY_CONFIG } from "./manifest.ts";
import { hostPlatform } from "./platform.ts";
import { fsVerityDigest } from "./verity-digest.ts";

const directory = temporaryDirectory();
let count = 0;
const fresh = () => join(directory, `layout-${count++}`);

/** Commits an image whose metadata and chunks are these texts (no real metadata: a layout does not look inside). */
function commit(layout: Layout, tag: string, metadata: string, ...chunks: string[]) {
  const transaction = Transaction.begin(layout);
  const rootfs = transaction.writeBlob(Buffer.from(metadata));
  const blobs = chunks.map((chunk) => transaction.writeBlob(Buffer.from(chunk)));
  const manifest = assembleManifest(
    { digest: rootfs.digest, size: metadata.length, verity: fsVerityDigest(Buffer.from(metadata)).toString("hex") },
    blobs.map(({ digest }, i) => ({ digest, size: chunks[i].length, compressed: i % 2 === 1 })),
  );
  return { manifest, ...transaction.commit({ tag, manifest, blobs: [rootfs, ...blobs] }) };
}

/** Runs `action`, which must throw a LayoutError of this kind. */
function refuses(t: import("ava").ExecutionContext, kind: LayoutFailure, message: RegExp, action: () => unknown): void {
  const error = t.throws(action, { instanceOf: LayoutError, message });
  t.is(error?.kind, kind);
}

test("create makes an empty layout with parents, and is idempotent", (t) => {
  const path = join(fresh(), "deep", "er");
  t.deepEqual(Layout.create(path).tags(), []);
  t.is(readFileSync(join(path, "oci-layout"), "utf8"), '{"imageLayoutVersion":"1.0.0"}');
  t.is(readFileSync(join(path, "index.json"), "utf8"), '{"manifests":[],"schemaVersion":2}');
  commit(Layout.create(path), "v1", "m");
  t.is(Layout.create(path).tags().length, 1);
  t.deepEqual(readdirSync(path).toSorted(), ["blobs", "index.json", "oci-layout"]);
});

test("create goes on where a killed create stopped", (t) => {
  const path = fresh();
  mkdirSync(path);
  writeFileSync(join(path, "oci-layout"), "");
  t.deepEqual(Layout.create(path).tags(), []);
});

test("a commit is found by tag and by digest", (t) => {
  const layout = Layout.create(fresh());
  const done = commit(layout, "v1", "metadata", "one", "two");
  for (const reference of ["v1", done.digest, `sha256:${done.digest}`]) {
    const manifest = layout.manifest(reference);
    t.is(manifest.digest, done.digest);
    t.deepEqual(manifest.bytes, done.manifest);
  }
  t.is(done.verity, fsVerityDigest(done.manifest).toString("hex"));
  t.is(done.newBlobs, 5);
  t.is(done.newBytes, "metadataonetwo{}".length + done.manifest.length);
  t.deepEqual(layout.images(), [
    {
      tag: "v1",
      digest: `sha256:${done.digest}`,
      hex: done.digest,
      size: done.manifest.length,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      platform: hostPlatform(),
      kind: "puzzlefs",
    },
  ]);
  t.is(readFileSync(layout.blobs.pathOf(EMPTY_CONFIG.digest.slice(7)), "utf8"), "{}");
  t.deepEqual(readdirSync(layout.path).toSorted(), ["blobs", "index.json", "oci-layout"], "no temporaries are left");
  t.is(statSync(layout.blobs.pathOf(done.digest)).mode & 0o7777, 0o644 & ~process.umask());
});

test("blobs that exist stay as they are, unless their size is wrong", (t) => {
  const layout = Layout.create(fresh());
  commit(layout, "v1", "one", "shared", "torn");
  const kept = layout.blobs.pathOf(sha256Hex(Buffer.from("shared")));
  const torn = layout.blobs.pathOf(sha256Hex(Buffer.from("torn")));
  const before = statSync(kept).ino;
  writeFileSync(torn, "to");
  const { newBlobs } = commit(layout, "v2", "two", "shared", "torn");
  t.is(statSync(kept).ino, before);
  t.is(readFileSync(torn, "utf8"), "torn");
  t.is(newBlobs, 3, "metadata, manifest and the torn blob");
});

test("an open layout is the directory that was opened, wherever its path leads later", (t) => {
  const layout = Layout.create(fresh());
  const { digest, manifest } = commit(layout, "v1", "m");
  renameSync(layout.path, `${layout.path}-renamed`);
  symlinkSync("/nowhere", layout.path);
  t.deepEqual(layout.manifest("v1").bytes, manifest);
  t.is(layout.blobs.size(digest), manifest.length);
  commit(layout, "v2", "other");
  using renamed = Layout.open(`${layout.path}-renamed`);
  t.is(renamed.tags().length, 2);
});

test("a rebuild of the same image leaves the same bytes", (t) => {
  const layout = Layout.create(fresh());
  for (const tag of ["a", "b", "c"]) commit(layout, tag, tag);
  const index = readFileSync(join(layout.path, "index.json"));
  t.is(commit(layout, "b", "b").newBlobs, 0);
  t.deepEqual(readFileSync(join(layout.path, "index.json")), index);
});

test("a tag that moves keeps its place; foreign entries and fields stay", (t) => {
  const layout = Layout.create(fresh());
  const foreign = { mediaType: "application/vnd.oci.image.index.v1+json", digest: "sha512:00", size: 9, urls: ["x"] };
  const index = { schemaVersion: 2, manifests: [foreign], annotations: { "a.b": "é" }, subject: null };
  writeFileSync(join(layout.path, "index.json"), JSON.stringify(index));
  commit(layout, "a", "a1");
  commit(layout, "b", "b1");
  commit(layout, "a", "a2");
  t.deepEqual(layout.tags(), ["a", "b"]);
  const { manifests, ...rest } = JSON.parse(readFileSync(join(layout.path, "index.json"), "utf8"));
  t.deepEqual(manifests[0], foreign);
  t.deepEqual(rest, { schemaVersion: 2, annotations: { "a.b": "é" }, subject: null });
});

test("an image that needs an absent blob is refused and leaves the index alone", (t) => {
  const layout = Layout.create(fresh());
  const rootfs = { digest: "0".repeat(64), size: 1, verity: "0".repeat(64) };
  const transaction = Transaction.begin(layout);
  refuses(t, "refused", /v1 needs sha256:0{64} of 1 bytes, found none/, () =>
    transaction.commit({ tag: "v1", manifest: assembleManifest(rootfs, []), blobs: [] }),
  );
  transaction.abort();
  transaction.abort();
  t.deepEqual(layout.tags(), []);
  t.deepEqual(readdirSync(layout.path).toSorted(), ["blobs", "index.json", "oci-layout"]);
});

test("bad tags are refused", (t) => {
  const layout = Layout.create(fresh());
  for (const tag of ["", " ", "a b", "-a", "ä", "a\n", "x".repeat(256), "0".repeat(64), `sha256:${"0".repeat(64)}`])
    refuses(t, "refused", /not a tag/, () => commit(layout, tag, "m"));
  for (const tag of ["v1", "debian/12", "a_b-c.d", "x".repeat(255)]) commit(layout, tag, "m");
  t.is(layout.tags().length, 4);
});

test("damage to a layout is named", (t) => {
  const path = fresh();
  refuses(t, "absent", /layout-\d+: not an OCI layout/, () => Layout.open(path));
  const layout = Layout.create(path);
  const { digest } = commit(layout, "v1", "m");
  refuses(t, "absent", /index\.json: no tag "v2"; there is "v1"/, () => layout.manifest("v2"));
  refuses(t, "missing", /no such blob/, () => layout.manifest("1".repeat(64)));

  const manifest = readFileSync(layout.blobs.pathOf(digest));
  writeFileSync(layout.blobs.pathOf(digest), Buffer.from(manifest).fill(0x20, 3, 4));
  refuses(t, "corrupt", new RegExp(`${digest}: its content has sha256`), () => layout.manifest("v1"));
  rmSync(layout.blobs.pathOf(digest));
  refuses(t, "missing", /no such blob/, () => layout.manifest("v1"));
  execFileSync("mkfifo", [layout.blobs.pathOf(digest)]);
  refuses(t, "corrupt", /not a regular file/, () => layout.manifest("v1"));
  rmSync(layout.blobs.pathOf(digest));
  execFileSync("truncate", ["-s", "65M", layout.blobs.pathOf(digest)]);
  refuses(t, "corrupt", /68157440 bytes, more than 67108864/, () => layout.manifest("v1"));

  rmSync(layout.blobs.pathOf(digest));
  writeFileSync(layout.blobs.pathOf(digest), manifest);
  const tagged = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: `sha256:${digest}`,
    annotations: { "org.opencontainers.image.ref.name": "v1" },
  };
  const cases: [index: string, kind: LayoutFailure, message: RegExp][] = [
    ["{", "corrupt", /index\.json: not JSON: wrong at line 1 column 2/],
    ["[]", "corrupt", /not a JSON object/],
    ['{"schemaVersion":3,"manifests":[]}', "unsupported", /schemaVersion is not 2/],
    ['{"schemaVersion":2,"manifests":{}}', "corrupt", /manifests is not an array/],
    [JSON.stringify({ manifests: [{ ...tagged, size: 1 }] }), "corrupt", /size 1, but the manifest has/],
    [`{"manifests":[${"1,".repeat(100_000)}1]}`, "unsupported", /index\.json: more than 100000 entries/],
  ];
  for (const [index, kind, message] of cases) {
    writeFileSync(join(path, "index.json"), index);
    refuses(t, kind, message, () => layout.manifest("v1"));
  }
  rmSync(join(path, "index.json"));
  refuses(t, "absent", /index\.json: no such file/, () => layout.tags());
  t.deepEqual(layout.manifest(digest).bytes, manifest, "a digest needs no index");

  writeFileSync(join(path, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
  refuses(t, "unsupported", /imageLayoutVersion is not 1.0.0/, () => Layout.open(path));
  writeFileSync(join(path, "oci-layout"), "{}");
  refuses(t, "corrupt", /imageLayoutVersion is not a string/, () => Layout.open(path));
});

test("skopeo copies an image, and it reads the same there", (t) => {
  if (spawnSync("skopeo", ["--version"]).error !== undefined) {
    t.pass("skipped: skopeo is not installed");
    return;
  }
  const layout = Layout.create(fresh());
  const { digest } = commit(layout, "v1", "metadata", "one", "two");
  commit(layout, "v2", "other");
  const busy = Transaction.begin(layout);
  busy.writeBlob(Buffer.from("in the making"));
  const copy = fresh();
  execFileSync("skopeo", ["--insecure-policy", "copy", "-q", `oci:${layout.path}:v1`, `oci:${copy}:w`], {
    encoding: "utf8",
  });
  busy.abort();
  const other = Layout.open(copy);
  t.is(other.manifest("w").digest, digest);
  t.is(readdirSync(join(copy, "blobs/sha256")).length, 5);
  commit(other, "v3", "third");
  t.deepEqual(other.tags(), ["w", "v3"]);
});

test("a layout where no directory can be made is an error at once", (t) => {
  t.throws(() => Layout.create("/proc/1/layout"), {
    instanceOf: LayoutError,
    message: /^\/proc\/1\/layout: cannot make/,
  });
});
