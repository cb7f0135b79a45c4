/**
 * A process that writes into a layout and kills itself at a given call.
 *
 *     node crash-fixture.ts <layout> <tag prefix> <commits> <kill at> [convert]
 *     node crash-fixture.ts <layout> gc 0 <kill at>
 *
 * Every call of the layout's code that could change something is counted. Before call number `kill at` (0: never) the process kills
 * itself with SIGKILL; a write is then half done. At the end it prints the calls, one a line. With `convert` the images are
 * there, and get another form, which needs none of their blobs.
 */
import type { Layout } from "./image-layout.ts";
import { watchCalls } from "./watched-calls-fixture.ts";

const [directory, prefix, commits, killAt, convert] = process.argv.slice(2);
const calls: string[] = [];
/** Off while modules load. */
let armed = false;

watchCalls((call, half) => {
  if (!armed) return;
  calls.push(call);
  if (calls.length !== Number(killAt)) return;
  half?.();
  process.kill(process.pid, "SIGKILL");
});

const { collectGarbage } = await import("./collect-garbage.ts");
const { Layout: Opened } = await import("./image-layout.ts");
const { assembleManifest, referencedBlobs } = await import("./manifest.ts");
const { Transaction } = await import("./transaction.ts");

/** Commits an image of three blobs, one of which all images share. */
function commitImage(layout: Layout, tag: string): void {
  const transaction = Transaction.begin(layout);
  const metadata = Buffer.from(`metadata of ${tag}`);
  const blobs = [metadata, `chunk of ${tag}`, "shared chunk"].map((blob) => transaction.writeBlob(Buffer.from(blob)));
  const [rootfs, ...chunks] = blobs.map(({ digest, temporary }) => {
    const size = transaction.directory.fileSize(temporary) ?? 0;
    return { digest, size, compressed: false, verity: "0".repeat(64) };
  });
  transaction.commit({ tag, manifest: assembleManifest(rootfs, chunks), blobs });
}

/** Gives an image another form: its entry names a manifest of other blobs, and its blobs are needed no more. */
function convertImage(layout: Layout, tag: string): void {
  const transaction = Transaction.begin(layout);
  const { digest: replaces, bytes } = layout.manifest(tag);
  const obsolete = [replaces, ...referencedBlobs(bytes, tag).flatMap(({ digest }) => digest ?? [])];
  const blob = transaction.writeBlob(Buffer.from(`all of ${tag}`));
  const { length: size } = Buffer.from(`all of ${tag}`);
  const manifest = assembleManifest({ digest: blob.digest, size, verity: "0".repeat(64) }, []);
  transaction.commit({ tag, manifest, blobs: [blob], replaces });
  collectGarbage(layout, { grace: 0, only: new Set(obsolete) });
}

armed = true;
const layout = Opened.create(directory);
if (prefix === "gc") collectGarbage(layout, { grace: 0 });
const work = convert === undefined ? commitImage : convertImage;
for (let i = 0; i < Number(commits); i++) work(layout, `${prefix}${i}`);
console.log(calls.join("\n"));
