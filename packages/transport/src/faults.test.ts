/** Pulls from a registry that is broken in each way of the table of faults: whole, or an error; nothing wrong stays; the next pull goes on. */
import { Layout } from "@puzzlefs/oci";
import { TestRegistry } from "@puzzlefs/registry/test-registry";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { Client } from "../../registry/src/client-fixture.ts";
import { registryFaults } from "../../registry/src/faults-fixture.ts";
import { pull } from "./pull.ts";
import { push } from "./push.ts";
import { buildTo, checkBlobs, dumpOf, problemsOf, series } from "./transport-fixture.ts";

interface Pushed {
  registry: TestRegistry;
  ociDir: string;
  dumps: string[];
}

/** A registry with two versions. */
async function pushed(): Promise<Pushed> {
  const registry = await TestRegistry.start();
  using client = new Client();
  const ociDir = temporaryDirectory();
  const dumps: string[] = [];
  for (const [index, rootfs] of series(2).entries()) {
    const tag = `v${index + 1}`;
    await buildTo(rootfs, ociDir, tag);
    dumps.push(dumpOf(ociDir, tag));
    const bases = index === 0 ? [] : [{ repository: client.open(registry, "a/b:v1") }];
    await push({ ociDir, reference: tag, target: client.open(registry, `a/b:${tag}`, "push"), bases });
  }
  return { registry, ociDir, dumps };
}

let shared: Promise<Pushed> | undefined;

test.after.always(async () => {
  await (await shared)?.registry[Symbol.asyncDispose]();
});

for (const { name, outcome, begin } of registryFaults) {
  // They share a registry, which has one fault at a time.
  test.serial(
    `${name}: ${outcome === "survived" ? outcome : `an error (${outcome}), and the next pull succeeds`}`,
    async (t) => {
      const { registry, dumps } = await (shared ??= pushed());
      using client = new Client();
      const copy = temporaryDirectory();
      const receive = (tag: string): ReturnType<typeof pull> =>
        pull({ repository: client.open(registry, `a/b:${tag}`), ociDir: copy, tag });
      // The first version comes whole; of the second, what is new.
      for (const [index, tag] of ["v1", "v2"].entries()) {
        registry.intercept = begin();
        const pulling = receive(tag);
        if (outcome === "survived") await pulling;
        else {
          await t.throwsAsync(pulling);
          registry.intercept = undefined;
          if (index > 0) {
            checkBlobs(copy);
            using layout = Layout.open(copy);
            t.deepEqual(layout.tags(), ["v1"]);
          }
          await receive(tag);
        }
        t.is(dumpOf(copy, tag), dumps[index]);
      }
      t.deepEqual(problemsOf(copy), []);
    },
  );
}

test.serial("what arrived before a failure is not requested again", async (t) => {
  const { registry, dumps } = await (shared ??= pushed());
  using client = new Client();
  const copy = temporaryDirectory();
  let isBroken = false;
  registry.intercept = ({ path, method }, response) => {
    const bytes = registry.blobs.get(path.replace("/v2/", "").replace("/blobs/", "@"));
    if (method !== "GET" || bytes === undefined || bytes.length < 1_000_000) return false;
    // Half of the pack comes; then nothing does.
    if (isBroken) response.destroy();
    else response.writeHead(200).write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
    isBroken = true;
    return true;
  };
  await t.throwsAsync(pull({ repository: client.open(registry, "a/b:v1"), ociDir: copy, tag: "v1" }));
  registry.intercept = undefined;
  const kept = checkBlobs(copy);
  t.true(kept > 0);
  const rest = await pull({ repository: client.open(registry, "a/b:v1"), ociDir: copy, tag: "v1" });
  t.is(rest.receivedChunks, rest.chunks - kept);
  t.is(dumpOf(copy, "v1"), dumps[0]);
});
