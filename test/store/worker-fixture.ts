/**
 * A process that works in a layout: it does a line of work for each line of its input, and answers by a line.
 *
 *     node worker-fixture.ts ROLE LAYOUT SCRATCH SEED
 *
 * `builder` builds, over bases too, gives images other forms, and untags; `collector` runs gc, with the grace period that the line has.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build, canonicalize, packImage, unpackImage } from "@puzzlefs/builder";
import { mountedImages } from "@puzzlefs/mount";
import { collectGarbage, Layout, LayoutError, untag } from "@puzzlefs/oci";
import { Random } from "@puzzlefs/testing";

const [role, path, scratch, seed] = process.argv.slice(2) as [string, string, string, string];
const random = new Random(Number(seed));
/** All builders draw from the same contents, so that each finds blobs of the others, and of images that are gone. */
const CONTENTS = 40;
const TAGS = 6;

/** A file is named by the sha256 of its content, so that a reader can check it without knowing the image. */
function putFile(directory: string, content: number): void {
  const bytes = Buffer.alloc(3000 + content * 997, `content ${content} `);
  writeFileSync(join(directory, createHash("sha256").update(bytes).digest("hex")), bytes);
}

function tag(): string {
  return `t${random.below(TAGS)}`;
}

async function work(): Promise<string> {
  const rootfs = join(scratch, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  for (const name of readdirSync(rootfs)) if (random.once(3)) rmSync(join(rootfs, name));
  for (let i = random.below(6); i >= 0; i--) putFile(rootfs, random.below(CONTENTS));
  const target = tag();
  const compress = random.once(2);
  const packed = random.once(3);
  const base = random.once(3) ? tag() : undefined;
  try {
    await build({
      rootfs,
      ociDir: path,
      tag: target,
      jobs: 1,
      compress,
      packed,
      chunking: "file",
      chunkSizes: { min: 1024, avg: 4096, max: 16_384 },
      ...(base !== undefined && { base }),
    });
  } catch (error) {
    // Its base was untagged, or has as many layers as there may be.
    if (
      base === undefined ||
      !(isAbsent(error) || (error instanceof LayoutError && / layers already/.test(error.message)))
    )
      throw error;
  }
  await changeForm(tag());
  if (random.once(2)) remove(tag());
  return "built";
}

/** Packs, unpacks or canonicalizes an image, if there is one. Its tag may get another image meanwhile. */
async function changeForm(name: string): Promise<void> {
  const image = { ociDir: path, tag: name, mounted: mountedImages };
  try {
    const choice = random.below(6);
    if (choice === 0) await packImage({ ...image, independent: random.once(2) });
    if (choice === 1) await unpackImage(image);
    if (choice === 2) await canonicalize({ from: path, reference: name, ociDir: path, tag: name, jobs: 1 });
  } catch (error) {
    const isChanged =
      error instanceof LayoutError && /has been changed meanwhile|cannot be rebuilt/.test(error.message);
    if (!isAbsent(error) && !isChanged) throw error;
  }
}

function remove(name: string): void {
  using layout = Layout.open(path);
  try {
    untag(layout, name);
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof LayoutError && error.kind === "absent";
}

/** Without a report where index.json or oci-layout is half written for long, as skopeo does it: then nothing is removed. */
function collect(grace: number): string {
  try {
    using layout = Layout.open(path);
    return JSON.stringify(collectGarbage(layout, { grace, mounted: mountedImages }));
  } catch (error) {
    if (error instanceof LayoutError && error.kind === "corrupt" && /(index\.json|oci-layout): /.test(error.message))
      return "null";
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "") continue;
  console.log(role === "builder" ? await work() : collect(Number(line)));
}
