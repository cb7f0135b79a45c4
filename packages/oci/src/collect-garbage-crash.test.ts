import { execFile } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { collectGarbage } from "./collect-garbage.ts";
import { Layout } from "./image-layout.ts";
import { assembleManifest } from "./manifest.ts";
import * as store from "./store-fixture.ts";
import { Transaction } from "./transaction.ts";
import { untag } from "./untag.ts";

const directory = temporaryDirectory();
const program = join(import.meta.dirname, "crash-fixture.ts");
const env = { ...process.env, NODE_COMPILE_CACHE: join(directory, "compiled") };

/** Runs gc in a process that is killed before its call number `killAt`. Returns whether it came to its end. */
async function collectKilled(path: string, killAt: number): Promise<boolean> {
  try {
    await promisify(execFile)(process.execPath, [program, path, "gc", "0", String(killAt)], { env });
    return true;
  } catch (error) {
    if (error instanceof Error && "signal" in error && error.signal === "SIGKILL") return false;
    throw error;
  }
}

function makeOrigin(): string {
  const path = join(directory, "origin");
  store.commitImage(path, "gone", ["shared", "only in gone"]);
  store.commitImage(path, "kept", ["shared", "only in kept"]);
  using layout = Layout.open(path);
  untag(layout, "gone");
  return path;
}

function checkClean(t: ExecutionContext, path: string, name: string): void {
  using layout = Layout.open(path);
  collectGarbage(layout, { grace: 0 });
  t.deepEqual(store.blobNames(path), store.neededBlobs(path), name);
  t.deepEqual(readdirSync(path).toSorted(), ["blobs", "index.json", "oci-layout"], name);
}

const origin = makeOrigin();

test("killed at any call, gc leaves the images whole, and the next one goes on", async (t) => {
  const counts = new Set<number>();
  for (let killAt = 1; ; killAt++) {
    const path = join(directory, `killed-${killAt}`);
    cpSync(origin, path, { recursive: true });
    const isDone = await collectKilled(path, killAt);
    const names = store.blobNames(path);
    counts.add(names.length);
    t.deepEqual(
      names.filter((name) => store.neededBlobs(path).includes(name)),
      store.neededBlobs(path),
      `call ${killAt}`,
    );
    t.is(store.neededBlobs(path).length, 5, `call ${killAt}`);
    checkClean(t, path, `call ${killAt}`);
    if (isDone) break;
  }
  t.deepEqual(counts, new Set([8, 7, 6, 5]), "it was killed before each removal, and after all");
});

test("killed at any call while a build is at work, gc does not take from the build what it found", async (t) => {
  for (let killAt = 1; ; killAt++) {
    const path = join(directory, `working-${killAt}`);
    cpSync(origin, path, { recursive: true });
    using layout = Layout.open(path);
    const build = Transaction.begin(layout);
    const isDone = await collectKilled(path, killAt);
    const rootfs = build.writeBlob(Buffer.from("metadata"));
    const chunk = { digest: store.hexOf("only in gone"), size: "only in gone".length, compressed: false };
    const manifest = assembleManifest({ digest: rootfs.digest, size: 8, verity: "0".repeat(64) }, [chunk]);
    t.notThrows(() => build.commit({ tag: "built", manifest, blobs: [rootfs] }), `call ${killAt}`);
    t.is(layout.blobs.read(chunk.digest, 100).toString(), "only in gone");
    checkClean(t, path, `call ${killAt}`);
    if (isDone) break;
  }
});
