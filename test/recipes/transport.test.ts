import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { identityOf, dumpOf, series } from "../../packages/transport/src/transport-fixture.ts";
import { puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { installedLayer, obstacle, ServingMachine } from "./machine.ts";

/** Ten versions go to Debian's registry by `push` and come back by `pull`; the requests are those that the registry has logged. */

const scratch = new Scratch();
const problem = obstacle();
const memory = scratch.directory("memory");
const VERSIONS = 10;
const tags = Array.from({ length: VERSIONS }, (_, index) => `v${index + 1}`);
const last = `v${VERSIONS}`;
const there = (tag: string, repository = "app"): string => `localhost:5000/${repository}:${tag}`;
let machine: ServingMachine | undefined;

test.before(async () => {
  if (problem !== "") return;
  // In memory: a registry syncs every blob.
  run("mount", ["-t", "tmpfs", "puzzlefs-test", memory]);
  const configuration = [
    "version: 0.1",
    "storage: {filesystem: {rootdirectory: /srv/registry}, delete: {enabled: true}}",
    "http: {addr: 'localhost:5000'}",
  ];
  const serve = `printf '%s\\n' "$@" > registry.yml; exec docker-registry serve registry.yml > registry.log 2>&1`;
  const state = join(memory, "machine");
  machine = new ServingMachine(state, installedLayer(scratch), ["sh", "-c", serve, "sh", ...configuration]);
  await machine.listens(5000);
  for (const [index, rootfs] of series(VERSIONS, 4).entries())
    run(puzzlefs, ["build", "-c", rootfs, `${store()}:${tags[index]}`]);
});

test.after.always(() => {
  machine?.stop();
  scratch.remove();
});

function on(): ServingMachine {
  if (machine === undefined) throw new Error("no machine");
  return machine;
}

const store = (): string => join(on().srv, "store");

interface Result {
  manifest: string;
  packs: number;
  uploadedBytes: number;
  receivedBytes: number;
}

/** Runs the program beside the registry; returns its result, and how many requests there were. */
function transfer(...args: string[]): Result & { requests: number } {
  const before = requests();
  const { status, stdout, stderr } = on().onNetwork(puzzlefs, ...args, "--plain-http", "--json");
  if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return { ...(JSON.parse(stdout) as Result), requests: requests() - before };
}

function requests(): number {
  return (
    readFileSync(join(on().srv, "registry.log"), "utf8").match(/"(GET|HEAD|POST|PUT|PATCH|DELETE) \/v2\/./g)?.length ??
    0
  );
}

function skopeo(...args: string[]): string {
  const { status, stdout, stderr } = on().inside("skopeo", ...args);
  if (status !== 0) throw new Error(`skopeo ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Stored bytes of the chunks of an image, by digest. */
function chunksOf(tag: string): Map<string, number> {
  const blob = (digest: string): string => readFileSync(join(store(), "blobs/sha256", digest.slice(7)), "utf8");
  const { manifests } = JSON.parse(readFileSync(join(store(), "index.json"), "utf8")) as { manifests: Entry[] };
  const entry = manifests.find(({ annotations }) => annotations["org.opencontainers.image.ref.name"] === tag);
  const { layers } = JSON.parse(blob(entry?.digest ?? "")) as { layers: { digest: string; size: number }[] };
  return new Map(layers.slice(1).map(({ digest, size }) => [digest, size]));
}

interface Entry {
  digest: string;
  annotations: Record<string, string>;
}

const sum = (sizes: Iterable<number>): number => [...sizes].reduce((total, size) => total + size, 0);

const serial = problem === "" ? test.serial : test.serial.skip;
const title = (text: string): string => `${text}${problem && ` (${problem})`}`;

serial(
  title("ten versions are pushed as tens of blobs, and each comes back with its digest, an update in few requests"),
  (t) => {
    const copy = join(on().srv, "copy");
    const pushes: number[] = [];
    const pulls: number[] = [];
    for (const [index, tag] of tags.entries()) {
      const base = index === 0 ? [] : ["--base", there(tags[index - 1] ?? "")];
      pushes.push(transfer("push", `${store()}:${tag}`, there(tag), ...base).requests);
      const manifest = skopeo("inspect", "--raw", "--tls-verify=false", `docker://${there(tag)}`);
      const { layers } = JSON.parse(manifest);
      t.true(
        layers.length + 1 <= 24 && manifest.length <= 4096,
        `${layers.length + 1} blobs, ${manifest.length} bytes`,
      );
      const pulled = transfer("pull", there(tag), copy);
      t.is(identityOf(copy, tag), identityOf(store(), tag));
      if (index === 0) continue;
      pulls.push(pulled.requests);
      t.true(pulled.requests <= 6, `${pulled.requests} requests for ${tag}`);
      const known = chunksOf(tags[index - 1] ?? "");
      const needed = sum([...chunksOf(tag)].flatMap(([digest, size]) => (known.has(digest) ? [] : [size])));
      t.true(pulled.receivedBytes <= 1.3 * needed + 20_000, `${pulled.receivedBytes} bytes for ${needed}`);
    }
    t.log(`requests of pushes: ${pushes.join(" ")}; of pulls: ${pulls.join(" ")}`);
    t.regex(run(puzzlefs, ["verify", copy]), /: good\n$/);
  },
);

serial(
  title("a first pull of the last version receives little more than the image, and the version before is no condition"),
  (t) => {
    for (const [number, form] of [["--loose"], []].entries()) {
      const copy = join(on().srv, `cold-${number}`);
      const { receivedBytes } = transfer("pull", there(last), copy, ...form);
      t.true(receivedBytes <= 1.25 * sum(chunksOf(last).values()), `${receivedBytes}`);
      t.is(dumpOf(copy, last), dumpOf(store(), last));
      const { requests: none } = transfer("pull", there(last), copy, ...form);
      t.true(none <= 2, `${none} requests for what is there`);
    }
  },
);

serial(title("skopeo copies what was pushed, and what skopeo has copied is pulled, packed and loose"), (t) => {
  const { srv } = on();
  skopeo("copy", "--quiet", "--src-tls-verify=false", `docker://${there(last)}`, `oci:skopeo:${last}`);
  t.is(dumpOf(join(srv, "skopeo"), last), dumpOf(store(), last));
  for (const name of ["skopeo", "store"]) {
    skopeo("copy", "--quiet", "--dest-tls-verify=false", `oci:${name}:${last}`, `docker://${there(last, name)}`);
    const copy = join(srv, `from-${name}`);
    transfer("pull", there(last, name), copy);
    t.is(identityOf(copy, last), identityOf(store(), last));
    t.is(dumpOf(copy, last), dumpOf(store(), last));
  }
});

serial(title("another repository takes packs of a base by mounting them"), (t) => {
  const pushed = transfer("push", `${store()}:${last}`, there("x", "other/app"), "--base", there(last));
  t.true(pushed.uploadedBytes < 0.1 * sum(chunksOf(last).values()), `${pushed.uploadedBytes}`);
  const copy = join(on().srv, "other");
  transfer("pull", there("x", "other/app"), copy);
  t.is(dumpOf(copy, "x"), dumpOf(store(), last));
});

serial(title("after old versions are deleted and the registry is cleaned up, the last one is whole"), (t) => {
  for (const tag of tags.slice(0, -1)) skopeo("delete", "--tls-verify=false", `docker://${there(tag)}`);
  const { status, stderr } = on().inside("docker-registry", "garbage-collect", "--delete-untagged", "registry.yml");
  t.is(status, 0, stderr);
  const copy = mkdtempSync(join(on().srv, "clean-"));
  transfer("pull", there(last), copy);
  t.is(dumpOf(copy, last), dumpOf(store(), last));
});
