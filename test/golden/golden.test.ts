/** Images of fixed trees are byte for byte those whose digests are in digests.txt. `make golden` records them anew. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type BuildOptions } from "@puzzlefs/builder";
import { type FixtureEntry, makeOnDisk } from "@puzzlefs/posix-suite";
import test from "ava";
import { isRoot } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { readRecord, writeRecord } from "./record.ts";
import { trees } from "./trees.ts";

type Form = Partial<BuildOptions>;

/** How the first version of each tree is stored. */
const forms: Readonly<Record<string, Form>> = {
  raw: {},
  zstd: { compress: true },
  "zstd, level 19, 4 KiB frames": { compress: true, level: 19, frameSize: 4096 },
  stream: { chunking: "stream" },
  "times kept": { mtime: { kind: "keep" } },
  "times clamped": { mtime: { kind: "clamp", seconds: 1_000_000 } },
  configured: { config: { bytes: Buffer.from('{"architecture":"arm64","os":"linux"}'), path: "config.json" } },
};
/** How the second version is stored as a layer over the first, which has the same form. */
const deltas = ["raw", "zstd", "stream"];

/** Without it, an image is for the platform of this machine. */
const PLATFORM = { os: "linux", architecture: "amd64" };

const isWriting = process.env["PUZZLEFS_GOLDEN"] === "write";
const recorded = readRecord();
const built = new Map<string, readonly string[]>();
const scratch = new Scratch();
const roots = new Map<readonly FixtureEntry[], string>();
const golden = isRoot ? test.serial : test.serial.skip;

test.after.always(() => scratch.remove());

/** Where a tree is made, once. */
function rootOf(entries: readonly FixtureEntry[]): string {
  const known = roots.get(entries);
  if (known !== undefined) return known;
  const root = scratch.directory("tree");
  makeOnDisk(root, entries);
  roots.set(entries, root);
  return root;
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** The files that a build adds to a layout: its index and new blobs, each with its digest and size. */
async function record(ociDir: string, known: readonly string[], options: BuildOptions): Promise<string[]> {
  const { manifest, manifestVerity, metadata } = await build(options);
  const blobs = join(ociDir, "blobs/sha256");
  const line = (what: string, path: string): string => {
    const bytes = readFileSync(path);
    return `${what.padEnd(8)} ${sha256(bytes)} ${bytes.length}`;
  };
  const content = blobNames(ociDir).filter((name) => ![manifest, metadata, ...known].includes(name));
  return [
    line("index", join(ociDir, "index.json")),
    line("manifest", join(blobs, manifest)),
    `verity   ${manifestVerity}`,
    line("metadata", join(blobs, metadata)),
    ...content.map((name) => line("blob", join(blobs, name))),
  ];
}

const blobNames = (ociDir: string): string[] => readdirSync(join(ociDir, "blobs/sha256")).sort();

for (const { name, entries, changed } of trees) {
  for (const [form, options] of Object.entries(forms)) {
    const image = `${name}, ${form}`;
    golden(`${image}: every blob is the recorded one${isRoot ? "" : " (needs root)"}`, async (t) => {
      const ociDir = scratch.fresh("store");
      const common = { ociDir, jobs: 1, ...(options.config === undefined && { platform: PLATFORM }), ...options };
      const base = { ...common, rootfs: rootOf(entries), tag: "v1" };
      const lines = await record(ociDir, [], base);
      built.set(image, lines);
      t.deepEqual(lines, isWriting ? lines : recorded.get(image));
      if (changed === undefined || !deltas.includes(form)) return;
      const delta = `${image}, delta`;
      const more = await record(ociDir, blobNames(ociDir), {
        ...common,
        rootfs: rootOf(changed),
        tag: "v2",
        base: "v1",
      });
      built.set(delta, more);
      t.deepEqual(more, isWriting ? more : recorded.get(delta));
    });
  }
}

golden(`every recorded image is built${isRoot ? "" : " (needs root)"}`, (t) => {
  if (isWriting) writeRecord(built);
  t.deepEqual([...readRecord().keys()].sort(), [...built.keys()].sort());
});
