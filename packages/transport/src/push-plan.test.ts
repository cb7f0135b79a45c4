/** What a push uploads, keeps and mounts, and what it does when the registry loses packs meanwhile. */
import { Layout } from "@puzzlefs/oci";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { MemoryRepository } from "./memory-repository-fixture.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { buildTo, dumpOf, series } from "./transport-fixture.ts";

test("the result of an independent push depends on the image alone, not on the layout's packs or the registry's", async (t) => {
  const [first = "", second = ""] = series(2);
  const ociDir = temporaryDirectory();
  await buildTo(first, ociDir, "v1", { packed: true });
  await buildTo(second, ociDir, "v2", { packed: true });
  const repository = new MemoryRepository("latest");
  await push({ ociDir, reference: "v1", target: repository });
  const one = await push({ ociDir, reference: "v2", target: repository, independent: true });
  const loose = temporaryDirectory();
  await buildTo(second, loose, "v2");
  const two = await push({ ociDir: loose, reference: "v2", target: new MemoryRepository("x"), independent: true });
  t.is(one.pushedManifest, two.pushedManifest);
  t.is(one.keptPacks, 0);
});

test("without a base, packs of the layout that the registry has are kept", async (t) => {
  const [first = "", second = ""] = series(2);
  const ociDir = temporaryDirectory();
  await buildTo(first, ociDir, "v1", { packed: true });
  await buildTo(second, ociDir, "v2", { packed: true });
  const repository = new MemoryRepository("v1");
  const one = await push({ ociDir, reference: "v1", target: repository });
  const two = await push({ ociDir, reference: "v2", target: repository.at("v2") });
  t.is(two.keptPacks, one.packs);
  t.is(two.uploadedPacks, 1);
  t.is(two.patches.length, 0);
});

test("a pack that disappears before the manifest comes is uploaded again, in a new plan", async (t) => {
  const [first = "", second = ""] = series(2);
  const ociDir = temporaryDirectory();
  await buildTo(first, ociDir, "v1");
  const v2 = await buildTo(second, ociDir, "v2");
  for (const isInCache of [false, true]) {
    const repository = new MemoryRepository("v1");
    await push({ ociDir, reference: "v1", target: repository });
    const target = new Losing("v1", repository);
    target.isInCache = isInCache;
    const result = await push({ ociDir, reference: "v2", target });
    t.is(result.manifest, v2);
    t.is(result.keptPacks, 0);
    const copy = temporaryDirectory();
    await pull({ repository: repository.at("v1"), ociDir: copy, tag: "v2" });
    t.is(dumpOf(copy, "v2"), dumpOf(ociDir, "v2"));
  }
});

/** A registry that collects the packs of the replaced image as the new manifest comes. */
class Losing extends MemoryRepository {
  /** It reports for a while that it has them. */
  isInCache = false;
  readonly #lost = new Map<string, number>();

  override hasBlob(digest: string): Promise<number | undefined> {
    const lost = this.isInCache && !this.blobs.has(digest) ? this.#lost.get(digest) : undefined;
    return lost === undefined ? super.hasBlob(digest) : Promise.resolve(lost);
  }

  override putManifest(reference: string, bytes: Uint8Array, mediaType: string): Promise<string> {
    if (this.#lost.size === 0) {
      const { layers } = JSON.parse(this.manifests.get("v1")?.bytes.toString() ?? "") as {
        layers: { digest: string; mediaType: string }[];
      };
      for (const { digest, mediaType: type } of layers) {
        if (!type.includes("pack")) continue;
        this.#lost.set(digest, this.blobs.get(digest)?.length ?? 0);
        this.blobs.delete(digest);
      }
    }
    return super.putManifest(reference, bytes, mediaType);
  }
}

test("packs of a base in another repository are mounted where the registry does that, and uploaded where not", async (t) => {
  const [first = "", second = ""] = series(2);
  const ociDir = temporaryDirectory();
  await buildTo(first, ociDir, "v1");
  await buildTo(second, ociDir, "v2");
  const base = new MemoryRepository("v1");
  const one = await push({ ociDir, reference: "v1", target: base });
  for (const mounts of [true, false]) {
    const target = new Mounting(base, mounts);
    const result = await push({ ociDir, reference: "v2", target, bases: [{ repository: base, mountFrom: "repo" }] });
    t.is(result.mountedPacks, mounts ? one.packs : 0);
    t.is(result.keptPacks, mounts ? one.packs : 0);
    const copy = temporaryDirectory();
    await pull({ repository: target, ociDir: copy, tag: "v2" });
    t.is(dumpOf(copy, "v2"), dumpOf(ociDir, "v2"));
  }
});

class Mounting extends MemoryRepository {
  readonly #from: MemoryRepository;
  readonly #mounts: boolean;

  constructor(from: MemoryRepository, mounts: boolean) {
    super("latest");
    this.#from = from;
    this.#mounts = mounts;
  }

  override mount(digest: string): Promise<boolean> {
    const bytes = this.#from.blobs.get(digest);
    if (!this.#mounts || bytes === undefined) return Promise.resolve(false);
    this.blobs.set(digest, bytes);
    return Promise.resolve(true);
  }
}

test("a chunk of the layout that is damaged fails the push before the tag changes", async (t) => {
  const [first = ""] = series(1);
  const ociDir = temporaryDirectory();
  await buildTo(first, ociDir, "v1");
  using layout = Layout.open(ociDir);
  const { writeFileSync } = await import("node:fs");
  const [large = ""] = layout.blobs
    .list()
    .toSorted((a, b) => (layout.blobs.size(b) ?? 0) - (layout.blobs.size(a) ?? 0));
  writeFileSync(layout.blobs.pathOf(large), Buffer.alloc(layout.blobs.size(large) ?? 0));
  const repository = new MemoryRepository("v1");
  await t.throwsAsync(push({ ociDir, reference: "v1", target: repository }), { message: /its content has sha256/ });
  t.is(repository.manifests.size, 0);
  t.is(repository.blobs.size, 0);
});
