/** Killed before any call that changes something, each command that writes into a layout leaves every image whole. */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, exportLayer } from "@puzzlefs/builder";
import { collectGarbage, Layout, untag } from "@puzzlefs/oci";
import { verifyImage } from "@puzzlefs/reader";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test, { type ExecutionContext } from "ava";
import { dumpImage, makeTree } from "../../packages/builder/src/tree-fixture.ts";
import { blobNames, neededBlobs } from "../../packages/oci/src/store-fixture.ts";

const material = temporaryDirectory();
const at = (name: string): string => join(material, name);

/** The work, and how its layout differs from the others: images `packed`, `loose` and `changed` of three trees. */
const works: Record<string, { changed?: "packed" | "stream"; prepare?: (layout: string) => void; damaged?: true }> = {
  build: {},
  "build --packed": {},
  "build --packed -b": {},
  "build --file-cache over its own tag": { changed: "packed" },
  pack: {},
  "pack --independent": { changed: "packed" },
  unpack: { changed: "packed" },
  canonicalize: { changed: "stream" },
  commit: {},
  convert: {},
  "export --layer": {},
  untag: { changed: "packed" },
  gc: { changed: "packed", prepare: (layout) => using(layout, (open) => untag(open, "changed")) },
  repair: { prepare: damage, damaged: true },
};

function using<T>(path: string, use: (layout: Layout) => T): T {
  using layout = Layout.open(path);
  return use(layout);
}

/** Changes a byte in a chunk of `loose`, and removes a pack. */
function damage(layout: string): void {
  const directory = join(layout, "blobs/sha256");
  const sizes = readdirSync(directory).map((name) => ({ name, bytes: readFileSync(join(directory, name)) }));
  const isJson = (bytes: Buffer): boolean => bytes[0] === 0x7b;
  const [largest, next] = sizes
    .filter(({ bytes }) => !isJson(bytes))
    .toSorted((a, b) => b.bytes.length - a.bytes.length);
  rmSync(join(directory, largest?.name ?? ""));
  writeFileSync(join(directory, next?.name ?? ""), Buffer.from(next?.bytes ?? []).fill(0, 9, 10));
}

test.before(async () => {
  const trees = {
    packed: { a: noise("a", 90_000), b: prose("b", 4000), c: prose("c", 3000) },
    loose: { a: noise("a", 90_000), d: noise("d", 70_000) },
    changed: { a: noise("a", 90_000), b: prose("b", 4000), e: prose("e", 50_000) },
  };
  for (const [name, files] of Object.entries(trees)) cpSync(makeTree(files), at(name), { recursive: true });
  mkdirSync(at("upper"));
  writeFileSync(join(at("upper"), "c"), "written over the mount");
  for (const kind of ["", "packed", "stream"]) {
    const ociDir = at(`layout ${kind}`);
    const common = { ociDir, compress: true, jobs: 1 } as const;
    await build({ ...common, rootfs: at("packed"), tag: "packed", packed: true });
    await build({ ...common, rootfs: at("loose"), tag: "loose" });
    const form = { packed: kind === "packed", chunking: kind === "stream" ? "stream" : "file" } as const;
    await build({ ...common, ...form, rootfs: at("changed"), tag: "changed" });
  }
  cpSync(at("layout "), at("backup"), { recursive: true });
  await exportLayer({ source: { ociDir: at("layout "), reference: "loose" }, ociDir: at("archives"), tag: "image" });
  // Found by the next build instead of the content that changed.
  appendFileSync(join(at("changed"), "e"), "one line more");
});

const before = (layout: string, tag: string): string => {
  try {
    return dumpImage(layout, tag).join("\n");
  } catch (error) {
    return String(error);
  }
};

for (const [work, { changed = "", prepare, damaged }] of Object.entries(works)) {
  test.serial(`${work}: killed before any call, every image is whole`, async (t) => {
    const [layout, snapshots] = [at(`work ${work}`), at(`snapshots ${work}`)];
    execFileSync("cp", ["-a", at(`layout ${changed}`), layout]);
    prepare?.(layout);
    const tags = using(layout, (open) => open.tags());
    const others = tags.filter((tag) => tag !== "changed");
    const dumps = new Map(tags.map((tag) => [tag, before(at(`layout ${changed}`), tag)]));
    mkdirSync(snapshots);
    const argv = [join(import.meta.dirname, "snapshots-fixture.ts"), work, layout, snapshots, material];
    const child = spawnSync(process.execPath, argv, { encoding: "utf8" });
    t.is(child.status, 0, child.stderr);
    const calls = child.stdout.trimEnd().split("\n");
    t.true(calls.length >= 10, `${calls.length} calls`);
    const after = stateOf(layout);
    const first = stateOf(join(snapshots, "0"));
    const seen = new Set<string>();
    for (const [number, call] of calls.entries()) {
      const copy = join(snapshots, String(number));
      const what = `${work}: before call ${number}, ${call}`;
      const state = stateOf(copy);
      seen.add(state);
      t.true(state === first || state === after, what);
      if (damaged === true) {
        // It is damaged before; but nothing that is intact is lost.
        const { problems } = using(copy, (open) => verifyImage(open));
        t.true(problems.length <= 3, what);
      } else {
        for (const tag of others) t.is(dumpImage(copy, tag).join("\n"), dumps.get(tag) ?? "", `${tag}, ${what}`);
        t.deepEqual(
          using(copy, (open) => verifyImage(open).problems),
          [],
          what,
        );
      }
      if (number % 12 === 0) await assertGoesOn(t, copy, others, dumps, what, damaged);
    }
    t.is(seen.size, ["gc", "repair"].includes(work) ? 1 : 2, "both outcomes occur");
    t.deepEqual(
      using(layout, (open) => verifyImage(open).problems),
      [],
    );
    rmSync(snapshots, { recursive: true });
  });
}

/** The entries of an index. */
function stateOf(layout: string): string {
  return readFileSync(join(layout, "index.json"), "utf8");
}

/** The next build sweeps, and gc finds nothing that no image needs, but what it removes. */
async function assertGoesOn(
  t: ExecutionContext,
  layout: string,
  tags: readonly string[],
  dumps: ReadonlyMap<string, string>,
  what: string,
  damaged = false,
): Promise<void> {
  await build({ rootfs: at("loose"), ociDir: layout, tag: "next", compress: true, jobs: 1 });
  if (damaged) return;
  using(layout, (open) => collectGarbage(open, { grace: 0 }));
  t.deepEqual(blobNames(layout), neededBlobs(layout), what);
  const names = readdirSync(layout).filter((name) => !/^\.puzzlefs-(chunks|files)-/.test(name));
  t.deepEqual(names.toSorted(), ["blobs", "index.json", "oci-layout"], what);
  for (const tag of tags) t.is(dumpImage(layout, tag).join("\n"), dumps.get(tag) ?? "", `${tag} after gc, ${what}`);
}
