import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { build, withMount } from "../support/images.ts";
import { missing, type Outcome, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { changeTree } from "../support/trees/change.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { installedLayer, obstacle, ServingMachine } from "./machine.ts";

/** Images of every kind go through a registry by two skopeos, Debian 13's and the one that is here, and come back whole. */

const scratch = new Scratch();
const problem = obstacle();
const memory = scratch.directory("memory");
const first = join(memory, "first");
const second = join(memory, "second");
const registry = "docker://localhost:5000";
const configuration = { architecture: "amd64", os: "linux", config: { Cmd: ["/bin/true"], Env: ["A=b"] }, rootfs: {} };
const configFile = scratch.fresh("config.json");
let machine: ServingMachine | undefined;
let secondDump: string | undefined;

test.before(async () => {
  if (problem !== "") return;
  // In memory: a registry syncs every blob, and so does a build in the end.
  run("mount", ["-t", "tmpfs", "puzzlefs-test", memory]);
  writeFileSync(configFile, JSON.stringify(configuration));
  makeHostileTree(first, { largeDirectory: 20, sparseBytes: 3_000_000 });
  run("cp", ["-a", first, second]);
  changeTree(second);
  const listen = "http: {addr: 'localhost:5000'}";
  const storage = "storage: {filesystem: {rootdirectory: /srv/registry}}";
  const serve = `printf '%s\n' 'version: 0.1' "${storage}" "${listen}" > registry.yml; exec docker-registry serve registry.yml`;
  machine = new ServingMachine(join(memory, "machine"), installedLayer(scratch), ["sh", "-c", serve]);
  await machine.listens(5000);
});

test.after.always(() => {
  machine?.stop();
  scratch.remove();
});

type Skopeo = (...args: string[]) => Outcome;
/** Each works in /srv of the machine. */
const skopeos: Record<string, () => Skopeo> = {
  "skopeo of Debian 13":
    () =>
    (...args) =>
      on().inside("skopeo", ...args),
  "skopeo that is here":
    () =>
    (...args) =>
      on().onNetwork("env", "-C", on().srv, "skopeo", "--insecure-policy", ...args),
};

function on(): ServingMachine {
  if (machine === undefined) throw new Error("no machine");
  return machine;
}

const variants: Record<string, string[]> = {
  raw: [],
  zstd: ["-c"],
  packed: ["-c", "--packed"],
  configured: ["--packed", "--config", configFile],
};

for (const [variant, options] of Object.entries(variants)) {
  const store = `store-${variant}`;
  let wanted: string | undefined;
  for (const [index, [name, skopeo]] of Object.entries(skopeos).entries()) {
    const lacks = problem || (index === 0 ? "" : missing("skopeo").join());
    const title = `${variant}, ${name}: a delta comes back from a registry, every digest as it was`;
    (lacks === "" ? test.serial : test.serial.skip)(`${title}${lacks && ` (${lacks})`}`, (t) => {
      const { srv } = on();
      wanted ??= buildBoth(join(srv, store), options);
      const copy = `copy-${variant}-${index}`;
      const there = `${registry}/${copy}:v2`;
      const call = skopeo();
      // The delta goes alone, into a repository of its own: what it needs of its base must come along.
      for (const args of [
        ["--dest-tls-verify=false", `oci:${store}:v2`, there],
        ["--src-tls-verify=false", there, `oci:${copy}:v2`],
      ]) {
        const { status, stderr } = call("copy", "--quiet", ...args);
        t.is(status, 0, stderr);
      }
      t.is(digestOf(join(srv, copy), "v2"), wanted);
      t.regex(run(puzzlefs, ["verify", join(srv, copy)]), /: good\n$/);
      const mountpoint = scratch.directory("mnt");
      const seen = withMount(`${join(srv, copy)}:v2`, mountpoint, () => dumpDirectory(mountpoint));
      assertSameText(t, seen, (secondDump ??= dumpDirectory(second)), "mount of the copy");
      const { config } = JSON.parse(run(puzzlefs, ["inspect", "--json", `${join(srv, copy)}:v2`]));
      t.deepEqual(config?.content, variant === "configured" ? configuration : undefined);
    });
  }
}

/** An image of the first tree, and one of the second over it. Returns the second's digest. */
function buildBoth(store: string, options: readonly string[]): string | undefined {
  const all = ["--mtime", "keep", ...options];
  build(first, `${store}:v1`, ...all);
  build(second, `${store}:v2`, ...all, "-b", "v1");
  return digestOf(store, "v2");
}

function digestOf(store: string, tag: string): string | undefined {
  const { manifests } = JSON.parse(readFileSync(join(store, "index.json"), "utf8"));
  for (const { digest, annotations } of manifests) {
    if (annotations["org.opencontainers.image.ref.name"] === tag) return digest;
  }
  return undefined;
}
