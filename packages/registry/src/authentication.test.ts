import test from "ava";
import { Client, loginFile } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { basic, IDENTITY, PASSWORD, refuse, TestRegistry, USER } from "./test-registry-fixture.ts";

const content = Buffer.from("content of a blob");

/** The scopes of all tokens that the registry made, in order. */
const scopesOf = (registry: TestRegistry): string[][] => [...registry.tokens.values()];

for (const auth of ["basic", "bearer"] as const) {
  test(`${auth}: the password of auth.json opens the repository, and another one does not`, async (t) => {
    await using registry = await TestRegistry.start({ auth });
    const digest = registry.putBlob("a/b", content);
    const files = { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) };
    using client = new Client({ files });
    t.true(content.equals(await client.open(registry).readBlob(digest, content.length)));
    for (const wrong of [{ "run/containers/auth.json": loginFile(registry.host, USER, "no") }, {}]) {
      using other = new Client({ files: wrong });
      const error = await t.throwsAsync(other.open(registry).readBlob(digest, content.length), {
        instanceOf: RegistryError,
      });
      t.is(error.kind, "denied");
      t.is(error.status, 401);
      t.false(error.message.includes("no:") || error.message.includes(Buffer.from(`${USER}:no`).toString("base64")));
    }
  });
}

test("one token serves all requests of a repository, and one more the requests that write", async (t) => {
  await using registry = await TestRegistry.start({ auth: "bearer" });
  const digest = registry.putBlob("a/b", content);
  using client = new Client({ files: { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) } });
  const repository = client.open(registry);
  await Promise.all([1, 2, 3].map(() => repository.readBlob(digest, content.length)));
  t.is(await repository.hasBlob(digest), content.length);
  t.deepEqual(scopesOf(registry), [["repository:a/b:pull"]]);
  const target = client.open(registry, "c/d:v1", "push");
  t.true(await target.mount(digest, "a/b"));
  t.deepEqual(scopesOf(registry).slice(1), [["repository:c/d:pull,push", "repository:a/b:pull"]]);
  const written = await target.putManifest("v1", Buffer.from("{}"), "application/json");
  t.is((await target.headManifest("v1"))?.digest, written);
});

test("a token that the registry refuses in the middle is replaced once", async (t) => {
  await using registry = await TestRegistry.start({ auth: "bearer" });
  const digest = registry.putBlob("a/b", content);
  using client = new Client({ files: { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) } });
  const repository = client.open(registry);
  await repository.readBlob(digest, content.length);
  registry.tokens.clear();
  await Promise.all([1, 2].map(() => repository.readBlob(digest, content.length)));
  t.is(registry.tokens.size, 1);
  registry.intercept = (seen, response) =>
    seen.path.includes("/blobs/") && (refuse(response, 401, "UNAUTHORIZED"), true);
  const before = registry.requests.length;
  const error = await t.throwsAsync(repository.readBlob(digest, content.length), { instanceOf: RegistryError });
  t.is(error.kind, "denied");
  t.deepEqual(
    registry.requests.slice(before).map(({ path }) => path.replace(/sha256.*/, "")),
    ["/v2/a/b/blobs/", "/token", "/v2/a/b/blobs/"],
  );
});

test("a body that was answered with 401 is sent again with a token", async (t) => {
  await using registry = await TestRegistry.start({ auth: "bearer" });
  using client = new Client({ files: { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) } });
  const repository = client.open(registry, "a/b:v1", "push");
  await repository.hasBlob(`sha256:${"0".repeat(64)}`);
  registry.tokens.clear();
  const bytes = Buffer.from(JSON.stringify({ padding: "x".repeat(3_000_000) }));
  const digest = await repository.putManifest("v1", bytes, "application/json");
  t.true(registry.manifests.get(`a/b@${digest}`)?.bytes.equals(bytes));
});

for (const status of [401, 403])
  test(`a registry that demands another scope by ${status} gets a token with it: insufficient_scope`, async (t) => {
    await using registry = await TestRegistry.start({ auth: "bearer" });
    using client = new Client({ files: { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) } });
    registry.putManifest("a/b", "v1", {});
    registry.intercept = ({ path, headers }, response) => {
      const scopes = registry.tokens.get(String(headers.authorization).replace("Bearer ", "")) ?? [];
      if (!path.includes("/manifests/") || scopes.includes("registry:catalog:*")) return false;
      const challenge = `Bearer realm="${registry.url}/token", service="test", scope="registry:catalog:*", error="insufficient_scope"`;
      response.setHeader("www-authenticate", challenge);
      refuse(response, status, status === 401 ? "UNAUTHORIZED" : "DENIED");
      return true;
    };
    await client.open(registry).manifest("v1");
    t.deepEqual(scopesOf(registry).at(-1), ["registry:catalog:*", "repository:a/b:pull"]);
  });

for (const auth of ["basic", "bearer"] as const)
  test(`${auth}: a password that was replaced while the client runs is used when the old one is refused`, async (t) => {
    const options = { auth, password: "old" };
    await using registry = await TestRegistry.start(options);
    const digest = registry.putBlob("a/b", content);
    const file = "run/containers/auth.json";
    using client = new Client({ files: { [file]: loginFile(registry.host, USER, "old") } });
    const repository = client.open(registry);
    await repository.readBlob(digest, content.length);
    options.password = "new";
    registry.tokens.clear();
    t.is((await t.throwsAsync(repository.readBlob(digest, content.length), { instanceOf: RegistryError })).status, 401);
    client.home.write(file, loginFile(registry.host, USER, "new"));
    t.true(content.equals(await repository.readBlob(digest, content.length)));
  });

test("a file of credentials that cannot be read is read again by the next request", async (t) => {
  await using registry = await TestRegistry.start({ auth: "basic" });
  const digest = registry.putBlob("a/b", content);
  const file = "run/containers/auth.json";
  using client = new Client({ files: { [file]: "{" } });
  const repository = client.open(registry);
  const error = await t.throwsAsync(repository.readBlob(digest, content.length), { instanceOf: RegistryError });
  t.is(error.kind, "configuration");
  client.home.write(file, loginFile(registry.host, USER, PASSWORD));
  t.true(content.equals(await repository.readBlob(digest, content.length)));
});

test("an identity token is exchanged by OAuth 2", async (t) => {
  await using registry = await TestRegistry.start({ auth: "bearer" });
  const digest = registry.putBlob("a/b", content);
  const auth = Buffer.from("<token>:").toString("base64");
  const files = {
    "run/containers/auth.json": JSON.stringify({ auths: { [registry.host]: { auth, identitytoken: IDENTITY } } }),
  };
  using client = new Client({ files });
  await client.open(registry).readBlob(digest, content.length);
  t.deepEqual(
    registry.requests.filter(({ path }) => path === "/token").map(({ method, query }) => [method, query.toString()]),
    [["POST", ""]],
  );
});

test("without credentials nothing is asked but the request itself, and a public registry serves it", async (t) => {
  await using registry = await TestRegistry.start();
  registry.putManifest("a/b", "v1", {});
  using client = new Client();
  await client.open(registry).manifest("v1");
  t.deepEqual(
    registry.requests.map(({ path }) => path),
    ["/v2/a/b/manifests/v1"],
  );
});

for (const [name, location] of [
  ["another host", (other: TestRegistry, path: string) => `${other.url}${path}`],
  [
    "another port of the same host",
    (other: TestRegistry, path: string) => `${other.url}${path}`.replace("localhost", "127.0.0.1"),
  ],
] as const) {
  test(`Authorization is not sent across a redirection to ${name}`, async (t) => {
    await using registry = await TestRegistry.start({ auth: "basic" });
    await using store = await TestRegistry.start();
    const digest = store.putBlob("a/b", content);
    registry.intercept = ({ path }, response) =>
      path.includes("/blobs/") && (response.writeHead(307, { location: location(store, path) }).end(), true);
    using client = new Client({ files: { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) } });
    await client.open(registry).readBlob(digest, content.length);
    t.is(registry.requests.at(-1)?.headers.authorization, basic(USER, PASSWORD));
    t.is(store.requests.length, 1);
    t.is(store.requests[0]?.headers.authorization, undefined);
  });
}

test("Authorization is kept across a redirection to the registry itself", async (t) => {
  await using registry = await TestRegistry.start({ auth: "basic" });
  const digest = registry.putBlob("c/d", content);
  registry.intercept = ({ path }, response) =>
    path.includes("a/b/blobs/") && (response.writeHead(307, { location: path.replace("a/b", "c/d") }).end(), true);
  using client = new Client({ files: { "run/containers/auth.json": loginFile(registry.host, USER, PASSWORD) } });
  t.true(content.equals(await client.open(registry).readBlob(digest, content.length)));
});

test("a token server of another scheme, a user in an address, and a token that would break the header are refused", async (t) => {
  await using registry = await TestRegistry.start();
  for (const challenge of [
    'Bearer realm="file:///etc/passwd"',
    'Bearer realm="no address"',
    "Bearer",
    'Bearer realm="http://u:p@localhost/"',
  ]) {
    using client = new Client();
    registry.intercept = (_seen, response) => {
      response.setHeader("www-authenticate", challenge);
      refuse(response, 401, "UNAUTHORIZED");
      return true;
    };
    const error = await t.throwsAsync(client.open(registry).manifest("v1"), { instanceOf: RegistryError });
    t.is(error.kind, "protocol", challenge);
  }
  for (const answer of [
    '{"token":"a\\r\\nb"}',
    "{}",
    "[]",
    '{"token":1}',
    "no JSON",
    `{"token":"${"a".repeat(2 << 20)}"}`,
  ]) {
    using client = new Client();
    registry.intercept = ({ path }, response) => {
      if (path === "/token") return (response.end(answer), true);
      response.setHeader("www-authenticate", `Bearer realm="${registry.url}/token"`);
      refuse(response, 401, "UNAUTHORIZED");
      return true;
    };
    const error = await t.throwsAsync(client.open(registry).manifest("v1"), { instanceOf: RegistryError });
    t.is(error.kind, "protocol", answer.slice(0, 50));
  }
});
