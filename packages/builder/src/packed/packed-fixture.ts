import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Layout, referencedBlobs } from "@puzzlefs/oci";
import { verifyImage } from "@puzzlefs/reader";
import { blobsOf } from "../tree-fixture.ts";

/** The entries of index.json as they are spelled, in any order. */
export function entriesOf(ociDir: string): string[] {
  const { manifests } = JSON.parse(readFileSync(join(ociDir, "index.json"), "utf8")) as { manifests: unknown[] };
  return manifests.map((entry) => JSON.stringify(entry)).toSorted();
}

/** Everything that a layout has, by which two layouts are the same. */
export function stateOf(ociDir: string): { entries: string[]; blobs: string[] } {
  return { entries: entriesOf(ociDir), blobs: blobsOf(ociDir) };
}

/** The packs that a packed image's manifest lists, hex. */
export function packsOf(ociDir: string, tag: string): string[] {
  using layout = Layout.open(ociDir);
  const listed = referencedBlobs(layout.manifest(tag).bytes, tag);
  return listed.flatMap(({ type, digest }) => (type === "pack" && digest !== undefined ? [digest] : []));
}

/** What verify finds wrong with an image, or with a whole layout. */
export function problemsOf(ociDir: string, tag?: string): string[] {
  using layout = Layout.open(ociDir);
  return verifyImage(layout, tag).problems.map(({ message }) => message);
}
