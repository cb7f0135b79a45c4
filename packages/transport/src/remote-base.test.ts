/** Images are built on one that is only in a registry. The registry in memory records what is read; test/registry has real ones. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type BuildOptions } from "@puzzlefs/builder";
import { Layout, LayoutError, MANIFEST_TYPE, referencedBlobs } from "@puzzlefs/oci";
import { RegistryError } from "@puzzlefs/registry";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { MemoryRepository } from "./memory-repository-fixture.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { remoteBase } from "./remote-base.ts";
import { buildTo, dumpOf, problemsOf, removeBlob, series } from "./transport-fixture.ts";

const { signal } = new AbortController();
const [first = "", second = ""] = series(2);

/** A registry with the first tree as v1, and the layout that it is from, with the second tree over it as v2. */
async function published(options: Partial<BuildOptions>, later: Partial<BuildOptions> = options) {
  const ociDir = temporaryDirectory();
  await buildTo(first, ociDir, "v1", options);
  const repository = new MemoryRepository("v1");
  await push({ ociDir, reference: "v1", target: repository });
  const v2 = await buildTo(second, ociDir, "v2", { ...later, base: "v1" });
  repository.requests.length = 0;
  return { ociDir, repository, v2 };
}

const variants: Record<string, [Partial<BuildOptions>, Partial<BuildOptions>?]> = {
  compressed: [{}],
  raw: [{ compress: false }],
  "compressed on raw": [{ compress: false }, {}],
  "packed, on raw": [{ compress: false }, { packed: true }],
};

for (const [variant, [options, later = options]] of Object.entries(variants)) {
  test(`${variant}: the image is that of the same build on a local base, is whole, and no pack has been read`, async (t) => {
    const { ociDir, repository, v2 } = await published(options, later);
    const empty = temporaryDirectory();
    const base = remoteBase(repository, signal);
    const built = await build({ rootfs: second, ociDir: empty, tag: "v2", compress: true, ...later, base });
    t.is(built.manifest, v2);
    t.deepEqual(built.repaired, []);
    t.is(dumpOf(empty, "v2"), dumpOf(ociDir, "v2"));
    t.deepEqual(problemsOf(empty), []);
    t.is(repository.requests.length, 2, repository.requests.join("\n"));

    repository.requests.length = 0;
    const pushed = await push({
      ociDir: empty,
      reference: "v2",
      target: repository.at("v2"),
      openRecorded: ({ digest }) => ({ repository: repository.at(`sha256:${digest}`) }),
    });
    t.true(pushed.keptPacks > 0);
    t.is(pushed.patches.length, 1);
    const sent = repository.requests.filter((request) => request.startsWith("UPLOAD"));
    t.is(sent.length, 5, sent.join("\n"));
    const copy = temporaryDirectory();
    const pulled = await pull({ repository: repository.at("v2"), ociDir: copy, tag: "v2" });
    t.is(pulled.manifest, v2);
    t.is(dumpOf(copy, "v2"), dumpOf(ociDir, "v2"));
  });
}

test("of a base that the layout has, whole or not, the manifest alone is read", async (t) => {
  const { ociDir, repository, v2 } = await published({});
  const base = remoteBase(repository, signal);
  for (const isDamaged of [false, true]) {
    if (isDamaged) {
      using layout = Layout.open(ociDir);
      for (const { type, digest = "" } of referencedBlobs(layout.manifest("v1").bytes, "v1"))
        if (type === "compressed-chunk") removeBlob(ociDir, digest);
    }
    repository.requests.length = 0;
    const built = await build({ rootfs: second, ociDir, tag: "v2", compress: true, base });
    t.is(built.manifest, v2);
    t.deepEqual(repository.requests, ["GET manifest v1"]);
    dumpOf(ociDir, "v2");
  }
});

test("index.json records the base by name and digest, and a build without one does not", async (t) => {
  const { repository } = await published({});
  const ociDir = temporaryDirectory();
  await build({ rootfs: second, ociDir, tag: "v2", base: remoteBase(repository, signal) });
  const { manifests } = JSON.parse(readFileSync(join(ociDir, "index.json"), "utf8"));
  const digest = (await repository.manifest("v1")).digest;
  t.deepEqual(manifests[0].annotations, {
    "org.opencontainers.image.base.digest": digest,
    "org.opencontainers.image.base.name": "registry.example/repo:v1",
    "org.opencontainers.image.ref.name": "v2",
  });
  using layout = Layout.open(ociDir);
  t.deepEqual(layout.baseOf("v2"), { name: "registry.example/repo:v1", digest: digest.slice(7) });
  await build({ rootfs: second, ociDir, tag: "v2" });
  t.is(layout.baseOf("v2"), undefined);
});

test("a base that is gone costs a push its packs and a warning, not the push", async (t) => {
  const { repository, v2 } = await published({});
  const ociDir = temporaryDirectory();
  const base = remoteBase(repository, signal);
  await build({ rootfs: second, ociDir, tag: "v2", compress: true, base });
  repository.manifests.clear();
  const warnings: string[] = [];
  const pushed = await push({
    ociDir,
    reference: "v2",
    target: repository.at("v2"),
    openRecorded: ({ digest }) => ({ repository: repository.at(`sha256:${digest}`) }),
    warn: (line) => warnings.push(line),
  });
  t.is(pushed.manifest, v2);
  t.is(pushed.keptPacks, 0);
  t.regex(warnings.join("\n"), /^no packs of the image that this one was built on are kept: .*no manifest sha256:/);
});

/** A registry that cannot be reached. */
class Away extends MemoryRepository {
  override manifest(): Promise<never> {
    return Promise.reject(new RegistryError("unreachable", "registry.example: no connection"));
  }
}

/** A registry whose blobs cannot be read. */
class Broken extends MemoryRepository {
  override readBlob(): Promise<never> {
    return Promise.reject(new RegistryError("unreachable", "registry.example: no connection"));
  }
}

test("a base that is missing, away, not packed or of another kind is a typed error, and leaves no layout", async (t) => {
  const { ociDir, repository } = await published({});
  using layout = Layout.open(ociDir);
  for (const digest of layout.blobs.list())
    repository.blobs.set(`sha256:${digest}`, layout.blobs.read(digest, 2 ** 26));
  await repository.putManifest("loose", layout.manifest("v1").bytes, MANIFEST_TYPE);
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${"0".repeat(64)}`, size: 1 };
  const tar = Buffer.from(JSON.stringify({ schemaVersion: 2, config: layer, layers: [layer] }));
  repository.manifests.set("tar", { bytes: tar, mediaType: MANIFEST_TYPE });
  const cases: [MemoryRepository, typeof LayoutError | typeof RegistryError, RegExp][] = [
    [repository.at("none"), RegistryError, /no manifest none/],
    [repository.at("loose"), LayoutError, /repo:loose: it is not packed there/],
    [repository.at("tar"), LayoutError, /repo:tar: not a PuzzleFS image: .*tar/],
    [new Away("v1", repository), RegistryError, /no connection/],
    [new Broken("v1", repository), RegistryError, /no connection/],
  ];
  for (const [where, instanceOf, message] of cases) {
    const fresh = join(temporaryDirectory(), "store");
    const base = remoteBase(where, signal);
    await t.throwsAsync(build({ rootfs: second, ociDir: fresh, tag: "v2", base }), { instanceOf, message });
    t.false(existsSync(fresh));
  }
});
