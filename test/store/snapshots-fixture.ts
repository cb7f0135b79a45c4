/**
 * Does a piece of work in a layout, and copies the layout before each call that could change something: a process that is killed then leaves
 * just that.
 *
 *     node snapshots-fixture.ts WORK LAYOUT SNAPSHOTS MATERIAL
 *
 * SNAPSHOTS gets the copies, by number. MATERIAL has the trees and layouts that the work needs. Prints the calls, one a line.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { watchCalls } from "../../packages/oci/src/watched-calls-fixture.ts";

const [work = "", layout = "", snapshots = "", material = ""] = process.argv.slice(2);
const calls: string[] = [];
/** Off while modules load. */
let armed = false;

watchCalls((call) => {
  if (!armed) return;
  armed = false;
  const { status } = spawnSync("cp", ["-a", layout, join(snapshots, String(calls.length))]);
  if (status !== 0) throw new Error(`no copy before ${call}`);
  calls.push(call);
  armed = true;
});

const { build, canonicalize, commit, convert, exportLayer, packImage, unpackImage } = await import("@puzzlefs/builder");
const { Directory } = await import("@puzzlefs/linux");
const { collectGarbage, Layout, repair, untag } = await import("@puzzlefs/oci");

const at = (name: string): string => join(material, name);
const made = { ociDir: layout, compress: true, jobs: 1, rootfs: at("changed") } as const;
const opened = <T>(use: (open: ReturnType<typeof Layout.open>) => T): T => {
  using open = Layout.open(layout);
  return use(open);
};

/** Each gives the tag `changed` another image or another form, or makes the tag `new`, or does nothing to tags. */
const works: Record<string, () => unknown> = {
  build: () => build({ ...made, tag: "new" }),
  "build --packed": () => build({ ...made, tag: "new", packed: true }),
  "build --packed -b": () => build({ ...made, tag: "new", packed: true, base: "packed" }),
  "build --file-cache over its own tag": () => build({ ...made, tag: "changed", packed: true, fileCache: true }),
  pack: () => packImage({ ociDir: layout, tag: "changed" }),
  "pack --independent": () => packImage({ ociDir: layout, tag: "changed", independent: true }),
  unpack: () => unpackImage({ ociDir: layout, tag: "changed" }),
  canonicalize: () => canonicalize({ ociDir: layout, from: layout, reference: "changed", tag: "changed", jobs: 1 }),
  commit: () => {
    const directory = Directory.open(at("upper"));
    const upper = { directory, prefix: "trusted.overlay.", index: undefined } as const;
    return commit({ ociDir: layout, base: "packed", tag: "new", upper, jobs: 1 });
  },
  convert: () =>
    convert({ source: { ociDir: at("archives"), reference: "image" }, ociDir: layout, tag: "new", jobs: 1 }),
  "export --layer": () =>
    exportLayer({ source: { ociDir: layout, reference: "packed" }, ociDir: layout, tag: "ordinary" }),
  untag: () => opened((open) => untag(open, "changed")),
  gc: () => opened((open) => collectGarbage(open, { grace: 0 })),
  repair: () => {
    using from = Layout.open(at("backup"));
    return opened((open) => repair(open, { from }));
  },
};

armed = true;
await works[work]?.();
armed = false;
console.log(calls.join("\n"));
