import { copyFileSync, linkSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { openMetadata, readManifest, type Metadata } from "@puzzlefs/format";
import { Layout, referencedBlobs } from "@puzzlefs/oci";
import { dump, dumpDirectory, openImageAt } from "@puzzlefs/reader";
import { noise, prose } from "@puzzlefs/testing";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";

/** Shared by the builder's tests: trees to build, and functions that read the images. */

/** A directory with these files; a name that ends in a slash is a directory. */
export function makeTree(files: Record<string, string | Uint8Array>): string {
  const root = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    if (name.endsWith("/")) mkdirSync(join(root, name), { recursive: true });
    else writeFileSync(join(root, name), content);
  }
  return root;
}

/** Small and large files, equal ones, empty ones, some that compress and some that do not: about 3 MB. */
export function mixedTree(): string {
  const files: Record<string, Uint8Array> = { empty: Buffer.alloc(0), zeros: Buffer.alloc(700_000) };
  for (let index = 0; index < 60; index++) files[`small/${index}`] = prose(`small${index}`, index * 100);
  for (const size of [16383, 16384, 16385, 65536, 262144, 262145]) files[`sizes/${size}`] = noise(`${size}`, size);
  files["text"] = prose("text", 900_000);
  files["copy of text"] = files["text"];
  files["noise"] = noise("noise", 600_000);
  return makeTree(files);
}

/** The canonical text of an image, every blob checked against its digests. */
export function dumpImage(ociDir: string, tag: string, times = false): string[] {
  const lines: string[] = [];
  const tree = openImageAt(ociDir, tag, { verify: "blob" });
  dump(tree, (line) => lines.push(line), { times });
  tree.close();
  return lines;
}

export function dumpTree(root: string, times = false): string[] {
  const lines: string[] = [];
  dumpDirectory(root, (line) => lines.push(line), { times });
  return lines;
}

/** The validated metadata of an image. */
export function metadataOf(ociDir: string, tag: string): Metadata {
  using layout = Layout.open(ociDir);
  return openMetadata(layout.blobs.read(readManifest(layout.manifest(tag).bytes).digest, 2 ** 32));
}

/** Names of the blobs of a layout. */
export function blobsOf(ociDir: string): string[] {
  return readdirSync(join(ociDir, "blobs", "sha256")).sort();
}

/** A layout with one image and just the blobs that its manifest lists, as a registry would hand it on. */
export function copyOf(ociDir: string, tag: string): string {
  const copy = temporaryDirectory();
  mkdirSync(join(copy, "blobs/sha256"), { recursive: true });
  for (const name of ["oci-layout", "index.json"]) copyFileSync(join(ociDir, name), join(copy, name));
  using layout = Layout.open(ociDir);
  const { digest, bytes } = layout.manifest(tag);
  for (const name of [digest, ...referencedBlobs(bytes, tag).map((blob) => blob.digest ?? "")]) {
    linkSync(join(ociDir, "blobs/sha256", name), join(copy, "blobs/sha256", name));
  }
  return copy;
}

/** Does work that yields where other work could be done; returns its result. */
export function completed<T>(work: Generator<void, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}
