/** http_proxy, https_proxy and no_proxy, in both spellings. The registry's name has no address: it is reached through the proxy or not at all. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { noise } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { Client } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { HttpProxy } from "./proxy-fixture.ts";
import type { Repository } from "./repository.ts";
import { basic, digestOf, TestRegistry } from "./test-registry-fixture.ts";

/** RFC 6761: no such name is ever an address. */
const NAME = "registry.test:5000";
/** An address of this machine that is not one of 127.0.0.0/8, for which no proxy is used. */
const ANY = "0.0.0.0";
const content = noise("through a proxy", 300_000);
const directory = temporaryDirectory();

test.before(() => {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"];
  const subject = ["-subj", "/CN=registry.test", "-addext", "subjectAltName=DNS:registry.test"];
  const args = ["req", "-x509", "-batch", "-days", "2", ...subject, ...key, "-out", "ca.crt"];
  execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
});

const portOf = ({ host }: TestRegistry): number => Number(host.split(":")[1]);

/** A client with these variables. */
function clientWith(variables: Record<string, string>, plainHttp = true): Client {
  const client = new Client({ plainHttp });
  Object.assign(client.home.environment, variables);
  return client;
}

/** Uploads a blob and a manifest, reads both, and a range of the blob. */
async function exchange(client: Client, name: string): Promise<void> {
  const open = (access: "pull" | "push"): Repository => client.registry.open(`${name}/a/b:v1`, access);
  const digest = digestOf(content);
  const read = (start: number): Readable => Readable.from([content.subarray(start)], { objectMode: false });
  const target = open("push");
  await target.upload({ digest, size: content.length, read });
  await target.putManifest("v1", Buffer.from("{}"), "application/json");
  const source = open("pull");
  await source.manifest("v1");
  const bytes = await source.readBlob(digest, content.length);
  if (!bytes.equals(content)) throw new Error("other bytes");
  const { stream } = await source.blob(digest, { size: content.length, start: 1000, end: 2000 });
  if (!Buffer.concat(await stream.toArray()).equals(content.subarray(1000, 2000))) throw new Error("other bytes");
}

for (const variable of ["http_proxy", "HTTP_PROXY"])
  test(`${variable}: every request to a registry without https goes through the proxy, both ways`, async (t) => {
    await using registry = await TestRegistry.start();
    await using proxy = await HttpProxy.start(portOf(registry));
    using client = clientWith({ [variable]: proxy.url.replace("//", "//user:pass%20word@") });
    await exchange(client, NAME);
    t.true(registry.requests.length >= 6);
    t.deepEqual(
      proxy.requests.map((line) => line.replace(/\?.*/, "")),
      registry.requests.map(({ method, path }) => `${method} http://${NAME}${path}`),
    );
    t.deepEqual([...new Set(proxy.authorizations)], [basic("user", "pass word")]);
    t.true(registry.requests.every(({ headers }) => headers.authorization === undefined));
  });

for (const variable of ["https_proxy", "HTTPS_PROXY"])
  test(`${variable}: connections to a registry with https go through the proxy, and its certificate is checked`, async (t) => {
    const pem = (name: string): string => readFileSync(join(directory, name), "utf8");
    await using registry = await TestRegistry.start({ tls: { cert: pem("ca.crt"), key: pem("key.pem") } });
    await using proxy = await HttpProxy.start(portOf(registry));
    using client = clientWith({ [variable]: proxy.url, SSL_CERT_FILE: join(directory, "ca.crt") }, false);
    await exchange(client, NAME);
    t.deepEqual([...new Set(proxy.requests)], [`CONNECT ${NAME}`]);
    t.true(proxy.requests.length < registry.requests.length, "connections are kept");
    using untrusting = clientWith({ [variable]: proxy.url }, false);
    t.is((await t.throwsAsync(exchange(untrusting, NAME), { instanceOf: RegistryError })).kind, "tls");
  });

test("no_proxy: what it names is reached directly, and so is this machine", async (t) => {
  await using registry = await TestRegistry.start();
  await using proxy = await HttpProxy.start(portOf(registry));
  const name = `${ANY}:${portOf(registry)}`;
  using client = clientWith({ http_proxy: proxy.url });
  await exchange(client, name);
  const through = proxy.requests.length;
  t.true(through > 0);
  for (const list of [ANY, `other.test, ${ANY}`, "*"]) {
    using direct = clientWith({ http_proxy: proxy.url, no_proxy: list });
    await exchange(direct, name);
  }
  await exchange(client, registry.host);
  t.is(proxy.requests.length, through);
  using other = clientWith({ http_proxy: proxy.url, NO_PROXY: "other.test" });
  await exchange(other, name);
  t.is(proxy.requests.length, 2 * through);
});

test("a proxy that refuses, or is not there, is an error that names the registry", async (t) => {
  await using registry = await TestRegistry.start();
  const proxy = await HttpProxy.start(portOf(registry));
  const failureOf = async (variable: string, plainHttp: boolean): Promise<RegistryError> => {
    using client = clientWith({ [variable]: proxy.url }, plainHttp);
    return await t.throwsAsync(exchange(client, NAME), { instanceOf: RegistryError });
  };
  proxy.refusal = 407;
  const refused = await failureOf("http_proxy", true);
  t.is(refused.status, 407);
  t.regex(refused.message, /registry\.test:5000/);
  const unconnected = await failureOf("https_proxy", false);
  t.is(unconnected.kind, "unreachable");
  t.regex(unconnected.message, /https:\/\/registry\.test:5000: .*407/);
  await proxy[Symbol.asyncDispose]();
  for (const [variable, plainHttp] of [
    ["http_proxy", true],
    ["https_proxy", false],
  ] as const) {
    const gone = await failureOf(variable, plainHttp);
    t.is(gone.kind, "unreachable");
    t.regex(gone.message, /registry\.test:5000: no connection to 127\.0\.0\.1 port \d+: connection refused/);
  }
  t.deepEqual(registry.requests, []);
});
