import { appendFileSync, cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Random } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { Layout } from "./image-layout.ts";
import { repair, type RepairReport } from "./repair.ts";
import * as store from "./store-fixture.ts";

const directory = temporaryDirectory();
let count = 0;

/** A layout with an image of ours and one of another tool, and a copy of it. */
function makeStores(): { path: string; copy: string } {
  const path = join(directory, `store-${count++}`);
  store.commitImage(path, "v1", ["one", "two", "three"]);
  const config = store.putJson(path, "a/b", { rootfs: { diff_ids: [`sha256:${"7".repeat(64)}`] } });
  const foreign = store.putJson(path, store.DOCKER, { config, layers: [store.described(path, "a/b", "layer")] });
  store.setEntries(path, [
    ...store.entriesOf(path),
    store.tagged("index", store.putJson(path, store.INDEX, { manifests: [foreign] })),
  ]);
  const copy = `${path}-copy`;
  cpSync(path, copy, { recursive: true });
  return { path, copy };
}

function repairFrom(path: string, copy: string): RepairReport {
  using layout = Layout.open(path);
  using from = Layout.open(copy);
  return repair(layout, { from });
}

function checkWhole(t: ExecutionContext, path: string): void {
  using layout = Layout.open(path);
  for (const name of store.neededBlobs(path)) t.notThrows(() => layout.blobs.read(name, 10_000));
}

/** Ways in which a blob is lost. */
const damages: Record<string, (file: string) => void> = {
  missing: (file) => rmSync(file),
  empty: (file) => writeFileSync(file, ""),
  longer: (file) => appendFileSync(file, "x"),
  "same size": (file) => writeFileSync(file, "?"),
};

test("any set of lost blobs is copied, manifests too, and nothing else changes", (t) => {
  const random = new Random();
  for (let round = 0; round < 60; round++) {
    const { path, copy } = makeStores();
    const needed = store.blobNames(path);
    const lost = needed.filter(() => random.once(2));
    const kinds = lost.map((name) => {
      const kind = random.pick(Object.keys(damages));
      damages[kind]?.(join(path, "blobs/sha256", name));
      return kind;
    });
    const report = repairFrom(path, copy);
    t.deepEqual(report.lost, [], kinds.join());
    t.is(report.repaired.blobs, lost.length, kinds.join());
    t.is(report.intact.blobs, needed.length - lost.length);
    t.deepEqual(store.blobNames(path), needed);
    checkWhole(t, path);
    t.is(repairFrom(path, copy).repaired.blobs, 0);
  }
});

test("what the other layout lacks or has damaged is named, and the rest is copied", (t) => {
  const { path, copy } = makeStores();
  const [one, two, three] = ["one", "two", "three"].map(store.hexOf);
  for (const name of [one, two, three]) rmSync(join(path, "blobs/sha256", name));
  rmSync(join(copy, "blobs/sha256", one));
  writeFileSync(join(copy, "blobs/sha256", two), "TWO");
  const { lost, repaired } = repairFrom(path, copy);
  t.deepEqual(
    lost.toSorted((a, b) => a.reason.localeCompare(b.reason)),
    [
      { digest: two, reason: "missing here, damaged there" },
      { digest: one, reason: "missing here, missing there" },
    ],
  );
  t.is(repaired.blobs, 1);
  using layout = Layout.open(path);
  t.is(layout.blobs.read(three, 10).toString(), "three");
  t.false(layout.blobs.has(two));
});

test("a damaged blob that no image needs is repaired, or named", (t) => {
  const { path, copy } = makeStores();
  const [known, unknown] = ["known", "unknown"].map(store.hexOf);
  store.putBlob(copy, "known");
  for (const name of [known, unknown]) writeFileSync(join(path, "blobs/sha256", name), "damaged");
  const { lost, repaired } = repairFrom(path, copy);
  t.deepEqual(lost, [{ digest: unknown, reason: "damaged here, missing there" }]);
  t.is(repaired.blobs, 1);
});

test("an end by the caller leaves the layout as it was", (t) => {
  const { path, copy } = makeStores();
  for (const name of store.blobNames(path)) rmSync(join(path, "blobs/sha256", name));
  using layout = Layout.open(path);
  using from = Layout.open(copy);
  let calls = 0;
  const progress = (): void => {
    if (++calls === 5) throw new Error("given up");
  };
  t.throws(() => repair(layout, { from, progress }), { message: "given up" });
  t.deepEqual(store.blobNames(path), []);
});
