/** Names without a registry: registries.conf decides what they mean, or they are refused before any request. */
import test from "ava";
import { Client } from "./client-fixture.ts";
import { RegistryError } from "./errors.ts";
import { TestRegistry } from "./test-registry-fixture.ts";

const CONF = ".config/containers/registries.conf";

/** The error of a name with this registries.conf. */
function refusalOf(conf: string, name = "app"): RegistryError | undefined {
  using client = new Client({ files: { [CONF]: conf } });
  try {
    client.registry.open(name, "pull");
    return undefined;
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
}

test("a short name means that of the only unqualified-search-registries, for push too", async (t) => {
  await using registry = await TestRegistry.start();
  registry.putManifest("team/app", "v1", {});
  const conf = `unqualified-search-registries = ["${registry.host}"]\n`;
  using client = new Client({ files: { [CONF]: conf } });
  const repository = client.registry.open("team/app:v1", "pull");
  t.is(repository.name, `${registry.host}/team/app`);
  await repository.manifest(repository.reference);
  await client.registry.open("team/other", "push").putManifest("latest", Buffer.from("{}"), "application/json");
  t.deepEqual(registry.log(), ["GET team/app/manifests/v1", "PUT team/other/manifests/latest"]);
});

test("a short name without unqualified-search-registries is refused, and the error has what to do", (t) => {
  for (const conf of ["", "unqualified-search-registries = []\n"]) {
    const error = refusalOf(conf, "team/app");
    t.is(error?.kind, "reference");
    t.is(
      error?.message,
      "team/app: a short name, and registries.conf has no unqualified-search-registries: name the registry",
    );
  }
});

test("a short name with several unqualified-search-registries is refused: no registry is tried for the image of another", async (t) => {
  await using registry = await TestRegistry.start();
  registry.putManifest("app", "latest", {});
  const error = refusalOf(`unqualified-search-registries = ["${registry.host}", "localhost:1"]\n`);
  t.is(error?.kind, "reference");
  t.regex(error?.message ?? "", /^app: .* has 2 unqualified-search-registries: name the registry$/);
  t.deepEqual(registry.requests, []);
});

test("an alias is the name that it has, whatever unqualified-search-registries are", async (t) => {
  await using registry = await TestRegistry.start();
  registry.putManifest("deep/app", "latest", {});
  const alias = `[aliases]\n"app" = "${registry.host}/deep/app"\n`;
  using client = new Client({ files: { [CONF]: `unqualified-search-registries = ["localhost:1"]\n${alias}` } });
  const repository = client.registry.open("app", "pull");
  await repository.manifest(repository.reference);
  t.deepEqual(registry.log(), ["GET deep/app/manifests/latest"]);
});

test("a search registry that would be read as a part of the repository, or is no host, is an error of the configuration", (t) => {
  for (const host of ["registry", "https://registry.example", "registry.example/path"])
    t.is(refusalOf(`unqualified-search-registries = ["${host}"]\n`)?.kind, "configuration", host);
});
