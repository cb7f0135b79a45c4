import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { certify } from "./certificate-fixture.ts";
import { Client } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { TestRegistry } from "./test-registry-fixture.ts";

const directory = temporaryDirectory();
const pem = (name: string): string => readFileSync(join(directory, name), "utf8");

test.before(() => {
  for (const [name, authority] of [["ca"], ["other-ca"], ["server", "ca"], ["client", "ca"]] as const)
    certify(directory, name, authority);
});

const serve = (ca?: string): Promise<TestRegistry> =>
  TestRegistry.start({ tls: { cert: pem("server.crt"), key: pem("server.key"), ...(ca !== undefined && { ca }) } });

async function outcome(registry: TestRegistry, files: Record<string, string>, variables = {}): Promise<string> {
  using client = new Client({ plainHttp: false, files });
  Object.assign(client.home.environment, variables);
  registry.putManifest("a/b", "v1", {});
  try {
    await client.open(registry).manifest("v1");
    return "good";
  } catch (error) {
    return error instanceof RegistryError ? error.kind : String(error);
  }
}

test("a registry's certificate is trusted by certs.d, by SSL_CERT_FILE, or not at all", async (t) => {
  await using registry = await serve();
  const at = `.config/containers/certs.d/${registry.host}`;
  t.is(await outcome(registry, {}), "tls");
  t.is(await outcome(registry, { [`${at}/ca.crt`]: pem("ca.crt") }), "good");
  t.is(await outcome(registry, { [`${at}/ca.crt`]: pem("other-ca.crt") }), "tls");
  t.is(await outcome(registry, { [".config/containers/certs.d/localhost/ca.crt"]: pem("ca.crt") }), "tls");
  t.is(await outcome(registry, {}, { SSL_CERT_FILE: join(directory, "ca.crt") }), "good");
  t.is(await outcome(registry, {}, { SSL_CERT_FILE: join(directory, "other-ca.crt") }), "tls");
});

test("an insecure registry is reached by https without a check, and another one never by http", async (t) => {
  await using registry = await serve();
  await using plain = await TestRegistry.start();
  const conf = (host: string): Record<string, string> => ({
    ".config/containers/registries.conf": `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
  });
  t.is(await outcome(registry, conf(registry.host)), "good");
  t.is(await outcome(plain, conf(plain.host)), "good");
  t.not(await outcome(plain, {}), "good");
  t.is(plain.requests.length, 2);
});

test("a client's certificate is sent to the registry that demands one; a half pair is an error", async (t) => {
  await using registry = await serve(pem("ca.crt"));
  const at = `.config/containers/certs.d/${registry.host}`;
  const ca = { [`${at}/ca.crt`]: pem("ca.crt") };
  t.not(await outcome(registry, ca), "good");
  const pair = { [`${at}/me.cert`]: pem("client.crt"), [`${at}/me.key`]: pem("client.key") };
  t.is(await outcome(registry, { ...ca, ...pair }), "good");
  t.is(await outcome(registry, { ...ca, [`${at}/me.cert`]: pem("client.crt") }), "configuration");
});

test("https does not redirect to http", async (t) => {
  await using registry = await serve();
  await using plain = await TestRegistry.start();
  registry.intercept = ({ path }, response) => {
    response.writeHead(307, { location: `${plain.url}${path}` }).end();
    return true;
  };
  const files = { [`.config/containers/certs.d/${registry.host}/ca.crt`]: pem("ca.crt") };
  t.is(await outcome(registry, files), "protocol");
  t.is(plain.requests.length, 0);
});
