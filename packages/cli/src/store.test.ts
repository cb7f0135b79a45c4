/** untag, gc, repair, and what tags and inspect show about shared blobs. */
import { cpSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import test from "ava";
import { INDEX, MANIFEST, SharedLayout, tagged } from "./shared-layout-fixture.ts";

interface Count {
  blobs: number;
  bytes: number;
}

/** A layout with two images that share a file. */
async function twoImages(t: Parameters<typeof SharedLayout.make>[0]): Promise<SharedLayout> {
  const directory = await SharedLayout.make(t, "first\n");
  writeFileSync(directory.path("root/shared"), Buffer.alloc(300_000, "shared "));
  await directory.build(t, "one\n", "root", "store:v1");
  await directory.build(t, "two\n", "root", "store:v2");
  await directory.good(t, "gc", "--grace", "0", "store");
  return directory;
}

test("untag reports what gc frees, and gc frees it; tags and inspect said so before", async (t) => {
  using directory = await twoImages(t);
  const json = async <T>(...argv: string[]): Promise<T> => JSON.parse(await directory.good(t, ...argv)) as T;
  const before = await json<{ tag: string; stored: Count; frees: Count }[]>("tags", "--json", "store");
  const [v1, v2] = before;
  t.is(v1?.frees.blobs, 3, "a chunk, the metadata, the manifest");
  t.true((v1?.stored.bytes ?? 0) > 300);
  const { shared, frees } = await json<{ shared: Count; frees: Count }>("inspect", "--json", "store:v1");
  t.deepEqual(frees, v1?.frees);
  t.deepEqual(shared, {
    blobs: (v1?.stored.blobs ?? 0) - frees.blobs,
    bytes: (v1?.stored.bytes ?? 0) - frees.bytes,
  });
  const text = await directory.good(t, "inspect", "store:v1");
  t.regex(text, /^shared +[\d.]+ kB in \d blobs that other images need too$/m);
  t.regex(text, /^frees +[\d.]+ k?B in 3 blobs, if the image is removed$/m);
  t.regex(await directory.good(t, "tags", "store"), /^tag +manifest sha256 +size +stored +frees +platform\n/);

  t.regex(
    await directory.good(t, "untag", "store:v1"),
    /^untagged sha256:[0-9a-f]{64}, linux\/\w+\n3 blobs are needed by no entry any more, [\d.]+ k?B: 'puzzlefs gc' frees them\n$/,
  );
  const planned = await json<{ freed: Count }>("gc", "--json", "--dry-run", "--grace", "0", "store");
  t.deepEqual(planned.freed, v1?.frees);
  t.regex(
    await directory.good(t, "gc", "store"),
    /^freed +0 blobs, 0 B\nneeded +.* 1 entry of index.json\nnew +3 blobs/,
  );
  t.regex(await directory.good(t, "gc", "--dry-run", "--grace", "0s", "store"), /^would free +3 blobs, /);
  t.regex(await directory.good(t, "gc", "--grace", "0", "store"), /^freed +3 blobs, /);
  t.regex(await directory.good(t, "verify", "store"), /^1 image, .*: good\n$/);
  t.deepEqual(
    (await json<{ frees: Count }[]>("tags", "--json", "store"))[0]?.frees,
    v2?.stored,
    "it shares nothing any more",
  );
});

test("untag of another tool's entry, of an entry without a tag, and of what is not there", async (t) => {
  using directory = await SharedLayout.make(t);
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: directory.blob("layer"), size: 5 };
  const foreign = directory.stored(MANIFEST, { schemaVersion: 2, layers: [layer] });
  const index = directory.stored(INDEX, { schemaVersion: 2, manifests: [foreign] });
  const ours = directory.entries();
  directory.setEntries([...ours, tagged("theirs", index), foreign]);
  await directory.good(t, "gc", "--grace", "0", "store");
  t.is(readdirSync(directory.path("store/blobs/sha256")).length, 7);
  t.regex(await directory.good(t, "untag", "store:theirs"), /^untagged sha256:.*\n1 blob is needed by no entry/);
  t.deepEqual(directory.entries(), [...ours, foreign]);
  const { removed } = JSON.parse(await directory.good(t, "untag", "--json", `store@${foreign.digest}`)) as {
    removed: object[];
  };
  t.deepEqual(removed, [{ tag: null, digest: foreign.digest, mediaType: MANIFEST, platform: null }]);
  for (const name of ["store:theirs", `store@${foreign.digest}`]) {
    const { code, stderr } = await directory.run("untag", name);
    t.is(code, 1);
    t.regex(stderr, /^puzzlefs: .*index.json: no entry "/);
  }
  t.deepEqual(directory.entries(), ours);
  t.regex(await directory.good(t, "gc", "--grace", "0", "store"), /^freed +3 blobs/);
});

test("gc refuses a shared store, an entry that it cannot follow, and a grace period that is none", async (t) => {
  using directory = await SharedLayout.make(t);
  const ours = directory.entries();
  directory.setEntries([...ours, tagged("lost", { mediaType: MANIFEST, digest: `sha256:${"0".repeat(64)}`, size: 2 })]);
  const lost = await directory.run("gc", "store");
  t.is(lost.code, 1);
  t.regex(
    lost.stderr,
    /nothing is removed: what "lost" needs is not known \(.*no such blob\); repair it, or untag it\n$/,
  );
  t.regex(await directory.good(t, "untag", "store:lost"), /\nall its blobs are needed by other images\n$/);
  cpSync(directory.path("store"), directory.path("linked"), { recursive: true });
  rmSync(directory.path("linked/blobs"), { recursive: true });
  symlinkSync("../store/blobs", directory.path("linked/blobs"));
  const shared = await directory.run("gc", "linked");
  t.is(shared.code, 1);
  t.regex(shared.stderr, /store that other layouts may share/);
  for (const grace of ["", "1y", "-1", "1.5h", "h"]) {
    const { code, stderr } = await directory.run("gc", `--grace=${grace}`, "store");
    t.is(code, 2, grace);
    t.regex(stderr, /is not a duration: seconds, or a number with s, m, h, d or w/, grace);
  }
});

test("repair copies what is damaged, and exits with 1 if something stays lost", async (t) => {
  using directory = await twoImages(t);
  cpSync(directory.path("store"), directory.path("copy"), { recursive: true });
  const [first = "", second = ""] = readdirSync(directory.path("store/blobs/sha256"));
  writeFileSync(directory.path("store/blobs/sha256", first), "damaged");
  rmSync(directory.path("store/blobs/sha256", second));
  t.is((await directory.run("verify", "store")).code, 3);
  t.regex(
    await directory.good(t, "repair", "store", "--from", "copy"),
    /^\d+ blobs intact; 2 blobs repaired, [\d.]+ k?B\n$/,
  );
  t.regex(await directory.good(t, "verify", "store"), /: good\n$/);
  for (const store of ["store", "copy"]) rmSync(directory.path(store, "blobs/sha256", first));
  const { code, stdout, stderr } = await directory.run("repair", "store", "--from", "copy");
  t.is(code, 1);
  t.is(stderr, `puzzlefs: blob sha256:${first}: missing here, missing there\n`);
  t.regex(stdout, /; 1 blob lost\n$/);
  t.is((await directory.run("repair", "store")).code, 2, "--from is required");
});
