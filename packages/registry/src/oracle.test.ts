/** skopeo and the client, with the same files: the same registries get the same requests with the same credentials. */
import test from "ava";
import { RegistryError } from "./errors.ts";
import { compareWithSkopeo, hasSkopeo } from "./skopeo-fixture.ts";
import { basic, refuse, TestRegistry } from "./test-registry-fixture.ts";

const compare = hasSkopeo ? test : test.skip;
const entry = (user: string): { auth: string } => ({ auth: Buffer.from(`${user}:secret`).toString("base64") });
const insecure = ".config/containers/registries.conf";
const conf = (host: string): string => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`;
const helper = (answer: string): string => `#!/bin/sh\nread host\necho "$host" >> "$HOME/asked"\n${answer}\n`;
const CONTAINERS = "run/containers/auth.json";

/** Files of credentials for HOST, and the user that is found in them. */
const credentials: Record<
  string,
  { files: (host: string) => Record<string, unknown>; variables?: Record<string, string>; user: string }
> = {
  "the host": { files: (host) => ({ [CONTAINERS]: { auths: { [host]: entry("one") } } }), user: "one" },
  "the longest part of the name": {
    files: (host) => ({
      [CONTAINERS]: {
        auths: {
          [host]: entry("one"),
          [`${host}/a`]: entry("two"),
          [`${host}/a/b`]: entry("three"),
          [`${host}/a/b/c`]: entry("four"),
        },
      },
    }),
    user: "three",
  },
  "the namespace": {
    files: (host) => ({ [CONTAINERS]: { auths: { [host]: entry("one"), [`${host}/a`]: entry("two") } } }),
    user: "two",
  },
  "the order of the files": {
    files: (host) => ({
      ".docker/config.json": { auths: { [host]: entry("docker") } },
      ".config/containers/auth.json": { auths: { [host]: entry("user") } },
      ".dockercfg": { [host]: entry("legacy") },
    }),
    user: "user",
  },
  "docker's file": {
    files: (host) => ({ ".docker/config.json": { auths: { [host]: entry("docker") } } }),
    user: "docker",
  },
  "docker's file of long ago": {
    files: (host) => ({ ".dockercfg": { [`http://${host}/v1/`]: entry("legacy") } }),
    user: "legacy",
  },
  "a URL as key": {
    files: (host) => ({ ".docker/config.json": { auths: { [`https://${host}/v2/`]: entry("docker") } } }),
    user: "docker",
  },
  DOCKER_CONFIG: {
    files: (host) => ({ "elsewhere/config.json": { auths: { [host]: entry("docker") } } }),
    variables: { DOCKER_CONFIG: "HOME/elsewhere" },
    user: "docker",
  },
  XDG_CONFIG_HOME: {
    files: (host) => ({ "elsewhere/containers/auth.json": { auths: { [host]: entry("user") } } }),
    variables: { XDG_CONFIG_HOME: "HOME/elsewhere" },
    user: "user",
  },
  REGISTRY_AUTH_FILE: {
    files: (host) => ({
      "auth.json": { auths: { [host]: entry("named") } },
      [CONTAINERS]: { auths: { [host]: entry("one") } },
    }),
    variables: { REGISTRY_AUTH_FILE: "HOME/auth.json" },
    user: "named",
  },
  "a helper of the host": {
    files: (host) => ({
      [CONTAINERS]: { credHelpers: { [host]: "test" }, auths: { [host]: entry("one") } },
      "bin/docker-credential-test": helper(`echo '{"ServerURL":"'$host'","Username":"helped","Secret":"secret"}'`),
    }),
    user: "helped",
  },
  "a helper that has none, and the next file": {
    files: (host) => ({
      [CONTAINERS]: { credHelpers: { [host]: "test" } },
      ".docker/config.json": { auths: { [host]: entry("docker") } },
      "bin/docker-credential-test": helper("echo credentials not found in native keychain; exit 1"),
    }),
    user: "docker",
  },
  "an empty entry, and the next file": {
    files: (host) => ({
      [CONTAINERS]: { auths: { [host]: {} } },
      ".docker/config.json": { auths: { [host]: entry("docker") } },
    }),
    user: "docker",
  },
  "entries of other hosts": {
    files: (host) => ({ [CONTAINERS]: { auths: { [`${host}0`]: entry("no"), localhost: entry("no") } } }),
    user: "",
  },
};

for (const [name, { files, variables, user }] of Object.entries(credentials)) {
  compare(`credentials, ${name}: as skopeo finds them`, async (t) => {
    await using registry = await TestRegistry.start();
    registry.putManifest("a/b", "v1", { schemaVersion: 2 });
    registry.intercept = ({ headers }, response) => {
      if (headers.authorization === basic(user, "secret")) return false;
      response.setHeader("www-authenticate", 'Basic realm="test"');
      refuse(response, 401, "UNAUTHORIZED");
      return true;
    };
    const all = Object.entries(files(registry.host)).map(([path, content]) => [
      path,
      typeof content === "string" ? content : JSON.stringify(content),
    ]);
    const { error } = await compareWithSkopeo(
      t,
      [registry],
      `${registry.host}/a/b:v1`,
      { [insecure]: conf(registry.host), ...(Object.fromEntries(all) as Record<string, string>) },
      variables,
    );
    t.is(error instanceof RegistryError ? error.kind : undefined, user === "" ? "denied" : undefined);
  });
}

interface Rules {
  conf: (hosts: string[]) => string;
  more?: (hosts: string[]) => Record<string, string>;
  /** Of the first registry, when `name` is not another one's. */
  name?: string;
  byDigest?: boolean;
  /** The registry that has the image in the end. */
  from?: number;
}

/** Registries 0, 1 and 2 have a/b, and 1 and 2 have m/b. */
const rules: Record<string, Rules> = {
  "none, and no https": { conf: () => "" },
  insecure: { conf: ([host]) => conf(host as string), from: 0 },
  "a rule without a port": { conf: () => conf("localhost"), from: 0 },
  "a location": {
    conf: ([host, other]) =>
      `${conf(other as string)}[[registry]]\nprefix = "${host}/a"\nlocation = "${other}/m"\ninsecure = true\n`,
    from: 1,
  },
  "the longest prefix": {
    conf: ([host, other]) =>
      `${conf(host as string)}[[registry]]\nprefix = "${host}/a/b"\nlocation = "${other}/a/b"\ninsecure = true\n`,
    from: 1,
  },
  "a prefix that ends in the middle of a name": {
    conf: ([host, other]) => `${conf(host as string)}[[registry]]\nprefix = "${host}/a/bb"\nlocation = "${other}/m"\n`,
    from: 0,
  },
  "a mirror": {
    conf: ([host, other]) => `${conf(host as string)}[[registry.mirror]]\nlocation = "${other}"\ninsecure = true\n`,
    from: 1,
  },
  "a mirror without the image": {
    conf: ([host, other]) =>
      `${conf(host as string)}[[registry.mirror]]\nlocation = "${other}/none"\ninsecure = true\n`,
    from: 0,
  },
  "a mirror that is not insecure": {
    conf: ([host, other]) => `${conf(host as string)}[[registry.mirror]]\nlocation = "${other}"\n`,
    from: 0,
  },
  "a mirror that another rule makes insecure": {
    conf: ([host, other]) =>
      `${conf(other as string)}${conf(host as string)}[[registry.mirror]]\nlocation = "${other}"\n`,
    from: 0,
  },
  "mirror-by-digest-only, a tag": {
    conf: ([host, other]) =>
      `${conf(host as string)}mirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "${other}"\ninsecure = true\n`,
    from: 0,
  },
  "mirror-by-digest-only, a digest": {
    conf: ([host, other]) =>
      `${conf(host as string)}mirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "${other}"\ninsecure = true\n`,
    byDigest: true,
    from: 1,
  },
  "pull-from-mirror, a digest": {
    conf: ([host, other, third]) =>
      `${conf(host as string)}[[registry.mirror]]\nlocation = "${other}"\ninsecure = true\npull-from-mirror = "tag-only"\n` +
      `[[registry.mirror]]\nlocation = "${third}"\ninsecure = true\npull-from-mirror = "digest-only"\n`,
    byDigest: true,
    from: 2,
  },
  blocked: { conf: ([host]) => `${conf(host as string)}blocked = true\n` },
  "a blocked namespace": {
    conf: ([host]) =>
      `${conf(host as string)}[[registry]]\nprefix = "${host}/a"\nlocation = "${host}/a"\nblocked = true\ninsecure = true\n`,
  },
  "a file of the directory replaces a rule": {
    conf: ([host]) => `${conf(host as string)}blocked = true\n`,
    more: ([host]) => ({
      ".config/containers/registries.conf.d/50-test.conf": conf(host as string),
      ".config/containers/registries.conf.d/60-test.txt": "no TOML",
    }),
    from: 0,
  },
  "the same prefix twice": {
    conf: ([host, other]) =>
      `${conf(host as string)}[[registry]]\nprefix = "${host}"\nlocation = "${other}"\ninsecure = true\n`,
    from: 0,
  },
  "not TOML": { conf: () => "[[registry" },
  "a scheme": { conf: ([host]) => conf(`http://${host}`) },
  "no location": { conf: ([host]) => `[[registry]]\nprefix = "${host}"\ninsecure = true\n` },
  "a boolean that is a string": { conf: ([host]) => `[[registry]]\nlocation = "${host}"\ninsecure = "true"\n` },
};

for (const [name, { conf: write, more, byDigest = false, from }] of Object.entries(rules)) {
  compare(`registries.conf, ${name}: as skopeo applies it`, async (t) => {
    await using first = await TestRegistry.start();
    await using second = await TestRegistry.start();
    await using third = await TestRegistry.start();
    const registries = [first, second, third];
    const hosts = registries.map(({ host }) => host);
    const digests = registries.map((registry) => registry.putManifest("a/b", "v1", { schemaVersion: 2 }));
    for (const registry of [second, third]) registry.putManifest("m/b", "v1", { schemaVersion: 2 });
    const image = `${first.host}/a/b${byDigest ? `@${digests[0]}` : ":v1"}`;
    const { seen, error } = await compareWithSkopeo(t, registries, image, {
      [insecure]: write(hosts),
      ...more?.(hosts),
    });
    t.is(error === undefined, from !== undefined, String(error));
    if (from !== undefined)
      t.true(seen.some(([registry, , , status]) => registry === `registry ${from}` && status === "200"));
  });
}
