/** push and pull as programs: what the environment configures reaches the client through the launcher. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Home } from "../../packages/registry/src/client-fixture.ts";
import { HttpProxy } from "../../packages/registry/src/proxy-fixture.ts";
import { IDENTITY, TestRegistry } from "../../packages/registry/src/test-registry-fixture.ts";
import { buildTo, dumpOf, series } from "../../packages/transport/src/transport-fixture.ts";
import { puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import test from "ava";

const scratch = new Scratch();
const origin = scratch.fresh("origin");

test.before(async () => {
  await buildTo(series(1)[0] ?? "", origin, "v1");
});

test.after.always(() => scratch.remove());

/** Runs the program with these variables and no others. Rejects with its stderr. */
async function execute(env: Record<string, string>, ...argv: string[]): Promise<void> {
  await promisify(execFile)(puzzlefs, argv, { env });
}

test("push and pull use the proxy of http_proxy, for all requests but those to no_proxy", async (t) => {
  await using registry = await TestRegistry.start();
  await using proxy = await HttpProxy.start(Number(registry.host.split(":")[1]));
  using home = new Home();
  const env = { ...home.environment, http_proxy: proxy.url };
  const name = "registry.test:5000/team/app:v1";
  await execute(env, "push", "--plain-http", `${origin}:v1`, name);
  const copy = scratch.fresh("copy");
  await execute(env, "pull", "--plain-http", name, copy);
  t.is(dumpOf(copy, "v1"), dumpOf(origin, "v1"));
  t.true(registry.requests.length > 0);
  t.is(proxy.requests.length, registry.requests.length);
  const direct = execute({ ...env, no_proxy: "registry.test" }, "pull", "--plain-http", name, copy);
  const { stderr } = await t.throwsAsync<Error & { stderr: string }>(direct);
  t.regex(stderr, /registry\.test:5000/);
  t.is(proxy.requests.length, registry.requests.length);
});

test("push and pull ask the credential helper of PATH, which docker's file names", async (t) => {
  await using registry = await TestRegistry.start({ auth: "bearer" });
  using home = new Home({ ".docker/config.json": JSON.stringify({ credsStore: "test" }) });
  const answer = JSON.stringify({ Username: "<token>", Secret: IDENTITY });
  home.write("bin/docker-credential-test", `#!/bin/sh\necho '${answer}'\n`, 0o755);
  const env = { ...home.environment, PATH: `${home.path}/bin:/usr/bin:/bin` };
  const name = `${registry.host}/team/app:v1`;
  await execute(env, "push", "--plain-http", `${origin}:v1`, name);
  const copy = scratch.fresh("copy");
  await execute(env, "pull", "--plain-http", name, copy);
  t.is(dumpOf(copy, "v1"), dumpOf(origin, "v1"));
  home.write("bin/docker-credential-test", "#!/bin/sh\nexit 3\n", 0o755);
  const { stderr, code } = await t.throwsAsync<Error & { stderr: string; code: number }>(
    execute(env, "pull", "--plain-http", name, copy),
  );
  t.is(code, 1);
  t.regex(stderr, /^puzzlefs: docker-credential-test: failed with exit code 3 \(for localhost:\d+\)$/m);
});

test("push and pull refuse a short name that registries.conf does not resolve, before they ask any registry", async (t) => {
  using home = new Home();
  for (const argv of [
    ["push", `${origin}:v1`, "team/app:v1"],
    ["pull", "team/app:v1", scratch.fresh("none")],
  ]) {
    const { stderr } = await t.throwsAsync<Error & { stderr: string }>(execute(home.environment, ...argv));
    t.regex(stderr, /team\/app: a short name, .* no unqualified-search-registries: name the registry/);
  }
});
