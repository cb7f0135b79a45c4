/** The client against Debian's docker-registry, with a password and a certificate of an authority of our own, and skopeo beside it. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Registry, RegistryError, type Upload } from "@puzzlefs/registry";
import { noise } from "@puzzlefs/testing";
import test from "ava";
import { attempt, missing } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { DockerRegistry, lacksRegistry } from "./docker-registry-fixture.ts";

const lacks = [...lacksRegistry, ...missing("openssl")];
const scratch = new Scratch();
const home = scratch.directory("home");
/** bcrypt of "pass word". */
const HTPASSWD = "user:$2b$04$abcdefghijklmnopqrstuuFcV8WPKEefLKdOWfX8pW1yTVya21P7a\n";
const environment = { HOME: home, XDG_RUNTIME_DIR: join(home, "run"), PATH: "/usr/bin:/bin" };
let server: DockerRegistry | undefined;
let host = "";

const write = (name: string, content: string): string => {
  const path = join(home, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
};
const login = (password: string): string =>
  JSON.stringify({ auths: { [host]: { auth: Buffer.from(`user:${password}`).toString("base64") } } });
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const upload = (bytes: Buffer): Upload => ({
  digest: digestOf(bytes),
  size: bytes.length,
  read: (start) => Readable.from([bytes.subarray(start)]),
});

test.before(async () => {
  if (lacks.length > 0) return;
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"];
  execFileSync("openssl", ["req", "-x509", "-batch", "-days", "2", ...subject, ...key, "-out", "ca.crt"], {
    cwd: home,
    stdio: "ignore",
  });
  server = await DockerRegistry.start(home, {
    auth: { htpasswd: { realm: "test", path: write("htpasswd", HTPASSWD) } },
    http: { tls: { certificate: join(home, "ca.crt"), key: join(home, "key.pem") } },
  });
  host = `localhost:${server.port}`;
  execFileSync("install", ["-D", join(home, "ca.crt"), join(home, `.config/containers/certs.d/${host}/ca.crt`)]);
  write("run/containers/auth.json", login("pass word"));
});

test.after.always(() => {
  server?.[Symbol.dispose]();
  scratch.remove();
});

const registryTest = lacks.length > 0 ? test.skip : test.serial;
const title = (text: string): string =>
  `docker-registry: ${text}${lacks.length > 0 ? ` (needs ${lacks.join(", ")})` : ""}`;

registryTest(title("what is pushed whole, in pieces and by mounting comes back, also to skopeo"), async (t) => {
  using registry = new Registry({ environment, pieces: { from: 1 << 20, size: 300_000 } });
  const target = registry.open(`${host}/a/b:v1`, "push");
  const small = noise("small blob", 100_000);
  const large = noise("large blob", 2_000_000);
  const config = Buffer.from("{}");
  for (const bytes of [small, large, config, Buffer.alloc(0)]) await target.upload(upload(bytes));
  t.is(await target.hasBlob(digestOf(large)), large.length);
  t.is(await target.hasBlob(digestOf(Buffer.from("none"))), undefined);

  const other = registry.open(`${host}/c/d:v1`, "push");
  t.true(await other.mount(digestOf(large), "a/b"));
  t.is(await other.hasBlob(digestOf(large)), large.length);
  t.false(await other.mount(digestOf(Buffer.from("none")), "a/b"));

  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const descriptor = (bytes: Buffer, type: string) => ({
    mediaType: type,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const layers = [small, large].map((bytes) => descriptor(bytes, "application/vnd.puzzlefs.pack.v1"));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor(config, "application/vnd.oci.image.config.v1+json"),
      layers,
    }),
  );
  const digest = await target.putManifest("v1", manifest, mediaType);
  const missingBlob = await t.throwsAsync(other.putManifest("v1", manifest, mediaType), { instanceOf: RegistryError });
  t.true(missingBlob.has("MANIFEST_BLOB_UNKNOWN"), missingBlob.message);

  const source = registry.open(`${host}/a/b@${digest}`, "pull");
  t.true((await source.manifest(source.reference)).bytes.equals(manifest));
  t.is((await target.headManifest("v1"))?.digest, digest);
  t.true((await source.readBlob(digestOf(large), large.length)).equals(large));
  const part = await source.blob(digestOf(large), { size: large.length, start: 1000, end: 500_000 });
  t.false(part.whole);
  t.true(Buffer.concat(await part.stream.toArray()).equals(large.subarray(1000, 500_000)));
  if (missing("skopeo").length > 0) return;
  const { status, stdout, stderr } = attempt("env", [
    "-i",
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    "skopeo",
    "--insecure-policy",
    "inspect",
    "--raw",
    `docker://${host}/a/b:v1`,
  ]);
  t.is(status, 0, stderr);
  t.is(stdout, manifest.toString());
});

registryTest(title("a wrong password, no password and no authority are different errors"), async (t) => {
  const kindOf = async (options: object): Promise<unknown> => {
    using registry = new Registry({ environment, ...options });
    const target = registry.open(`${host}/a/b:v1`, "push");
    const error = await t.throwsAsync(target.upload(upload(Buffer.from("x"))), { instanceOf: RegistryError });
    return error.kind;
  };
  t.is(await kindOf({ authFile: write("wrong.json", login("wrong")) }), "denied");
  t.is(await kindOf({ authFile: write("none.json", "{}") }), "denied");
  t.is(await kindOf({ environment: { ...environment, HOME: scratch.directory("nobody") } }), "tls");
});
