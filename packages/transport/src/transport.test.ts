/** Images go to a registry in memory and come back. The client of real registries has its own tests; test/registry has both together. */
import { Layout, referencedBlobs } from "@puzzlefs/oci";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { MemoryRepository } from "./memory-repository-fixture.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { buildTo, checkBlobs, dumpOf, identityOf, problemsOf, series } from "./transport-fixture.ts";

for (const form of ["loose", "packed"] as const) {
  test(`a ${form} image comes back in both forms, the same image; an update takes few requests`, async (t) => {
    const [first = "", second = ""] = series(2);
    const ociDir = temporaryDirectory();
    const options = form === "packed" ? { packed: true } : {};
    const v1 = await buildTo(first, ociDir, "v1", options);
    const v2 = await buildTo(second, ociDir, "v2", { ...options, ...(form === "packed" && { base: "v1" }) });
    const repository = new MemoryRepository("v1");
    const pushed = await push({ ociDir, reference: "v1", target: repository });
    t.is(pushed.manifest, v1);
    t.is(pushed.uploadedPacks, pushed.packs);
    const again = await push({ ociDir, reference: "v1", target: repository });
    t.false(again.changed);
    t.is(again.uploadedBlobs, 0);
    repository.requests.length = 0;
    const next = await push({ ociDir, reference: "v2", target: repository.at("v2"), bases: [{ repository }] });
    t.is(next.keptPacks, pushed.packs);
    t.is(next.uploadedPacks, 1);
    t.is(next.patches.length, 1);
    t.true((next.patches[0]?.bytes ?? Infinity) < next.bundleBytes / 2);
    t.log(repository.requests.length, "requests", next.uploadedBytes, next.bundleBytes, next.patches);
    for (const loose of [false, true]) {
      const copy = temporaryDirectory();
      const one = await pull({ repository, ociDir: copy, tag: "v1", loose });
      t.is(one.manifest, v1);
      t.is(one.isPacked, !loose);
      t.is(dumpOf(copy, "v1"), dumpOf(ociDir, "v1"));
      repository.requests.length = 0;
      const two = await pull({ repository: repository.at("v2"), ociDir: copy, tag: "v2", loose });
      t.is(two.manifest, v2);
      t.true(two.isPatched);
      t.true(repository.requests.length <= 6, repository.requests.join("\n"));
      t.is(dumpOf(copy, "v2"), dumpOf(ociDir, "v2"));
      t.deepEqual(problemsOf(copy), []);
      t.is(identityOf(copy, "v2"), v2);
      const same = await pull({ repository: repository.at("v2"), ociDir: copy, tag: "v2", loose });
      t.false(same.changed);
      if (loose) continue;
      using layout = Layout.open(copy);
      const listed = referencedBlobs(layout.manifest("v2").bytes, "v2").filter(({ type }) => type === "pack");
      t.is(listed.length, next.packs);
    }
  });
}

test("packs that are layers for containerd are the same blobs, and the image comes back as any other", async (t) => {
  const [first = "", second = ""] = series(2);
  const ociDir = temporaryDirectory();
  const v1 = await buildTo(first, ociDir, "v1", { packed: true });
  await buildTo(second, ociDir, "v2", { packed: true, base: "v1" });
  const repository = new MemoryRepository("v1");
  const eager = await push({ ociDir, reference: "v1", target: repository });
  const target = repository.at("lazy");
  const lazy = await push({ ociDir, reference: "v1", target, lazy: true });
  // The configuration has other layers.
  t.deepEqual([lazy.manifest, lazy.packs, lazy.uploadedPacks], [v1, eager.packs, 0]);
  t.not(lazy.pushedManifest, eager.pushedManifest);
  t.false((await push({ ociDir, reference: "v1", target, lazy: true })).changed);
  const next = await push({ ociDir, reference: "v2", target, lazy: true });
  t.is(next.keptPacks, lazy.packs);
  for (const loose of [false, true]) {
    const copy = temporaryDirectory();
    const pulled = await pull({ repository: target, ociDir: copy, tag: "v2", loose });
    t.is(pulled.manifest, next.manifest);
    t.is(dumpOf(copy, "v2"), dumpOf(ociDir, "v2"));
    t.deepEqual(problemsOf(copy), []);
  }
});

test("a chunk with wrong bytes fails the pull, what is right stays, and the next pull receives the rest", async (t) => {
  const [first = ""] = series(1);
  const ociDir = temporaryDirectory();
  const v1 = await buildTo(first, ociDir, "v1");
  const repository = new MemoryRepository("v1");
  await push({ ociDir, reference: "v1", target: repository });
  const [pack = ""] = [...repository.blobs].toSorted(([, a], [, b]) => b.length - a.length).map(([digest]) => digest);
  for (const loose of [true, false]) {
    const copy = temporaryDirectory();
    repository.behaviour.change = (digest, bytes, start) => {
      if (digest === pack && start <= 200_000 && start + bytes.length > 200_000) bytes[200_000 - start] ^= 1;
      return bytes;
    };
    const error = await t.throwsAsync(pull({ repository, ociDir: copy, tag: "v1", loose }));
    t.regex(
      error.message,
      /blob sha256:[0-9a-f]{64} does not have the sha256 it is named by \(bytes \d+ to \d+ of pack sha256:/,
    );
    delete repository.behaviour.change;
    t.true(checkBlobs(copy) > 50);
    using layout = Layout.open(copy);
    t.deepEqual(layout.tags(), []);
    const whole = await pull({ repository, ociDir: copy, tag: "v1", loose });
    t.is(whole.manifest, v1);
    t.true(whole.receivedChunks < 5, `${whole.receivedChunks}`);
    t.deepEqual(problemsOf(copy), []);
    t.is(dumpOf(copy, "v1"), dumpOf(ociDir, "v1"));
  }
});
