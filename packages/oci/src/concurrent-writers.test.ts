import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { Layout } from "./image-layout.ts";
import { assembleManifest } from "./manifest.ts";
import { Turns } from "./steps.ts";
import { Transaction } from "./transaction.ts";
import { fsVerityDigest } from "./verity-digest.ts";

const directory = temporaryDirectory();
const chunks = Array.from({ length: 50 }, (_, index) => Buffer.from(`chunk ${index}`));
const metadata = Buffer.from("metadata");

/** An image of `chunks`, staged; with `missing`, its manifest lists a chunk that is not stored. */
function stage(path: string, missing = false) {
  const layout = Layout.create(path);
  const transaction = Transaction.begin(layout);
  const rootfs = transaction.writeBlob(metadata);
  const blobs = chunks.map((chunk) => transaction.writeBlob(chunk));
  const listed = blobs.map(({ digest }, index) => ({ digest, size: chunks[index].length, compressed: false }));
  if (missing) listed.push({ digest: "0".repeat(64), size: 1, compressed: false });
  const verity = fsVerityDigest(metadata).toString("hex");
  const manifest = assembleManifest({ digest: rootfs.digest, size: metadata.length, verity }, listed);
  return { layout, transaction, request: { tag: "v1", manifest, blobs: [rootfs, ...blobs] } };
}

const blobsOf = (path: string): number => readdirSync(join(path, "blobs/sha256")).length;

test("a commit that fails removes its blobs, unless there is another writer, which may rely on them", (t) => {
  const path = join(directory, "failing");
  const other = Transaction.begin(Layout.create(path));
  const first = stage(path, true);
  t.throws(() => first.transaction.commit(first.request), { message: /found none/ });
  first.transaction.abort();
  t.true(blobsOf(path) > chunks.length, "the other writer finds them");
  other.abort();
  for (const name of readdirSync(join(path, "blobs/sha256"))) Layout.open(path).blobs.remove(name);
  const second = stage(path, true);
  t.throws(() => second.transaction.commit(second.request), { message: /found none/ });
  second.transaction.abort();
  t.is(blobsOf(path), 0);
});

test("a commit is not ended from the moment when others can see its blobs", async (t) => {
  const path = join(directory, "late");
  const { layout, transaction, request } = stage(path);
  let calls = 0;
  const turns = new Turns(() => {
    calls++;
    if (blobsOf(path) > 0) throw new Error("too late");
  });
  await transaction.commitAsync(request, turns);
  t.true(calls > 0);
  t.deepEqual(layout.tags(), ["v1"]);
});

test("a half-made layout whose lock another process holds does not stop the event loop, and can be given up", async (t) => {
  const path = join(directory, "half-made");
  mkdirSync(path);
  writeFileSync(join(path, "oci-layout"), "");
  const holder = spawn("flock", [join(path, "oci-layout"), "sh", "-c", "echo held; exec cat"]);
  await once(holder.stdout, "data");
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const turns = new Turns(() => {
    if (ticks >= 20) throw new Error("given up");
  });
  await t.throwsAsync(
    Layout.createAsync(path, () => {}, turns),
    { message: /given up/ },
  );
  clearInterval(timer);
  holder.stdin.end();
  await once(holder, "exit");
  t.is(Layout.create(path).tags().length, 0);
});
