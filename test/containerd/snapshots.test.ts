/** The operations of the snapshotter, over its socket. The content store is an image layout: their blobs are stored alike. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { build } from "@puzzlefs/builder";
import { startSnapshotter } from "@puzzlefs/containerd";
import { close, Directory } from "@puzzlefs/linux";
import { bootstrapBlob, Layout, sha256Hex } from "@puzzlefs/oci";
import { eventually, noise, prose, running } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { packsOf } from "../../packages/builder/src/packed/packed-fixture.ts";
import { makeTree } from "../../packages/builder/src/tree-fixture.ts";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { isRoot, missing, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { CallError } from "./client.ts";
import {
  chainOf,
  cleanup,
  commit,
  Fixture,
  Kind,
  labelsOf,
  MANIFEST,
  mounts,
  prepare,
  remove,
  stat,
  TARGET,
  update,
  usage,
  view,
} from "./snapshots-fixture.ts";

const DEPTH = 300;
const scratch = new Scratch();
const problem = isRoot ? missing("/dev/fuse").join() : "needs root";
const store = join(scratch.directory("content"), "store");
const files = { a: noise("a", 90_000), "b/c": prose("c", 4000), "b/d": prose("d", 3000) };
const tree = makeTree(files);
const marked = makeTree({ plain: "plain" });
let image = "";
let whiteouts = "";

test.before(async () => {
  if (problem !== "") return;
  const common = { ociDir: store, compress: true, packed: true, mtime: { kind: "keep" } } as const;
  image = (await build({ ...common, rootfs: tree, tag: "image" })).manifest;
  run("mknod", [join(marked, "gone"), "c", "0", "0"]);
  whiteouts = (await build({ ...common, rootfs: marked, tag: "marked" })).manifest;
});

test.after.always(() => scratch.remove());

/** A test with a snapshotter of its own, which must leave nothing when all snapshots are removed. */
function serving(title: string, body: (t: ExecutionContext, fixture: Fixture) => Promise<void>): void {
  (problem === "" ? test.serial : test.serial.skip)(`${title}${problem && ` (${problem})`}`, async (t) => {
    const fixture = new Fixture(scratch, store);
    await fixture.start();
    try {
      await body(t, fixture);
      await fixture.removeAll();
      t.true(await eventually(() => fixture.left().length === 0), fixture.left().join("\n"));
    } finally {
      await fixture.stop();
    }
  });
}

/** The hex sha256 of a tag's manifest. */
function manifestOf(path: string, tag: string): string {
  using layout = Layout.open(path);
  return layout.manifest(tag).digest;
}

async function refused(t: ExecutionContext, call: Promise<unknown>, code: status, message: RegExp): Promise<void> {
  const error = await t.throwsAsync(call, { instanceOf: CallError, message });
  t.is(error.code, code, error.message);
}

serving("ordinary layers become overlays, as containerd's overlay snapshotter makes them", async (t, fixture) => {
  const { client } = fixture;
  await fixture.layer("one", "", { a: "of one", b: "of one" });
  await fixture.layer("two", "one", { b: "of two" });
  const active = await client.call(prepare, { key: "container", parent: "two", labels: { "a.b/c": "d" } });
  fixture.mounted(active.mounts, (path) => {
    t.deepEqual(
      ["a", "b"].map((name) => readFileSync(join(path, name), "utf8")),
      ["of one", "of two"],
    );
    writeFileSync(join(path, "b"), "written".repeat(10_000));
  });
  t.deepEqual((await client.call(mounts, { key: "container" })).mounts, active.mounts);
  const { info } = await client.call(stat, { key: "container" });
  t.deepEqual([info?.parent, info?.kind, info?.labels], ["two", Kind.ACTIVE, { "a.b/c": "d" }]);
  // The root and the file.
  const used = await client.call(usage, { key: "container" });
  t.is(used.inodes, 2n);
  t.true(used.size >= 70_000n && used.size < 90_000n, String(used.size));
  t.is((await client.call(usage, { key: "two" })).inodes, 2n);
  const seen = await client.call(view, { key: "view", parent: "one" });
  fixture.mounted(seen.mounts, (path) => {
    t.is(readFileSync(join(path, "b"), "utf8"), "of one");
    t.throws(() => writeFileSync(join(path, "b"), ""), { code: "EROFS" });
  });
  t.deepEqual(
    (await fixture.all()).map(({ name }) => name),
    ["one", "two", "container", "view"],
  );
  t.deepEqual(
    (await fixture.all("kind==committed,parent==one", "kind==view")).map(({ name }) => name),
    ["two", "view"],
  );
});

serving("labels are updated, all of them or by name", async (t, { client }) => {
  await client.call(prepare, { key: "k", labels: { a: "1", b: "2" } });
  const labels = async (given: Record<string, string>, ...paths: string[]): Promise<unknown> => {
    const { info } = await client.call(update, { info: { name: "k", labels: given }, updateMask: { paths } });
    t.deepEqual((await client.call(stat, { key: "k" })).info, info);
    return info?.labels;
  };
  t.deepEqual(await labels({ "c.d/e": "3", a: "" }, "labels.c.d/e", "labels.a"), { b: "2", "c.d/e": "3" });
  t.deepEqual(await labels({ x: "y" }, "labels"), { x: "y" });
  t.deepEqual(await labels({ z: "y" }), { z: "y" });
  await refused(t, labels({}, "parent"), status.INVALID_ARGUMENT, /"parent" cannot be changed/);
});

serving("wrong requests have the codes that containerd distinguishes", async (t, fixture) => {
  const { client } = fixture;
  await fixture.layer("one", "", { a: "a" });
  await client.call(prepare, { key: "active", parent: "one" });
  const absent = /"absent": not found/;
  const key = "absent";
  for (const call of [
    () => client.call(stat, { key }),
    () => client.call(mounts, { key }),
    () => client.call(remove, { key }),
    () => client.call(usage, { key }),
    () => client.call(commit, { key, name: "other" }),
  ])
    await refused(t, call(), status.NOT_FOUND, absent);
  await refused(t, client.call(prepare, { key: "k", parent: "absent" }), status.NOT_FOUND, absent);
  await refused(t, client.call(prepare, { key: "active" }), status.ALREADY_EXISTS, /"active": already exists/);
  await refused(t, client.call(prepare, { key: "k", parent: "active" }), status.INVALID_ARGUMENT, /not committed/);
  await refused(t, client.call(prepare, {}), status.INVALID_ARGUMENT, /needs a key/);
  await refused(
    t,
    client.call(prepare, { key: "k", labels: { a: "x".repeat(5000) } }),
    status.INVALID_ARGUMENT,
    /longer than/,
  );
  await refused(t, client.call(commit, { key: "one", name: "two" }), status.FAILED_PRECONDITION, /not active/);
  await refused(t, client.call(commit, { key: "active", name: "one" }), status.ALREADY_EXISTS, /"one": already exists/);
  await refused(t, client.call(remove, { key: "one" }), status.FAILED_PRECONDITION, /over it/);
  await refused(t, client.call(mounts, { key: "one" }), status.FAILED_PRECONDITION, /no mounts/);
  await refused(t, fixture.all("kind=="), status.INVALID_ARGUMENT, /a value is expected at 6/);
});

serving("a packed image is mounted below a container, by its labels", async (t, fixture) => {
  const { client } = fixture;
  const labels = labelsOf(image);
  const chain = chainOf(image);
  await refused(t, client.call(prepare, { key: "extract", labels }), status.ALREADY_EXISTS, /already exists/);
  await refused(t, client.call(prepare, { key: "extract", labels }), status.ALREADY_EXISTS, /already exists/);
  // What containerd looks for then.
  const [found] = await fixture.all(`labels."${TARGET}"==${chain},parent==""`);
  t.deepEqual([found?.name, found?.kind, found?.labels], [chain, Kind.COMMITTED, labels]);
  const { mounts: described } = await client.call(prepare, { key: "container", parent: chain });
  fixture.mounted(described, (path) => {
    assertSameText(t, dumpDirectory(path), dumpDirectory(tree), "the container's root");
    writeFileSync(join(path, "new"), "new");
  });
  t.true((await client.call(usage, { key: chain })).size > 90_000n);
  const { mounts: readOnly } = await client.call(view, { key: "view", parent: chain });
  fixture.mounted(readOnly, (path) => {
    assertSameText(t, dumpDirectory(path), dumpDirectory(tree), "the view");
    t.throws(() => writeFileSync(join(path, "new"), ""), { code: "EROFS" });
  });
  // Another layer over the image.
  await client.call(commit, { key: "container", name: "over" });
  const above = await client.call(prepare, { key: "above", parent: "over" });
  fixture.mounted(above.mounts, (path) => t.deepEqual(readdirSync(path), ["a", "b", "new"]));
});

serving("the unpacked bootstrap of a packed image becomes the image", async (t, fixture) => {
  await fixture.layer("default/1/chain", "", { "puzzlefs.txt": `PuzzleFS image sha256:${image}\n` });
  const { mounts: described } = await fixture.client.call(prepare, { key: "c", parent: "default/1/chain" });
  fixture.mounted(described, (path) => assertSameText(t, dumpDirectory(path), dumpDirectory(tree), "root"));
});

for (const [what, contents] of Object.entries({
  "with another text": { "puzzlefs.txt": "PuzzleFS image sha256:12\n" },
  "beside other files": { "puzzlefs.txt": `PuzzleFS image sha256:${"0".repeat(64)}\n`, other: "" },
})) {
  serving(`a file puzzlefs.txt ${what} is an ordinary file`, async (t, fixture) => {
    await fixture.layer("layer", "", contents);
    const { mounts: described } = await fixture.client.call(view, { key: "v", parent: "layer" });
    t.deepEqual(
      fixture.mounted(described, (path) => readdirSync(path)),
      Object.keys(contents).toSorted(),
    );
  });
}

serving("labels cannot put another image in the place of a layer", async (t, fixture) => {
  const { client } = fixture;
  const labels = { [TARGET]: chainOf("0".repeat(64)), [MANIFEST]: `sha256:${image}` };
  const { mounts: described } = await client.call(prepare, { key: "extract", labels });
  t.is(described[0]?.type, "bind", "it is to be unpacked");
  t.regex(fixture.log.join("\n"), /not the bootstrap of image/);
});

serving("a container keeps the content that containerd removes", async (t) => {
  const copy = scratch.fresh("copy");
  cpSync(store, copy, { recursive: true });
  // As containerd has it that does not unpack the bootstrap.
  rmSync(join(copy, "blobs/sha256", bootstrapBlob(image).digest));
  const other = new Fixture(scratch, copy);
  await other.start();
  await refused(t, other.client.call(prepare, { key: "x", labels: labelsOf(image) }), status.ALREADY_EXISTS, /./);
  const { mounts: described } = await other.client.call(prepare, { key: "c", parent: chainOf(image) });
  const [pack] = packsOf(store, "image");
  t.is(
    statSync(join(copy, "blobs/sha256", pack ?? "")).ino,
    statSync(join(other.root, "store/blobs/sha256", pack ?? "")).ino,
  );
  rmSync(copy, { recursive: true });
  const check = async (from: typeof described): Promise<void> =>
    other.mounted(from, (path) => assertSameText(t, dumpDirectory(path), dumpDirectory(tree), "root"));
  await check(described);
  // Restarted, also after all mounts are gone, as after a start of the machine.
  await other.stop();
  run("umount", ["-l", join(other.root, "mounts", image)]);
  await other.start();
  await check((await other.client.call(mounts, { key: "c" })).mounts);
  await other.removeAll();
  t.true(await eventually(() => other.left().length === 0), other.left().join("\n"));
  await other.stop();
});

serving("an image whose server was killed is mounted again for the next container", async (t, fixture) => {
  const { client } = fixture;
  await refused(t, client.call(prepare, { key: "x", labels: labelsOf(image) }), status.ALREADY_EXISTS, /./);
  await client.call(prepare, { key: "first", parent: chainOf(image) });
  const mountpoint = join(fixture.root, "mounts", image);
  // Opened before: the kernel may not ask the server again.
  t.deepEqual(readdirSync(mountpoint), ["a", "b"]);
  // The supervisor and the server.
  for (const { pid } of running(fixture.root)) process.kill(pid, "SIGKILL");
  t.true(await eventually(() => !existsSync(join(mountpoint, "a"))));
  const { mounts: described } = await client.call(prepare, { key: "second", parent: chainOf(image) });
  fixture.mounted(described, (path) => assertSameText(t, dumpDirectory(path), dumpDirectory(tree), "root"));
});

serving("what is not in the content store, or damaged there, is reported and leaves nothing", async (t) => {
  const damaged = scratch.fresh("damaged");
  cpSync(store, damaged, { recursive: true });
  const [pack = ""] = packsOf(store, "image");
  const path = join(damaged, "blobs/sha256", pack);
  const other = new Fixture(scratch, damaged);
  await other.start();
  await refused(t, other.client.call(prepare, { key: "x", labels: labelsOf(image) }), status.ALREADY_EXISTS, /./);
  const start = (): Promise<unknown> => other.client.call(prepare, { key: "c", parent: chainOf(image) });
  const bytes = readFileSync(path);
  writeFileSync(path, Buffer.from(bytes).fill(0, 100, 101));
  await refused(t, start(), status.NOT_FOUND, /a slice that should have sha256/);
  rmSync(path);
  await refused(t, start(), status.NOT_FOUND, new RegExp(`its blob sha256:${pack} is missing`));
  t.is((await other.client.call(usage, { key: chainOf(image) })).inodes, 0n);
  writeFileSync(path, bytes);
  // A copy of the manifest, with a wrong size of the bootstrap.
  const blob = (digest: string): string => join(damaged, "blobs/sha256", digest);
  const original = manifestOf(damaged, "image");
  const { digest: bootstrap, bytes: archive } = bootstrapBlob(image);
  const manifest = readFileSync(blob(original), "latin1");
  const forged = manifest.replace(`"size":${archive.length}}`, `"size":${archive.length + 1}}`);
  t.not(forged, manifest);
  writeFileSync(blob(sha256Hex(Buffer.from(forged, "latin1"))), forged, "latin1");
  rmSync(blob(original));
  await refused(t, start(), status.NOT_FOUND, new RegExp(`${bootstrap} has ${archive.length} bytes instead of`));
  // A good one later.
  writeFileSync(blob(original), manifest, "latin1");
  await start();
  await other.removeAll();
  await refused(
    t,
    other.client.call(prepare, { key: "x", labels: labelsOf("1".repeat(64)) }),
    status.ALREADY_EXISTS,
    /./,
  );
  await refused(
    t,
    other.client.call(view, { key: "v", parent: chainOf("1".repeat(64)) }),
    status.NOT_FOUND,
    /has no manifest of it/,
  );
  await other.removeAll();
  t.true(await eventually(() => other.left().length === 0), other.left().join("\n"));
  await other.stop();
});

serving("an image with marks of overlayfs gets no overlay, but a view", async (t, fixture) => {
  const { client } = fixture;
  await refused(t, client.call(prepare, { key: "x", labels: labelsOf(whiteouts) }), status.ALREADY_EXISTS, /./);
  const parent = chainOf(whiteouts);
  await refused(t, client.call(prepare, { key: "c", parent }), status.FAILED_PRECONDITION, /character device 0:0/);
  t.deepEqual(
    (await fixture.all()).map(({ name }) => name),
    [parent],
  );
  const { mounts: described } = await client.call(view, { key: "v", parent });
  t.deepEqual(
    fixture.mounted(described, (path) => readdirSync(path)),
    ["gone", "plain"],
  );
});

serving("what a container has written is removed, however deep, and nothing outside", async (t, fixture) => {
  const outside = scratch.directory("outside");
  writeFileSync(join(outside, "kept"), "");
  const { mounts: described } = await fixture.client.call(prepare, { key: "c" });
  fixture.mounted(described, (path) => {
    symlinkSync(outside, join(path, "link"));
    // Longer than PATH_MAX, deeper than the descriptors that are kept open.
    let directory = Directory.open(path);
    for (let depth = 0; depth < DEPTH; depth++) {
      using parent = directory;
      directory = parent.makeDirectory("a directory with a long name");
    }
    close(directory.createFile("file"));
    directory.close();
    mkdirSync(join(path, "closed"), { mode: 0 });
  });
  t.is((await fixture.client.call(usage, { key: "c" })).inodes, BigInt(DEPTH + 4));
  await fixture.client.call(remove, { key: "c" });
  t.deepEqual(readdirSync(join(fixture.root, "snapshots")), []);
  t.deepEqual(readdirSync(outside), ["kept"]);
  await fixture.client.call(cleanup, {});
});

serving("a second snapshotter is refused its root and its socket", async (t, fixture) => {
  const { root, address } = fixture.options;
  const other = scratch.fresh("other");
  await t.throwsAsync(startSnapshotter({ ...fixture.options, address: `${address}2` }), {
    message: /another snapshotter uses it/,
  });
  await t.throwsAsync(startSnapshotter({ ...fixture.options, root: other }), {
    message: /another process listens there/,
  });
  mkdirSync(`${root}-open`, { mode: 0o777 });
  run("chmod", ["777", `${root}-open`]);
  await t.throwsAsync(startSnapshotter({ ...fixture.options, root: `${root}-open` }), {
    message: /others may write to it/,
  });
  await t.throwsAsync(startSnapshotter({ ...fixture.options, root: `${root}:colon` }), { message: /has no :/ });
  writeFileSync(`${address}-file`, "kept");
  await t.throwsAsync(startSnapshotter({ ...fixture.options, root: other, address: `${address}-file` }), {
    message: /exists, and is no socket/,
  });
  t.is(readFileSync(`${address}-file`, "utf8"), "kept");
});
