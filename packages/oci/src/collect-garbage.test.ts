import {
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "ava";
import { PLACE_HEAD_BYTES, PLACE_MAGIC, readManifest } from "@puzzlefs/format";
import { flock, LOCK_EX, LOCK_NB } from "@puzzlefs/linux";
import { eventually } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { collectGarbage, type GarbageOptions } from "./collect-garbage.ts";
import type { GarbageReport } from "./garbage-report.ts";
import { asRoot, NOBODY } from "./hostile-layout-fixture.ts";
import { Layout } from "./image-layout.ts";
import { assembleManifest } from "./manifest.ts";
import * as store from "./store-fixture.ts";
import { Transaction } from "./transaction.ts";
import { untag } from "./untag.ts";

const directory = temporaryDirectory();
let count = 0;

/** A layout with the images v1 and v2, which share a chunk, and what an image had that is gone. */
function makeStore(): string {
  const path = join(directory, `store-${count++}`);
  store.commitImage(path, "gone", ["shared", "only in gone"]);
  store.commitImage(path, "v1", ["shared", "only in v1"]);
  store.commitImage(path, "v2", ["shared", "only in v2"]);
  remove(path, "gone");
  return path;
}

function remove(path: string, tag: string): void {
  using layout = Layout.open(path);
  untag(layout, tag);
}

function collect(path: string, options: Partial<GarbageOptions> = {}): GarbageReport {
  using layout = Layout.open(path);
  return collectGarbage(layout, { grace: 0, ...options });
}

const extras = (path: string): string[] =>
  readdirSync(path).filter((name) => !["blobs", "index.json", "oci-layout"].includes(name));

test("what no entry needs is removed, and nothing else; a dry run removes nothing", (t) => {
  const path = makeStore();
  const before = store.blobNames(path);
  const planned = collect(path, { dryRun: true });
  t.deepEqual(store.blobNames(path), before);
  const report = collect(path);
  t.deepEqual({ ...planned, dryRun: false }, report);
  t.deepEqual(store.blobNames(path), store.neededBlobs(path));
  t.is(report.freed.blobs, 3, "manifest, metadata and a chunk");
  t.is(report.needed.blobs + report.freed.blobs, before.length);
  t.is(report.entries, 2);
  t.is(collect(path).freed.blobs, 0);
});

test("a blob that begins as a place table, but is larger than any, is garbage as others are", (t) => {
  const path = makeStore();
  const name = join(path, "blobs/sha256", "5".repeat(64));
  const head = Buffer.alloc(PLACE_HEAD_BYTES);
  head.writeUInt32LE(PLACE_MAGIC);
  writeFileSync(name, head);
  truncateSync(name, 2 ** 40);
  collect(path);
  t.deepEqual(store.blobNames(path), store.neededBlobs(path));
});

test("everything that entries of other tools reach stays", (t) => {
  const path = makeStore();
  const put = (type: string, content: string): store.Entry => store.described(path, type, content);
  const json = (type: string, value: object | string): store.Entry => store.putJson(path, type, value);
  const docker = json(store.DOCKER, {
    schemaVersion: 2,
    config: json("application/vnd.docker.container.image.v1+json", { rootfs: {} }),
    layers: [put("application/vnd.docker.image.rootfs.diff.tar.gzip", "docker layer")],
  });
  const subject = json(store.MANIFEST, { config: put("a/b", "config of the subject"), layers: [] });
  const artifact = json("application/vnd.oci.artifact.manifest.v1+json", { blobs: [put("a/b", "artifact")], subject });
  const inner = json(store.INDEX, { manifests: [docker] });
  const outer = json(store.INDEX, {
    manifests: [inner, { mediaType: store.MANIFEST, digest: `sha256:${"0".repeat(64)}`, size: 1 }],
  });
  const escaped = put("a/b", "escaped").digest.replace("s", "\\u0073").replace(":", "\\u003A");
  const odd = json(store.MANIFEST, `  {"layers": [{"mediaType": "a/b", "digest": "${escaped}", "size": 7}]}`);
  // It has a media type of PuzzleFS, but is an index.
  const typed = json(store.INDEX, {
    manifests: [{ ...subject, artifactType: "application/vnd.puzzlefs.image.rootfs.v1" }],
  });
  const plain = put("application/octet-stream", "just a blob");
  store.setEntries(path, [
    ...store.entriesOf(path),
    store.tagged("index", outer),
    artifact,
    store.tagged("odd", odd),
    typed,
    store.tagged("plain", plain),
  ]);
  const needed = store.neededBlobs(path);
  t.true(needed.length > 17);
  const garbage = [put("a/b", "garbage"), json(store.MANIFEST, { layers: [] })];
  t.is(collect(path).freed.blobs, 3 + garbage.length);
  t.deepEqual(store.blobNames(path), needed);
});

test("a manifest that is also a chunk of an image is followed as a manifest", (t) => {
  const path = makeStore();
  const text = JSON.stringify({ layers: [store.described(path, "a/b", "layer")] });
  store.commitImage(path, "chunks", [text]);
  const entries = store.entriesOf(path);
  store.setEntries(path, [...entries, store.tagged("manifest", store.putJson(path, store.MANIFEST, text))]);
  const needed = store.neededBlobs(path);
  t.is(collect(path).freed.blobs, 3);
  t.deepEqual(store.blobNames(path), needed);
});

test("an entry that cannot be followed is named, and nothing is removed", (t) => {
  const cases: Record<string, (path: string) => store.Entry> = {
    missing: () => ({ mediaType: store.MANIFEST, digest: `sha256:${"1".repeat(64)}`, size: 1 }),
    damaged: (path) => {
      const entry = store.putJson(path, store.MANIFEST, { layers: [] });
      writeFileSync(join(path, "blobs/sha256", entry.digest.slice(7)), '{"layers":[ ]}');
      return entry;
    },
    empty: (path) => {
      const entry = store.putJson(path, store.MANIFEST, { layers: [] });
      writeFileSync(join(path, "blobs/sha256", entry.digest.slice(7)), "");
      return entry;
    },
    "empty inside": (path) => {
      const inner = store.putJson(path, store.MANIFEST, { layers: [], config: {} });
      writeFileSync(join(path, "blobs/sha256", inner.digest.slice(7)), "");
      return store.putJson(path, store.INDEX, { manifests: [inner] });
    },
    "damaged inside": (path) => {
      const inner = store.putJson(path, store.MANIFEST, { layers: [], config: {} });
      writeFileSync(join(path, "blobs/sha256", inner.digest.slice(7)), "{");
      return store.putJson(path, store.INDEX, { manifests: [inner] });
    },
    sha512: () => ({ mediaType: store.MANIFEST, digest: `sha512:${"1".repeat(128)}`, size: 1 }),
    "no digest": () => ({ mediaType: store.MANIFEST }) as store.Entry,
    "breaks a rule": (path) => {
      const layer = { mediaType: "application/vnd.puzzlefs.image.rootfs.v1", digest: "sha256:0", size: 1 };
      return store.putJson(path, store.MANIFEST, { layers: [layer] });
    },
  };
  for (const [name, make] of Object.entries(cases)) {
    const path = makeStore();
    store.setEntries(path, [...store.entriesOf(path), store.tagged("odd\n", make(path))]);
    const before = store.blobNames(path);
    const error = t.throws(() => collect(path), { name: "LayoutError" }, name);
    t.regex(error.message, /nothing is removed: what "odd\\n" needs is not known/, name);
    t.deepEqual(store.blobNames(path), before, name);
    remove(path, "odd\n");
    t.true(collect(path).freed.blobs >= 3, name);
    t.deepEqual(store.blobNames(path), store.neededBlobs(path), name);
  }
});

test("a layout whose blobs may be shared is refused", (t) => {
  for (const name of ["blobs", "blobs/sha256"]) {
    const path = makeStore();
    renameSync(join(path, name), join(path, "elsewhere"));
    symlinkSync(join(path, "elsewhere"), join(path, name));
    t.throws(() => collect(path), { message: /store that other layouts may share/ }, name);
    t.is(store.blobNames(path).length, 11, name);
  }
});

test("what was changed within the grace period stays, and what a manifest needs that was", async (t) => {
  const path = makeStore();
  const { young, freed } = collect(path, { grace: 3600 });
  t.deepEqual([young.blobs, freed.blobs], [3, 0]);
  const old = store.putBlob(path, "written by another tool").slice(7);
  const grace = 2;
  await eventually(() => collect(path, { grace, dryRun: true }).freed.blobs === 4);
  store.putJson(path, store.MANIFEST, { layers: [{ mediaType: "a/b", digest: `sha256:${old}`, size: 1 }] });
  t.is(collect(path, { grace }).freed.blobs, 3);
  t.true(store.blobNames(path).includes(old));
});

/** An image of what "gone" had, as a build that found its chunk in the layout commits it. */
function commitGone(transaction: Transaction, tag: string): void {
  const metadata = `metadata of ${tag}`;
  const rootfs = transaction.writeBlob(Buffer.from(metadata));
  const chunk = { digest: store.hexOf("only in gone"), size: "only in gone".length, compressed: false };
  const manifest = assembleManifest({ digest: rootfs.digest, size: metadata.length, verity: "0".repeat(64) }, [chunk]);
  transaction.commit({ tag, manifest, blobs: [rootfs] });
}

test("a build that found a blob before gc has it at its commit; what no build needed goes with the next gc", (t) => {
  const path = makeStore();
  using layout = Layout.open(path);
  const writers = [Transaction.begin(layout), Transaction.begin(layout)];
  const report = collect(path);
  t.deepEqual([report.freed.blobs, report.pending.blobs, report.writers], [0, 3, 2]);
  t.deepEqual(store.blobNames(path), store.neededBlobs(path));
  writers[0].abort();
  t.is(collect(path).pending.blobs, 3, "the other build is at work");
  const later = Transaction.begin(layout);
  commitGone(writers[1], "again");
  t.is(layout.blobs.read(store.hexOf("only in gone"), 100).toString(), "only in gone");
  t.is(collect(path, { dryRun: true }).freed.blobs, 2);
  const last = collect(path);
  t.deepEqual([last.freed.blobs, last.pending.blobs, last.writers], [2, 0, 1]);
  later.abort();
  t.deepEqual(extras(path), []);
  t.deepEqual(store.blobNames(path), store.neededBlobs(path));
});

test("a build reads what it found in the layout, also after gc", (t) => {
  const path = makeStore();
  using layout = Layout.open(path);
  const build = Transaction.begin(layout);
  t.is(collect(path).pending.blobs, 3);
  const digest = store.hexOf("only in gone");
  t.false(layout.blobs.has(digest));
  t.is(build.readBlob(digest, 100).toString(), "only in gone");
  t.is(collect(path).pending.blobs, 3);
  t.true(build.has(digest));
  t.false(build.has("0".repeat(64)));
  t.throws(() => build.readBlob("0".repeat(64), 100), { message: /no such blob/ });
  build.abort();
  t.is(collect(path).freed.blobs, 3);
});

test("what builds that died have left is removed", (t) => {
  const path = makeStore();
  const left = join(path, ".puzzlefs-tmp-dead");
  mkdirSync(left, { mode: 0o700 });
  writeFileSync(join(left, "owner"), "");
  writeFileSync(join(left, "chunk"), "12345");
  mkdirSync(join(path, ".puzzlefs-tmp-empty"), { mode: 0o700 });
  t.deepEqual(collect(path, { dryRun: true }).temporaries, { directories: 1, bytes: 5 });
  t.is(extras(path).length, 2);
  t.deepEqual(collect(path).temporaries, { directories: 1, bytes: 5 });
  t.deepEqual(extras(path), []);
});

asRoot("while another user's build is at work nothing is removed", (t) => {
  const path = makeStore();
  const left = join(path, ".puzzlefs-tmp-other");
  mkdirSync(left, { mode: 0o700 });
  chownSync(left, NOBODY, NOBODY);
  const owner = openSync(join(left, "owner"), "w");
  t.true(flock(owner, LOCK_EX | LOCK_NB));
  const before = store.blobNames(path);
  const { pending, freed, writers } = collect(path);
  t.deepEqual([pending.blobs, freed.blobs, writers], [3, 0, 1]);
  t.deepEqual(store.blobNames(path), before);
  closeSync(owner);
  t.is(collect(path).freed.blobs, 3, "that user's build has died");
  t.deepEqual(extras(path), [".puzzlefs-tmp-other"]);
});

test("an image in use stays whole without a tag, and goes when it is not used any more", (t) => {
  const path = makeStore();
  using layout = Layout.open(path);
  const use = layout.use("v1");
  remove(path, "v1");
  const kept = collect(path);
  // The shared chunk is needed by v2.
  t.deepEqual([kept.inUse.blobs, kept.freed.blobs], [3, 3]);
  t.is(collect(path, { dryRun: true }).freed.blobs, 0);
  const again = layout.blobs.hold(use.digest);
  use[Symbol.dispose]();
  t.is(collect(path).inUse.blobs, 3);
  again[Symbol.dispose]();
  let asked = 0;
  const metadata = readManifest(use.bytes).digest;
  for (const digest of [use.digest, metadata]) {
    const mounted = (): string[] => {
      asked++;
      return [digest];
    };
    t.is(collect(path, { mounted }).inUse.blobs, 3, "mounted by the driver");
  }
  t.true(asked > 1);
  t.is(collect(path).freed.blobs, 3);
  t.throws(() => layout.use(use.digest), { message: /no such blob/ });
  t.deepEqual(store.blobNames(path), store.neededBlobs(path));
});

test("a tag that is moved while it is resolved leads to its new image", (t) => {
  const path = makeStore();
  using layout = Layout.open(path);
  const { manifest } = layout;
  let calls = 0;
  layout.manifest = (...given) => {
    const found = manifest.apply(layout, given);
    if (calls++ > 0) return found;
    store.commitImage(path, "v1", ["another"]);
    collect(path);
    return found;
  };
  const use = layout.use("v1");
  t.is(calls, 2);
  t.true(store.neededBlobs(path).includes(use.digest));
  use[Symbol.dispose]();
});

test("a blob that another process removed meanwhile is no error", (t) => {
  const path = makeStore();
  const seen: number[] = [];
  const report = collect(path, {
    progress: (done, total) => {
      seen.push(total - done);
      for (const name of store.blobNames(path))
        if (!store.neededBlobs(path).includes(name)) rmSync(join(path, "blobs/sha256", name));
    },
  });
  t.is(seen.at(-1), 0);
  t.true(report.freed.blobs > 0);
  t.deepEqual(store.blobNames(path), store.neededBlobs(path));
});
