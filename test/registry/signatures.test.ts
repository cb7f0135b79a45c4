/** A signed image goes through registries to another machine, and is verified there: with OCI's API for referrers, and without. */
import { existsSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, running } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { startRegistry } from "../../bench/registries.ts";
import { mountTest } from "../../packages/cli/src/mount-fixture.ts";
import { otherKey, publicKey, secretKey } from "../../packages/cli/src/signing-keys-fixture.ts";
import { TestRegistry } from "../../packages/registry/src/test-registry-fixture.ts";
import { buildTo, series } from "../../packages/transport/src/transport-fixture.ts";
import { type Output, run } from "../lazy/lazy-fixture.ts";
import { cache, puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { collectGarbage, lacksRegistry } from "./docker-registry-fixture.ts";

const scratch = new Scratch();
const origin = scratch.fresh("origin");
const [keyFile, publicFile, otherFile] = ["key", "key.pub", "other.pub"].map((name) => scratch.fresh(name)) as [
  string,
  string,
  string,
];

test.before(async (t) => {
  writeFileSync(keyFile, secretKey);
  writeFileSync(publicFile, publicKey);
  writeFileSync(otherFile, otherKey);
  const [first = "", second = ""] = series(2);
  await buildTo(first, origin, "v1");
  await buildTo(second, origin, "unsigned", { base: "v1" });
  await good(t, "sign", "--key", keyFile, `${origin}:v1`);
});

test.after.always(() => scratch.remove());

async function good(t: ExecutionContext, ...argv: string[]): Promise<Output> {
  const output = await run(puzzlefs, ...argv);
  t.deepEqual([output.code, output.stderr], [0, ""], argv.join(" "));
  return output;
}

async function refused(t: ExecutionContext, pattern: RegExp, ...argv: string[]): Promise<void> {
  const { code, stderr } = await run(puzzlefs, ...argv);
  t.is(code, 3, stderr);
  t.regex(stderr, pattern);
}

/** Pushes and pulls by a registry, at HOST/REPOSITORY. `collect` deletes there what has no tag. */
async function travels(t: ExecutionContext, repository: string, collect?: () => void): Promise<void> {
  const http = "--plain-http";
  for (let count = 0; count < 2; count++)
    t.regex((await good(t, "push", http, `${origin}:v1`, `${repository}:v1`)).stdout, /^signed +1 signature$/m);
  await good(t, "push", http, `${origin}:unsigned`, `${repository}:unsigned`, "--base", `${repository}:v1`);
  for (const round of collect === undefined ? [1] : [1, 2]) {
    const copy = scratch.fresh("copy");
    const image = `${copy}:v1`;
    t.notRegex((await good(t, "pull", http, `${repository}:v1`, copy)).stdout, /signature/);
    await refused(t, /not signed by key/, "verify", "--signature", publicFile, image);
    t.regex((await good(t, "pull", http, "--signatures", `${repository}:v1`, copy)).stdout, /^signed +1 signature$/m);
    await good(t, "verify", "--signature", publicFile, image);
    await refused(t, /not signed by key/, "verify", "--signature", otherFile, image);

    const other = scratch.fresh("other");
    const required = ["pull", http, "--require-signature"];
    await refused(t, /not signed by key/, ...required, otherFile, `${repository}:v1`, other);
    await refused(t, /not signed by key/, ...required, publicFile, `${repository}:unsigned`, other);
    t.false(existsSync(join(other, "index.json")));
    await good(t, ...required, publicFile, `${repository}:v1`, other);
    await good(t, "verify", "--signature", publicFile, `${other}:v1`);

    const lazy = scratch.fresh("lazy");
    t.regex((await good(t, ...required, publicFile, "--lazy", `${repository}:v1`, lazy)).stdout, /^signed +1 sig/m);
    await refused(t, /not signed by key/, ...required, publicFile, "--lazy", `${repository}:unsigned`, lazy);
    if (round === 1) collect?.();
  }
}

for (const referrers of [true, "bare", false] as const)
  test(`a registry whose lists of referrers are ${referrers === false ? "tags" : referrers === true ? "OCI's" : "without annotations"}`, async (t) => {
    await using registry = await TestRegistry.start({ referrers });
    await travels(t, `${registry.host}/team/app`);
    t.is(
      [...registry.manifests.keys()].filter((name) => name.includes("@sha256-")).length,
      referrers === false ? 1 : 0,
    );
  });

mountTest("a mount that requires a signature gets it from the registry, or finds what pull received", async (t) => {
  await using registry = await TestRegistry.start();
  const image = `${registry.host}/team/app:v1`;
  await good(t, "push", "--plain-http", `${origin}:v1`, image);
  const [store, copy, mountpoint] = [scratch.fresh("lazy"), scratch.fresh("copy"), scratch.directory("mnt")];
  const remote = ["mount", "--plain-http", "--no-fill", "--store", store];
  await good(t, "pull", "--plain-http", "--signatures", image, copy);
  for (const argv of [
    [...remote, "--require-signature", publicFile, image],
    [...remote, "-o", `require_signature=${publicFile}`, image],
    ["mount", "--driver=fuse", "--require-signature", publicFile, `${copy}:v1`],
  ]) {
    await good(t, ...argv, mountpoint);
    t.is(await readFile(join(mountpoint, "version"), "utf8"), "0");
    await good(t, "umount", mountpoint);
    await eventually(() => running(`puzzlefs fetch ${store}/lazy`).length === 0);
  }
  await refused(t, /not signed by key/, ...remote, "--require-signature", otherFile, image, mountpoint);
});

const docker = lacksRegistry.length > 0 ? test.skip : test;
docker(
  "Debian's docker-registry, which has no API for referrers, also after it has deleted what has no tag",
  async (t) => {
    const directory = scratch.directory("docker-registry");
    using registry = await startRegistry("docker-registry", cache, directory);
    if (registry === undefined) return t.fail();
    await travels(t, `${registry.host}/team/app`, () => collectGarbage(directory));
  },
);

const zot = existsSync(join(cache, "external/bin/zot")) ? test : test.skip;
zot("zot, which has the API (needs zot: test/external/README.md)", async (t) => {
  using registry = await startRegistry("zot", cache, scratch.directory("zot"));
  if (registry === undefined) return t.fail();
  await travels(t, `${registry.host}/team/app`);
  registry.traffic();
  const copy = scratch.fresh("counted");
  await good(t, "pull", "--plain-http", `${registry.host}/team/app:v1`, copy);
  const without = registry.traffic().requests;
  await good(t, "pull", "--plain-http", "--signatures", `${registry.host}/team/app:v1`, scratch.fresh("counted too"));
  t.is(registry.traffic().requests, without + 1);
});
