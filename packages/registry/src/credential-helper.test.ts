/** docker-credential-* programs, which docker's files name by `credHelpers` and `credsStore`. That credHelpers is looked up as skopeo does it is in oracle.test.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Client } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { IDENTITY, PASSWORD, TestRegistry, USER } from "./test-registry-fixture.ts";

const content = Buffer.from("content of a blob");
const CONFIG = ".docker/config.json";
/** Until the process of the test ends. */
const HANG = "tail -f --pid=$PPID /dev/null";
const answer = (user: string, secret: string): string =>
  `echo '${JSON.stringify({ ServerURL: "ignored", Username: user, Secret: secret })}'`;

/** A client whose docker-credential-test is this script, after it has recorded its arguments and what it was asked. */
function clientWith(script: string, config: object, options: { timing?: object; signal?: AbortSignal } = {}): Client {
  const client = new Client({ files: { [CONFIG]: JSON.stringify(config) }, timing: { pause: 1 }, ...options });
  const program = `#!/bin/sh\nread host\necho "$* $host" >> "$HOME/asked"\n${script}\n`;
  client.home.write("bin/docker-credential-test", program, 0o755);
  client.home.environment["PATH"] = `${client.home.path}/bin:/usr/bin:/bin`;
  return client;
}

const askedOf = ({ home }: Client): string[] => readFileSync(join(home.path, "asked"), "utf8").trimEnd().split("\n");

async function failureOf(t: ExecutionContext, client: Client, registry: TestRegistry): Promise<string> {
  const error = await t.throwsAsync(client.open(registry).manifest("v1"), { instanceOf: RegistryError });
  t.is(error.kind, "configuration");
  t.false(error.message.includes("secret"), error.message);
  return error.message;
}

for (const [name, configOf] of Object.entries({
  credHelpers: (host: string) => ({ credHelpers: { [host]: "test" }, credsStore: "none" }),
  credsStore: (host: string) => ({ credsStore: "test", auths: { [host]: {} } }),
}))
  for (const auth of ["basic", "bearer"] as const)
    test(`${name}: the password that the helper prints opens the repository (${auth})`, async (t) => {
      await using registry = await TestRegistry.start({ auth });
      const digest = registry.putBlob("a/b", content);
      using client = clientWith(answer(USER, PASSWORD), configOf(registry.host));
      t.true(content.equals(await client.open(registry).readBlob(digest, content.length)));
      t.deepEqual([...new Set(askedOf(client))], [`get ${registry.host}`]);
    });

test("credsStore: an identity token, whose user is <token>, is exchanged by OAuth 2", async (t) => {
  await using registry = await TestRegistry.start({ auth: "bearer" });
  const digest = registry.putBlob("a/b", content);
  using client = clientWith(answer("<token>", IDENTITY), { credsStore: "test" });
  await client.open(registry).readBlob(digest, content.length);
  const tokens = registry.requests.filter(({ path }) => path === "/token");
  t.deepEqual(
    tokens.map(({ method, query, headers }) => [method, query.toString(), headers.authorization]),
    [["POST", "", undefined]],
  );
});

test("credsStore: a helper that has nothing for the host leaves the request without credentials", async (t) => {
  await using registry = await TestRegistry.start();
  registry.putManifest("a/b", "v1", {});
  using client = clientWith("echo credentials not found in native keychain; exit 1", { credsStore: "test" });
  await client.open(registry).manifest("v1");
  t.is(registry.requests.at(-1)?.headers.authorization, undefined);
});

for (const [what, script, expected, patience] of [
  ["fails", "echo secret; echo secret >&2; exit 3", /docker-credential-test: failed with exit code 3 \(for localhost:/],
  ["is killed", "echo secret; kill -9 $$", /failed with exit code null/],
  ["prints no JSON", "echo secret", /printed what is not JSON/],
  ["prints no password", `echo '{"Username":"secret"}'`, /printed no Username and Secret/],
  ["prints without end", "yes secret", /printed more than 1048576 characters/],
  ["hangs", `exec ${HANG}`, /no answer for 0\.5 s/, 500],
  ["leaves a child that has its output", `${HANG} & exit 0`, /no answer for 0\.5 s/, 500],
] as const)
  test(`a helper that ${what}: an error that names it, without what it printed`, async (t) => {
    await using registry = await TestRegistry.start();
    const timing = { pause: 1, ...(patience !== undefined && { helper: patience }) };
    using client = clientWith(script, { credsStore: "test" }, { timing });
    t.regex(await failureOf(t, client, registry), expected);
    t.is(registry.requests.length, 0);
  });

test("a helper that is not there, or whose name is a path, is an error that names it", async (t) => {
  await using registry = await TestRegistry.start();
  using client = clientWith("", { credsStore: "absent" });
  t.regex(await failureOf(t, client, registry), /docker-credential-absent: cannot be run: ENOENT/);
  using other = clientWith("", { credsStore: "../test" });
  t.regex(await failureOf(t, other, registry), /not a name of a credential helper/);
});

test("a signal ends what waits for a helper, with its reason", async (t) => {
  await using registry = await TestRegistry.start();
  const ending = new AbortController();
  const reason = new Error("enough");
  using client = clientWith(`exec ${HANG}`, { credsStore: "test" }, { signal: ending.signal });
  const asking = client.open(registry).manifest("v1");
  setImmediate(() => ending.abort(reason));
  t.is(await t.throwsAsync(asking), reason);
});
