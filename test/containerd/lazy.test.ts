/**
 * Images that were pushed for lazy use, as containerd asks for them: by calls of Prepare with the labels that Kubernetes' interface passes
 * (containerd.test.ts has containerd itself). The content store has what containerd fetches before it asks: manifest, configuration, bundle.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { build } from "@puzzlefs/builder";
import type { SnapshotterOptions } from "@puzzlefs/containerd";
import { packedChainId, referencedBlobs } from "@puzzlefs/oci";
import { Registry } from "@puzzlefs/registry";
import { push } from "@puzzlefs/transport";
import { eventually, noise, prose, Random, rounds, runSeed } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { makeTree } from "../../packages/builder/src/tree-fixture.ts";
import { certify } from "../../packages/registry/src/certificate-fixture.ts";
import { refuse, TestRegistry } from "../../packages/registry/src/test-registry-fixture.ts";
import { type Output, run as runAside } from "../lazy/lazy-fixture.ts";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { isRoot, missing } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { CallError } from "./client.ts";
import { cleanup, commit, Fixture, labelsOf, mounts, packLabels, prepare, remove, usage } from "./snapshots-fixture.ts";

const REPOSITORY = "team/app";
const scratch = new Scratch();
const problem = isRoot ? missing("/dev/fuse").join() : "needs root";
const origin = join(scratch.directory("origin"), "store");
const tree = makeTree({ a: noise("a", 90_000), "b/c": prose("c", 4000) });
const changed = makeTree({ a: noise("a", 90_000), "b/c": prose("c", 4000), d: noise("d", 50_000) });
let image = "";
let other = "";

test.before(async () => {
  if (problem !== "") return;
  const common = { ociDir: origin, compress: true, packed: true, mtime: { kind: "keep" } } as const;
  other = (await build({ ...common, rootfs: tree, tag: "v1" })).manifest;
  image = (await build({ ...common, rootfs: changed, tag: "v2", base: "v1" })).manifest;
});

test.after.always(() => scratch.remove());

/** A registry, a content store after containerd has read an image of two packs, and a snapshotter. */
class Lazy implements AsyncDisposable {
  readonly registry: TestRegistry;
  readonly content = join(scratch.fresh("content"), "store");
  readonly packs: string[] = [];
  manifest = "";
  /** The repository, as containerd calls it. */
  called = "";
  readonly #tag: string;
  readonly fixture: Fixture;

  constructor(registry: TestRegistry, options: Partial<SnapshotterOptions>, tag: string) {
    this.registry = registry;
    this.#tag = tag;
    mkdirSync(join(this.content, "blobs/sha256"), { recursive: true });
    this.fixture = new Fixture(scratch, this.content, { access: { plainHttp: true }, ...options });
  }

  /** @param tag "v2", which has two packs, or "v1", which has one */
  static async start(options: Partial<SnapshotterOptions> = {}, tag = "v2"): Promise<Lazy> {
    const lazy = new Lazy(await TestRegistry.start(), options, tag);
    using registry = new Registry({ plainHttp: true });
    for (const reference of new Set(["v1", tag])) {
      const target = registry.open(`${lazy.name}:${reference}`, "push");
      lazy.manifest = (await push({ ociDir: origin, reference, target, lazy: true })).pushedManifest;
    }
    lazy.called = lazy.name;
    lazy.#fetch(({ type }) => type !== "pack" && type !== "other");
    await lazy.fixture.start();
    return lazy;
  }

  get image(): string {
    return this.#tag === "v1" ? other : image;
  }

  get name(): string {
    return `${this.registry.host}/${REPOSITORY}`;
  }

  /** As containerd when Prepare has not answered that the packs exist. */
  fetchPacks(): void {
    this.#fetch(({ type }) => type === "pack");
  }

  #fetch(isFetched: (blob: { type: string }) => boolean): void {
    const { bytes } = this.registry.manifests.get(`${REPOSITORY}@sha256:${this.manifest}`) ?? {
      bytes: Buffer.alloc(0),
    };
    const put = (digest: string, blob: Buffer): void => writeFileSync(join(this.content, "blobs/sha256", digest), blob);
    put(this.manifest, bytes);
    this.packs.length = 0;
    for (const blob of referencedBlobs(bytes, "manifest")) {
      const { type, digest = "" } = blob;
      if (type === "pack") this.packs.push(digest);
      if (isFetched(blob)) put(digest, this.registry.blobs.get(`${REPOSITORY}@sha256:${digest}`) ?? Buffer.alloc(0));
    }
  }

  /** Asks for the layers as containerd does, and returns the name of the last one's snapshot. */
  async pulled(t: ExecutionContext): Promise<string> {
    const { image: pulled, fixture } = this;
    const { client } = fixture;
    await refused(t, client.call(prepare, { key: "extract", labels: labelsOf(pulled) }), status.ALREADY_EXISTS);
    let parent = packedChainId(pulled);
    for (const [index] of this.packs.entries()) {
      const labels = packLabels(pulled, index + 1, this.manifest, `${this.called}:${this.#tag}`);
      await refused(t, client.call(prepare, { key: `extract ${index}`, parent, labels }), status.ALREADY_EXISTS);
      const target = packedChainId(pulled, index + 1);
      const [found] = await fixture.all(`labels."containerd.io/snapshot.ref"==${target},parent=="${parent}"`);
      t.is(found?.parent, parent);
      parent = found?.name ?? "";
    }
    return parent;
  }

  /** Removes all snapshots; then nothing is left. A fetcher ends a little later than its last reader. */
  async removed(t: ExecutionContext, what = ""): Promise<void> {
    const { fixture } = this;
    await fixture.removeAll();
    const isClean = async (): Promise<boolean> => {
      await fixture.client.call(cleanup, {});
      return fixture.left().length === 0;
    };
    t.true(await eventually(isClean), [what, ...fixture.left(), ...fixture.log].join("\n"));
  }

  /** Requests for packs. */
  get requests(): number {
    return this.registry.requests.filter(
      ({ method, path }) => method === "GET" && this.packs.some((pack) => path.endsWith(pack)),
    ).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fixture.stop();
    await this.registry[Symbol.asyncDispose]();
  }
}

async function refused(t: ExecutionContext, call: Promise<unknown>, code: status, message = /./): Promise<void> {
  const error = await t.throwsAsync(call, { instanceOf: CallError, message });
  t.is(error.code, code, error.message);
}

/** A test with a snapshotter and a registry of its own, which must leave nothing when all snapshots are removed. */
function serving(title: string, body: (t: ExecutionContext, lazy: Lazy) => Promise<void>, timeout?: number): void {
  (problem === "" ? test.serial : test.serial.skip)(`${title}${problem && ` (${problem})`}`, async (t) => {
    await using lazy = await Lazy.start(timeout === undefined ? {} : { fetchTimeout: timeout });
    await body(t, lazy);
    await lazy.removed(t);
  });
}

/** All files of the mounted image, read by another process: the registry is in this one. */
const readAll = ({ fixture, image: name }: Lazy): Promise<Output> =>
  runAside("sh", "-c", `cd ${join(fixture.root, "mounts", name)} && find . -type f -exec cat {} +`);

const isWhole = ({ fixture }: Lazy): boolean =>
  !readdirSync(join(fixture.root, "store/lazy")).some((name) => name.endsWith(".json"));

serving(
  "an image is mounted before its packs have been fetched, and is an ordinary one after that",
  async (t, lazy) => {
    const { client } = lazy.fixture;
    const parent = await lazy.pulled(t);
    t.deepEqual([lazy.packs.length, lazy.requests], [2, 0]);
    t.is(await lazy.pulled(t), parent);
    const { mounts: described } = await client.call(prepare, { key: "container", parent });
    t.is(
      described[0]?.options.filter((option) => option.includes("lowerdir")).join(),
      `lowerdir=${join(lazy.fixture.root, "mounts", image)}`,
    );
    const { code, stdout } = await readAll(lazy);
    t.deepEqual([code, stdout.length], [0, 144_000]);
    t.true(lazy.requests > 0);
    t.true(await eventually(() => isWhole(lazy)));
    t.deepEqual(
      lazy.packs.filter((pack) => !existsSync(join(lazy.fixture.root, "store/blobs/sha256", pack))),
      [],
    );
    lazy.fixture.mounted(described, (path) => assertSameText(t, dumpDirectory(path), dumpDirectory(changed), "root"));
    t.deepEqual((await client.call(mounts, { key: "container" })).mounts, described);
    t.true((await client.call(usage, { key: packedChainId(image) })).size > 140_000n);
    t.is((await client.call(usage, { key: parent })).size, 0n);
  },
);

(problem === "" ? test.serial : test.serial.skip)(
  `hosts.toml alone leads to the registry: the fetcher asks a mirror by https with its header, and the server for what that lacks${problem && ` (${problem})`}`,
  async (t) => {
    const hostsDir = scratch.fresh("hosts");
    const directory = join(hostsDir, "registry.invalid_5000_");
    mkdirSync(directory, { recursive: true });
    certify(directory, "ca");
    certify(directory, "server", "ca");
    const pem = (name: string): string => readFileSync(join(directory, name), "utf8");
    await using mirror = await TestRegistry.start({ tls: { cert: pem("server.crt"), key: pem("server.key") } });
    await using lazy = await Lazy.start({ access: { hostsDir } });
    const { registry, fixture, packs } = lazy;
    lazy.called = `registry.invalid:5000/${REPOSITORY}`;
    const own = `[host."${mirror.url}"]\nca = "ca.crt"\n[host."${mirror.url}".header]\nX-Key = "secret"\n`;
    writeFileSync(join(directory, "hosts.toml"), `server = "${registry.url}"\n${own}`);
    for (const [name, value] of registry.manifests) mirror.manifests.set(name, value);
    for (const [name, value] of registry.blobs) if (!name.endsWith(packs[0] ?? "")) mirror.blobs.set(name, value);
    mirror.intercept = ({ headers, query }, response) => {
      if (headers["x-key"] === "secret" && query.get("ns") === "registry.invalid:5000") return false;
      refuse(response, 403, "DENIED");
      return true;
    };
    registry.requests.length = 0;
    const parent = await lazy.pulled(t);
    const store = join(fixture.root, "store/lazy");
    const record = readFileSync(join(store, `${lazy.manifest}.json`), "utf8");
    t.true(record.includes(hostsDir) && !record.includes("secret"), record);
    t.deepEqual(registry.log(), []);
    await fixture.client.call(prepare, { key: "container", parent });
    t.is((await readAll(lazy)).stdout.length, 144_000);
    t.true(await eventually(() => isWhole(lazy)));
    t.deepEqual(new Set(registry.log()), new Set([`GET ${REPOSITORY}/blobs/sha256:${packs[0]}`]));
    t.true(mirror.log().includes(`GET ${REPOSITORY}/blobs/sha256:${packs[1]}`));
    t.true(mirror.requests.every(({ status: answered }) => answered !== 403));
    await lazy.removed(t);
  },
);

serving("a snapshotter that starts again goes on, and asks the registry for nothing but packs", async (t, lazy) => {
  const { fixture } = lazy;
  const parent = await lazy.pulled(t);
  await fixture.stop();
  const before = lazy.registry.requests.length;
  await fixture.start();
  t.is(await lazy.pulled(t), parent);
  t.is(lazy.registry.requests.length, before);
  await fixture.client.call(prepare, { key: "container", parent });
  await fixture.stop();
  await fixture.start();
  t.is((await readAll(lazy)).stdout.length, 144_000);
});

serving(
  "a pack that has no name of its image is unpacked as an empty archive, and the image works",
  async (t, lazy) => {
    const { client } = lazy.fixture;
    await refused(t, client.call(prepare, { key: "extract", labels: labelsOf(image) }), status.ALREADY_EXISTS);
    let parent = packedChainId(image);
    for (const pack of [1, 2]) {
      const key = `extract ${pack}`;
      const labels = packLabels(image, pack, lazy.manifest);
      const { mounts: described } = await client.call(prepare, { key, parent, labels });
      t.deepEqual(
        described.map(({ type, options }) => [type, options]),
        [["bind", ["rw", "rbind"]]],
      );
      parent = `default/${pack}/${packedChainId(image, pack)}`;
      await client.call(commit, { key, name: parent });
    }
    lazy.fetchPacks();
    const { mounts: described } = await client.call(prepare, { key: "container", parent });
    lazy.fixture.mounted(described, (path) => assertSameText(t, dumpDirectory(path), dumpDirectory(changed), "root"));
    t.is(lazy.requests, 0);
    // All of it is there by now.
    const labels = packLabels(image, 1, lazy.manifest);
    await refused(t, client.call(prepare, { key: "x", parent: packedChainId(image), labels }), status.ALREADY_EXISTS);
  },
);

serving("labels have no effect on layers of other images, nor on layers with files", async (t, lazy) => {
  const { client, log } = lazy.fixture;
  const name = `${lazy.name}:v2`;
  for (const one of [image, other])
    await refused(t, client.call(prepare, { key: "extract", labels: labelsOf(one) }), status.ALREADY_EXISTS);
  const wrong: [string, Record<string, string>][] = [
    [packedChainId(image), packLabels(image, 2, lazy.manifest, name)],
    [packedChainId(image), packLabels(other, 1, lazy.manifest, name)],
    // The manifest is not of that image, or containerd has not fetched it.
    [packedChainId(other), packLabels(other, 1, lazy.manifest, name)],
    [packedChainId(image), packLabels(image, 1, "1".repeat(64), name)],
    [packedChainId(image), packLabels(image, 1, lazy.manifest, "no name")],
  ];
  const before = lazy.registry.requests.length;
  for (const [parent, labels] of wrong) {
    await client.call(prepare, { key: "k", parent, labels });
    await client.call(remove, { key: "k" });
  }
  t.is(lazy.registry.requests.length, before);
  t.true(log.some((line) => line.includes("containerd fetches its packs")));
  const labels = packLabels(image, 1, lazy.manifest);
  const { mounts: described } = await client.call(prepare, { key: "k", parent: packedChainId(image), labels });
  lazy.fixture.mounted(described, (path) => writeFileSync(join(path, "file"), ""));
  await refused(t, client.call(commit, { key: "k", name: "n" }), status.FAILED_PRECONDITION, /no layer with files/);
});

(problem === "" ? test.serial : test.serial.skip)(
  `a snapshotter that is killed at any moment leaves what the next one goes on with, seed ${runSeed}${problem && ` (${problem})`}`,
  async (t) => {
    await using lazy = await Lazy.start({}, "v1");
    const { fixture } = lazy;
    await fixture.stop();
    const { root, address } = fixture.options;
    const killedBefore = (call: number): Promise<Output> => {
      const argv = [root, address, lazy.content, other, String(call), lazy.manifest, `${lazy.name}:v1`];
      return runAside(process.execPath, join(import.meta.dirname, "killed-fixture.ts"), ...argv);
    };
    const whole = await killedBefore(0);
    t.is(whole.code, 0, whole.stderr);
    const calls = Number(whole.stdout);
    const random = new Random(runSeed);
    for (let round = rounds(3); round > 0; round--) {
      const call = 1 + random.below(calls);
      const what = `before call ${call} of ${calls}`;
      t.is((await killedBefore(call)).signal, "SIGKILL", what);
      await fixture.start();
      const parent = await lazy.pulled(t);
      await fixture.client.call(prepare, { key: "next", parent });
      t.is((await readAll(lazy)).stdout.length, 94_000, what);
      await lazy.removed(t, what);
      await fixture.stop();
    }
  },
);

serving(
  "without its registry a pull goes on by containerd, a read fails in time, and the image can be removed",
  async (t, lazy) => {
    const { client, log } = lazy.fixture;
    const parent = await lazy.pulled(t);
    lazy.registry.intercept = (_, response) => {
      response.destroy();
      return true;
    };
    await client.call(prepare, { key: "container", parent });
    const { code, stderr } = await readAll(lazy);
    t.is(code, 1);
    t.regex(stderr, /Input\/output error/);
    await lazy.fixture.removeAll();
    await refused(t, client.call(prepare, { key: "extract", labels: labelsOf(image) }), status.ALREADY_EXISTS);
    const labels = packLabels(image, 1, lazy.manifest, `${lazy.name}:v2`);
    await client.call(prepare, { key: "k", parent: packedChainId(image), labels });
    t.regex(log.join("\n"), /containerd fetches its packs, it cannot be lazy: /);
  },
  1000,
);
