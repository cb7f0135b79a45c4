/** Pulls by a directory of hosts.toml files, as containerd asks with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { certify } from "./certificate-fixture.ts";
import { bytesOf, Client, loginFile } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { PASSWORD, refuse, TestRegistry, USER } from "./test-registry-fixture.ts";

const directory = temporaryDirectory();
const content = Buffer.from("content of a blob");
/** A registry that only hosts.toml leads to something. */
const NAME = "registry.invalid:5000";
const pem = (name: string): string => readFileSync(join(directory, name), "utf8");

test.before(() => {
  certify(directory, "ca");
  for (const name of ["server", "client"]) certify(directory, name, "ca");
});

const serve = (ca?: string): Promise<TestRegistry> =>
  TestRegistry.start({ tls: { cert: pem("server.crt"), key: pem("server.key"), ...(ca !== undefined && { ca }) } });

/** A client with these files below its home, of which certs.d is the directory. */
function clientWith(files: Record<string, string>): Client {
  return new Client((home) => ({ plainHttp: false, files, hostsDir: join(home, "certs.d") }));
}

const hosts = (toml: string, name = NAME): Record<string, string> => ({ [`certs.d/${name}/hosts.toml`]: toml });

async function kindOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "good";
  } catch (error) {
    return error instanceof RegistryError ? error.kind : String(error);
  }
}

test("a mirror gets its header and `ns`, is trusted by its `ca`, and the server has what it lacks", async (t) => {
  await using mirror = await serve();
  await using server = await TestRegistry.start();
  mirror.intercept = ({ headers }, response) => {
    if (headers["x-key"] === "secret, second") return false;
    refuse(response, 403, "DENIED");
    return true;
  };
  const [one, other] = [mirror.putBlob("a/b", content), server.putBlob("a/b", Buffer.from("another"))];
  const manifest = mirror.putManifest("a/b", "v1", { one });
  const toml = `server = "${server.url}"
[header]
X-Other = "for the server"
[host."${mirror.url}"]
ca = "ca.crt"
[host."${mirror.url}".header]
X-Key = ["secret", "second"]
`;
  using client = clientWith({ ...hosts(toml), [`certs.d/${NAME}/ca.crt`]: pem("ca.crt") });
  const repository = client.registry.open(`${NAME}/a/b:v1`, "pull");
  t.is((await repository.manifest("v1")).digest, `sha256:${manifest.slice(7)}`);
  const found = await repository.blob(one, { size: content.length, start: 3, end: 7 });
  t.deepEqual([(await bytesOf(found)).toString(), found.source], ["tent", `${mirror.host}/a/b`]);
  t.is((await repository.readBlob(other, 7)).toString(), "another");
  t.deepEqual(mirror.log(), ["GET a/b/manifests/v1", `GET a/b/blobs/${one}`, `GET a/b/blobs/${other}`]);
  t.true(mirror.requests.every(({ query }) => query.get("ns") === NAME));
  t.deepEqual(server.log(), [`GET a/b/blobs/${other}`]);
  t.true(server.requests.every(({ query, headers }) => query.get("ns") === NAME && headers["x-key"] === undefined));
  t.is(server.requests.at(-1)?.headers["x-other"], "for the server");
});

test("a header and credentials go to their host only, not to what it redirects to or the next host", async (t) => {
  await using mirror = await TestRegistry.start({ auth: "basic" });
  await using server = await TestRegistry.start();
  const digest = server.putBlob("a/b", content);
  mirror.intercept = ({ path, headers }, response) => {
    if (!path.includes("blobs") || headers.authorization === undefined) return false;
    response.writeHead(307, { location: `${server.url}${path}` }).end();
    return true;
  };
  const toml = `server = "${server.url}"\n[host."${mirror.url}"]\nheader = { x-key = "secret" }`;
  using client = clientWith({ ...hosts(toml), ".docker/config.json": loginFile(mirror.host, USER, PASSWORD) });
  await client.registry.open(`${NAME}/a/b`, "pull").readBlob(digest, content.length);
  t.deepEqual(
    server.requests.map(({ query, headers }) => [query.get("ns"), headers["x-key"], headers.authorization]),
    [[null, undefined, undefined]],
  );
});

test("a tag is resolved and a digest pulled only by hosts with the capability", async (t) => {
  await using mirror = await TestRegistry.start();
  await using server = await TestRegistry.start();
  for (const registry of [mirror, server]) registry.putManifest("a/b", "v1", { of: registry.host });
  const toml = `server = "${server.url}"\n[host."${mirror.url}"]\ncapabilities = ["pull"]`;
  using client = clientWith(hosts(toml));
  const repository = client.registry.open(`${NAME}/a/b`, "pull");
  const { digest, bytes } = await repository.manifest("v1");
  t.true(bytes.includes(server.host));
  await repository.manifest(digest);
  t.deepEqual([mirror.log(), server.log()], [[], ["GET a/b/manifests/v1", `GET a/b/manifests/${digest}`]]);
  using other = clientWith(hosts(`server = "${server.url}"\ncapabilities = ["pull"]`));
  t.is(await kindOf(other.registry.open(`${NAME}/a/b`, "pull").manifest("v1")), "blocked");
});

test("a host that fails is asked once, then last for a while", async (t) => {
  await using broken = await TestRegistry.start();
  await using server = await TestRegistry.start();
  const digest = server.putBlob("a/b", content);
  broken.intercept = (_, response) => {
    refuse(response, 503, "UNAVAILABLE");
    return true;
  };
  const toml = `server = "${server.url}"\n[host."${broken.url}"]`;
  using client = clientWith(hosts(toml));
  const repository = client.registry.open(`${NAME}/a/b`, "pull");
  for (let round = 0; round < 3; round++) await repository.readBlob(digest, content.length);
  t.deepEqual([broken.requests.length, server.log().length], [1, 3]);
});

test("a host that does not take a connection has dial_timeout", async (t) => {
  await using server = await TestRegistry.start();
  const digest = server.putBlob("a/b", content);
  const script =
    "$| = 1; $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1); print $s->sockport, qq(\n); <STDIN>";
  const silent = spawn("perl", ["-MIO::Socket::INET", "-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  const [printed] = (await once(silent.stdout, "data")) as [Buffer];
  const port = Number(printed);
  // With two connections that are not accepted its queue is full.
  const waiting = [1, 2].map(() => connect(port, "127.0.0.1"));
  await Promise.all(waiting.map((socket) => once(socket, "connect")));
  const toml = `server = "${server.url}"\n[host."http://127.0.0.1:${port}"]\ndial_timeout = "10ms"`;
  using client = clientWith(hosts(toml));
  const found = await client.registry.open(`${NAME}/a/b`, "pull").readBlob(digest, content.length);
  t.true(found.equals(content));
  t.regex(client.warnings.join(), /^127\.0\.0\.1:\d+: no connection in 0\.01 s; asking the next source$/);
  for (const socket of waiting) socket.destroy();
  silent.kill();
});

test("directories: the port in both forms, then _default, then the configuration of containers", async (t) => {
  await using server = await TestRegistry.start();
  const entry = `server = "${server.url}/found"`;
  const all = ["registry.invalid_5000_", NAME, "_default"];
  for (const [index, name] of all.entries()) {
    const others = Object.assign({}, ...all.slice(index + 1).map((other) => hosts("server = 1", other))) as object;
    server.requests.length = 0;
    using client = clientWith({ ...hosts(entry, name), ...others });
    await kindOf(client.registry.open(`${NAME}/a/b`, "pull").manifest("v1"));
    t.deepEqual(
      server.requests.map(({ path, query }) => [path, query.get("ns")]),
      [["/found/v2/a/b/manifests/v1", NAME]],
      name,
    );
  }
  const location = `[[registry]]\nprefix = "registry.invalid"\nlocation = "${server.host}"\ninsecure = true`;
  server.putManifest("a/b", "v1", {});
  using client = clientWith({ ".config/containers/registries.conf": location });
  t.is(await kindOf(client.registry.open("registry.invalid/a/b", "pull").manifest("v1")), "good");
  const blocking = { ".config/containers/registries.conf": `[[registry]]\nlocation = "${NAME}"\nblocked = true` };
  using blocked = clientWith({ ...blocking, ...hosts(entry) });
  t.throws(() => blocked.registry.open(`${NAME}/a/b`, "pull"), { message: /blocks registry\.invalid:5000/ });
});

test("without hosts.toml docker's files count: authorities, and a client's certificate with its key", async (t) => {
  await using registry = await serve(pem("ca.crt"));
  registry.putManifest("a/b", "v1", {});
  const at = (name: string): string => `certs.d/${registry.host}/${name}`;
  const pair = { [at("me.cert")]: pem("client.crt"), [at("me.key")]: pem("client.key") };
  const whole = { [at("me.cert")]: pem("client.crt") + pem("client.key") };
  const pull = async (files: Record<string, string>): Promise<string> => {
    using client = clientWith(files);
    return await kindOf((async () => client.registry.open(`${registry.host}/a/b`, "pull").manifest("v1"))());
  };
  for (const files of [pair, whole]) t.is(await pull({ [at("ca.crt")]: pem("ca.crt"), ...files }), "good");
  t.not(await pull({ [at("ca.crt")]: pem("ca.crt") }), "good");
  t.is(await pull({ [at("me.cert")]: pem("client.crt") }), "configuration");
  t.is(await pull({ [at("ca.crt")]: "no certificate" }), "configuration");
  t.is(await pull(hosts('ca = "absent.crt"', registry.host)), "configuration");
});

test("skip_verify, a local registry without a server, and http with settings of TLS", async (t) => {
  await using secure = await serve();
  await using plain = await TestRegistry.start();
  for (const registry of [secure, plain]) registry.putManifest("a/b", "v1", {});
  const pull = async (toml: string, name = NAME): Promise<string> => {
    using client = clientWith(hosts(toml, name));
    return await kindOf(client.registry.open(`${name}/a/b`, "pull").manifest("v1"));
  };
  t.is(await pull(`server = "${secure.url}"`), "tls");
  t.is(await pull(`server = "${secure.url}"\nskip_verify = true`), "good");
  t.not(await pull(`server = "${plain.url.replace("http", "https")}"\nskip_verify = true`), "good");
  t.is(await pull(`server = "${secure.url.replace("https", "http")}"\nskip_verify = true`), "good");
  t.is(await pull(`server = "${plain.url}"\nskip_verify = true`), "good");
  t.is(await pull("# its default", secure.host), "good");
  t.is(await pull("# its default", plain.host), "good");
});

test("kubelet's file: keys are patterns of images, and it is asked after the others", async (t) => {
  await using registry = await TestRegistry.start({ auth: "basic" });
  registry.putManifest("a/b", "v1", {});
  const pull = async (keys: readonly string[], first?: string): Promise<string> => {
    const right = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");
    const auths = Object.fromEntries(keys.map((key) => [key, { auth: right }]));
    const login = first === undefined ? {} : { ".docker/config.json": loginFile(first, USER, "wrong") };
    const files = { "kubelet.json": JSON.stringify({ auths }), ...login };
    using client = new Client((home) => ({ files, kubeletAuthFile: join(home, "kubelet.json") }));
    return await kindOf(client.registry.open(`${registry.host}/a/b`, "pull").manifest("v1"));
  };
  const [, port = ""] = registry.host.split(":");
  for (const key of [registry.host, `local*:${port}`, `https://l?calhost:${port}/v2/`, `*:${port}/a`, `*:${port}/a/b`])
    t.is(await pull([key]), "good", key);
  for (const key of ["local*", `*:${port}/b`, `*.*:${port}`, "*:1"]) t.is(await pull([key]), "denied", key);
  t.is(await pull([registry.host], registry.host), "denied");
  t.is(await pull([registry.host], "elsewhere:5000"), "good");
});
