/** The commands in CI: an empty layout, a base that is only in Debian's docker-registry, and a proxy that counts what goes over the network. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { dumpOf, identityOf, series } from "../../packages/transport/src/transport-fixture.ts";
import { run } from "../lazy/lazy-fixture.ts";
import { puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { CountingProxy } from "./counting-proxy.ts";
import { DockerRegistry, lacksRegistry } from "./docker-registry-fixture.ts";

/** Bytes of the headers of a command's requests and answers, at most. */
const HEADERS = 20_000;

const scratch = new Scratch();
const origin = scratch.fresh("origin");
const [first = "", second = ""] = series(2, 4);
let server: DockerRegistry | undefined;
let proxy: CountingProxy | undefined;
let v2 = "";

test.before(async (t) => {
  if (lacksRegistry.length > 0) return;
  server = await DockerRegistry.start(scratch.directory("registry"));
  proxy = await CountingProxy.start(server.port);
  await succeeds(t, "build", "-c", first, `${origin}:v1`);
  v2 = (await succeeds(t, "build", "-c", "-b", "v1", second, `${origin}:v2`)).manifest;
  await succeeds(t, "push", `${origin}:v1`, there("team/app:v1"), "--plain-http");
});

test.after.always(() => {
  proxy?.[Symbol.dispose]();
  server?.[Symbol.dispose]();
  scratch.remove();
});

const there = (name: string): string => `localhost:${proxy?.port}/${name}`;
/** The same program by another name: for clients another registry. */
const elsewhere = (name: string): string => `127.0.0.1:${server?.port}/${name}`;

interface Result {
  manifest: string;
  packs: number;
  keptPacks: number;
  mountedPacks: number;
  uploadedBytes: number;
  bundleBytes: number;
}

/** Runs a command. Returns its result, and the bytes that it sent and received. */
async function succeeds(
  t: ExecutionContext,
  ...argv: string[]
): Promise<Result & Pick<CountingProxy, "sent" | "received">> {
  proxy?.reset();
  const { code, stdout, stderr } = await run(puzzlefs, ...argv, "--json");
  t.deepEqual([code, stderr], [0, ""], argv.join(" "));
  const { sent = 0, received = 0 } = proxy ?? {};
  return { ...(JSON.parse(stdout) as Result), sent, received };
}

const title = (text: string): string =>
  `${text}${lacksRegistry.length > 0 ? ` (needs ${lacksRegistry.join(", ")})` : ""}`;
const serial = lacksRegistry.length > 0 ? test.serial.skip : test.serial;

/** Bytes of the chunks that only the second image has. */
function newBytes(): number {
  const [old, all] = ["v1", "v2"].map((tag) => {
    const { manifests } = JSON.parse(readFileSync(join(origin, "index.json"), "utf8"));
    const entry = manifests.find((one: Entry) => one.annotations["org.opencontainers.image.ref.name"] === tag);
    const { layers } = JSON.parse(readFileSync(join(origin, "blobs/sha256", entry.digest.slice(7)), "utf8"));
    return new Map<string, number>(
      layers.slice(1).map(({ digest, size }: { digest: string; size: number }) => [digest, size]),
    );
  });
  return [...(all ?? [])].reduce((sum, [digest, size]) => (old?.has(digest) ? sum : sum + size), 0);
}

interface Entry {
  annotations: Record<string, string>;
}

serial(title("a build on a registry's image reads its documents, and the push uploads what is new"), async (t) => {
  const store = scratch.fresh("store");
  const base = ["-b", there("team/app:v1"), "--plain-http"];
  const built = await succeeds(t, "build", "-c", ...base, second, `${store}:v2`);
  t.is(built.manifest, v2);
  t.is(dumpOf(store, "v2"), dumpOf(origin, "v2"));
  const documents = (await succeeds(t, "push", `${origin}:v1`, there("team/app:v1"), "--plain-http")).bundleBytes;
  t.log(`build: ${built.received} bytes received, ${built.sent} sent, a bundle of ${documents}`);
  t.true(built.received < documents + HEADERS);
  t.true(built.sent < HEADERS);

  const fresh = newBytes();
  const pushed = await succeeds(t, "push", `${store}:v2`, there("team/app:v2"), "--plain-http");
  t.log(`push: ${pushed.received} bytes received, ${pushed.sent} sent, ${fresh} new`);
  t.is(pushed.manifest, v2);
  t.is(pushed.packs, pushed.keptPacks + 1);
  t.is(pushed.mountedPacks, 0);
  t.true(pushed.received < documents + HEADERS);
  t.true(pushed.sent < fresh + 2 * pushed.bundleBytes + HEADERS);

  const beside = await succeeds(t, "push", `${store}:v2`, there("other/app:v2"), "--plain-http");
  t.is(beside.keptPacks, pushed.keptPacks);
  t.is(beside.mountedPacks, pushed.keptPacks);
  t.true(beside.sent < fresh + 2 * beside.bundleBytes + HEADERS);

  const moved = await succeeds(t, "push", `${store}:v2`, elsewhere("third/app:v2"), "--plain-http");
  t.is(moved.keptPacks, 0);
  for (const name of [there("team/app:v2"), there("other/app:v2"), elsewhere("third/app:v2")]) {
    const copy = scratch.fresh("copy");
    await succeeds(t, "pull", name, copy, "--plain-http");
    t.is(identityOf(copy, "v2"), v2);
    t.is(dumpOf(copy, "v2"), dumpOf(origin, "v2"));
  }
});

serial(title("a lazy image is pushed to its registry without its chunks, and to another one after pull"), async (t) => {
  const store = scratch.fresh("lazy");
  await succeeds(t, "pull", "--lazy", there("team/app:v1"), `${store}:v1`, "--plain-http");
  for (const name of ["team/app:copy", "fourth/app:copy"]) {
    const pushed = await succeeds(t, "push", `${store}:v1`, there(name), "--plain-http");
    t.is(pushed.keptPacks, pushed.packs);
    t.is(pushed.mountedPacks, name.startsWith("team") ? 0 : pushed.packs);
    t.true(pushed.sent < 2 * pushed.bundleBytes + HEADERS);
  }
  const target = elsewhere("lazy/app:v1");
  const refused = await run(puzzlefs, "push", `${store}:v1`, target, "--plain-http");
  t.is(refused.code, 1);
  t.regex(refused.stderr, /: \d+ of its chunks, \d+ bytes, have not been fetched from localhost:\d+\/team\/app:v1, /);
  const [, advice = ""] = /'puzzlefs (pull [^']*)' receives them/.exec(refused.stderr) ?? [];
  t.regex((await run(puzzlefs, "pull", target, scratch.fresh("none"), "--plain-http")).stderr, /lazy\/app/);
  await succeeds(t, ...advice.split(" "), "--plain-http");
  await succeeds(t, "push", `${store}:v1`, target, "--plain-http");
  const copy = scratch.fresh("copy");
  await succeeds(t, "pull", target, copy, "--plain-http");
  t.is(dumpOf(copy, "v1"), dumpOf(origin, "v1"));
});

serial(title("a base that the registry does not have fails the build, which leaves nothing"), async (t) => {
  const store = scratch.fresh("store");
  for (const name of ["team/app:none", "none/app:v1"]) {
    const built = await run(puzzlefs, "build", "-b", there(name), "--plain-http", second, `${store}:v2`);
    t.is(built.code, 1);
    t.true(built.stderr.includes(name.slice(0, name.indexOf(":"))), built.stderr);
    t.false(existsSync(store));
  }
});
