/** What registries have as signatures is input: it is stored if it is well-formed and small, never in place of a good one, and verified by the owner of a key only. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Layout,
  openSecretKey,
  parsePublicKey,
  parseSecretKey,
  sha256Hex,
  SIGNATURE_TYPE,
  SignatureError,
  signaturesOf,
  signMessage,
  storeSignature,
  verifyStoredSignature,
} from "@puzzlefs/oci";
import { RegistryError } from "@puzzlefs/registry";
import { TestRegistry } from "@puzzlefs/registry/test-registry";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { publicKey, secretKey } from "../../cli/src/signing-keys-fixture.ts";
import { Client } from "../../registry/src/client-fixture.ts";
import { pull, type PullResult } from "./pull.ts";
import { push } from "./push.ts";
import { buildTo, series } from "./transport-fixture.ts";

const ANNOTATION = "io.puzzlefs.signature.minisign";
const key = parsePublicKey(publicKey, "key");
const secret = openSecretKey(parseSecretKey(secretKey, "secret"), Buffer.alloc(0));
const origin = temporaryDirectory();
let canonical = Buffer.alloc(0);

test.before(async () => {
  const v1 = await buildTo(series(1)[0] ?? "", origin, "v1");
  canonical = readFileSync(join(origin, "blobs/sha256", v1));
});

const signatureOf = (message: Buffer, comment: string): string => signMessage(secret, message, comment);

/** A registry with the image, the digest of its manifest there, and a function that makes a list of its referrers. */
async function pushed(): Promise<{
  registry: TestRegistry;
  subject: string;
  list: (texts: readonly unknown[]) => void;
}> {
  const registry = await TestRegistry.start();
  using client = new Client();
  const { pushedManifest } = await push({
    ociDir: origin,
    reference: "v1",
    target: client.open(registry, "a/b:v1", "push"),
    signatures: false,
  });
  const list = (texts: readonly unknown[]): void => {
    const manifests = texts.map((text, index) => ({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: `sha256:${sha256Hex(Buffer.from(`${index}`))}`,
      size: 100,
      artifactType: SIGNATURE_TYPE,
      annotations: { [ANNOTATION]: text },
    }));
    registry.putManifest("a/b", `sha256-${pushedManifest}`, { schemaVersion: 2, manifests });
  };
  return { registry, subject: pushedManifest, list };
}

async function receive(registry: TestRegistry, ociDir: string, isRequired = false): Promise<PullResult> {
  using client = new Client();
  const signatures = isRequired ? { key } : {};
  return await pull({ repository: client.open(registry), ociDir, tag: "v1", signatures });
}

function verified(ociDir: string): string {
  using layout = Layout.open(ociDir);
  return verifyStoredSignature(layout, canonical, key);
}

test("what is malformed, too large or of another type is passed over; the rest is stored, and counted", async (t) => {
  const { registry, list } = await pushed();
  await using _ = registry;
  const good = signatureOf(canonical, "good");
  const large = good.replace("untrusted comment: ", `untrusted comment: ${"x".repeat(40_000)}`);
  list(["", "no signature", large, `${good}more\n`, 5, null, [good], good]);
  const ociDir = temporaryDirectory();
  t.like(await receive(registry, ociDir), { signatures: 1, skippedSignatures: 7 });
  t.is(verified(ociDir), "good");
  // One for each key, and few of all.
  const ids = Array.from({ length: 100 }, (_each, index) => {
    const [comment = "", encoded = "", ...rest] = good.split("\n");
    const bytes = Buffer.from(encoded, "base64");
    bytes[2] = index;
    return [comment, bytes.toString("base64"), ...rest].join("\n");
  });
  list(ids);
  const other = temporaryDirectory();
  t.like(await receive(registry, other), { signatures: 16, skippedSignatures: 84 });
  {
    using layout = Layout.open(other);
    t.is(signaturesOf(layout, sha256Hex(canonical)).length, 16);
  }
  // That of the key that is required is found behind any number of others.
  list([...ids, good]);
  const demanding = temporaryDirectory();
  t.like(await receive(registry, demanding, true), { signatures: 16, skippedSignatures: 85 });
  t.is(verified(demanding), "good");
  list(Array.from({ length: 1001 }, () => ""));
  const error = await t.throwsAsync(receive(registry, demanding), { instanceOf: RegistryError });
  t.is(error.kind, "protocol");
});

test("a list in pages is read to its end, which is bounded, from the registry alone", async (t) => {
  const { registry, subject } = await pushed();
  await using _ = registry;
  const good = signatureOf(canonical, "good");
  const page = (text: string): string => {
    const annotations = { [ANNOTATION]: text };
    const digest = `sha256:${sha256Hex(Buffer.from(text))}`;
    const entry = { mediaType: "a/b", digest, size: 1, artifactType: SIGNATURE_TYPE, annotations };
    return JSON.stringify({ schemaVersion: 2, manifests: [entry] });
  };
  const path = `/v2/a/b/referrers/sha256:${subject}`;
  let next = (count: number): string | undefined => (count < 3 ? `<${path}?page=${count + 1}>; rel="next"` : undefined);
  const asked: string[] = [];
  registry.intercept = (seen, response) => {
    if (!seen.path.startsWith(path)) return false;
    asked.push(`${seen.path}?${seen.query}`);
    const link = next(asked.length);
    if (link !== undefined) response.setHeader("link", link);
    response.end(page(asked.length === 3 ? good : `${asked.length}`));
    return true;
  };
  const ociDir = temporaryDirectory();
  t.like(await receive(registry, ociDir, true), { signatures: 1, skippedSignatures: 2 });
  t.deepEqual(asked.slice(1), [`${path}?page=2`, `${path}?page=3`]);
  for (const [link, requests, message] of [
    [`<${path}?page=1>; rel="next"`, 16, /more than 16 pages/],
    ["<https://other.invalid/list>; rel=next", 1, /on another host/],
    ["<http://:x>; rel=next", 1, /on another host/],
  ] as const) {
    asked.length = 0;
    next = () => link;
    const error = await t.throwsAsync(receive(registry, ociDir), { instanceOf: RegistryError, message });
    t.is(error.kind, "protocol");
    t.is(asked.length, requests);
  }
  asked.length = 0;
  next = () => `</v2/a/b/referrers/none>; rel="next"`;
  await t.throwsAsync(receive(registry, ociDir), {
    instanceOf: RegistryError,
    message: /page 2 of their list is missing/,
  });
});

test("a signature that is not good does not replace the one of the layout, and a good one replaces it where its key is required", async (t) => {
  const { registry, list } = await pushed();
  await using _ = registry;
  const ociDir = temporaryDirectory();
  const [good, forged] = [signatureOf(canonical, "good"), signatureOf(Buffer.from("another image"), "forged")];
  list([forged]);
  t.is((await receive(registry, ociDir)).signatures, 1);
  t.throws(() => verified(ociDir), { instanceOf: SignatureError, message: /not a signature of this image/ });
  const error = await t.throwsAsync(receive(registry, ociDir, true), { instanceOf: SignatureError });
  t.is(error.kind, "untrusted");
  list([forged, good]);
  t.is((await receive(registry, ociDir)).signatures, 1);
  t.throws(() => verified(ociDir));
  t.is((await receive(registry, ociDir, true)).signatures, 1);
  t.is(verified(ociDir), "good");
  list([forged]);
  t.is((await receive(registry, ociDir)).signatures, 0);
  t.is((await receive(registry, ociDir, true)).signatures, 0, "that of the layout is good");
  t.is(verified(ociDir), "good");
});

test("a required signature is verified before any chunk is received, and nothing is requested without the option", async (t) => {
  const { registry } = await pushed();
  await using _ = registry;
  const ociDir = temporaryDirectory();
  registry.requests.length = 0;
  const error = await t.throwsAsync(receive(registry, ociDir, true), { instanceOf: SignatureError });
  t.is(error.kind, "absent");
  t.false(registry.requests.some(({ headers }) => headers.range !== undefined));
  const asked = registry.requests.length;
  t.true(asked <= 4, registry.log().join("\n"));
  using client = new Client();
  registry.requests.length = 0;
  t.is((await pull({ repository: client.open(registry), ociDir, tag: "v1" })).signatures, 0);
  t.false(registry.log().some((line) => line.includes("referrers") || line.includes("sha256-")));
});

test("a list that is none, or too large, is an error; an entry that is no descriptor is passed over", async (t) => {
  const { registry, subject } = await pushed();
  await using _ = registry;
  const put = (value: unknown): void => void registry.putManifest("a/b", `sha256-${subject}`, value);
  const ociDir = temporaryDirectory();
  for (const value of [Buffer.from("{"), [], {}, { manifests: {} }, { manifests: [], pad: "x".repeat(2 << 20) }]) {
    put(value);
    const error = await t.throwsAsync(receive(registry, ociDir), { instanceOf: RegistryError });
    t.is(error.kind, "protocol");
  }
  const digest = `sha256:${"0".repeat(64)}`;
  const entry = { mediaType: "a/b", digest, size: 1, artifactType: SIGNATURE_TYPE };
  put({
    manifests: [
      null,
      1,
      {},
      { ...entry, digest: "sha512:0" },
      { ...entry, size: -0.5 },
      { ...entry, annotations: 1 },
      entry,
    ],
  });
  t.is((await receive(registry, ociDir)).signatures, 0);
});

test("push keeps the referrers of others in the list, and sends a signature once", async (t) => {
  const { registry, subject } = await pushed();
  await using _ = registry;
  const foreign = { digest: "sha512:0", artifactType: "application/foreign", size: 1, mediaType: "a/b", more: [1] };
  registry.putManifest("a/b", `sha256-${subject}`, { schemaVersion: 2, manifests: [foreign] });
  const copy = temporaryDirectory();
  await receive(registry, copy);
  {
    using layout = Layout.open(copy);
    storeSignature(layout, canonical, key.id, signatureOf(canonical, "good"));
  }
  using client = new Client();
  const send = (): ReturnType<typeof push> =>
    push({ ociDir: copy, reference: "v1", target: client.open(registry, "a/b:v1", "push") });
  t.is((await send()).signatures, 1);
  const list = registry.manifests.get(`a/b@sha256-${subject}`)?.bytes.toString() ?? "";
  const { manifests } = JSON.parse(list) as { manifests: object[] };
  t.is(manifests.length, 2);
  t.deepEqual(manifests[0], foreign);
  registry.requests.length = 0;
  t.is((await send()).signatures, 1);
  t.false(registry.requests.some(({ method }) => method === "PUT" || method === "POST"));
});
