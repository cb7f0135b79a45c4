import { defaultChunkSizes } from "@puzzlefs/chunker";
import { Layout, type PlatformChoice } from "@puzzlefs/oci";
import { openHeader, readHeader, visibleInodes, type ImageTree } from "@puzzlefs/reader";

import { build } from "./build.ts";
import type { BuildOptions, BuildResult, MtimePolicy } from "./options.ts";
import { OverlaySource, type OverlayUpper } from "./overlay-source.ts";
import { shownOptions } from "./shown-options.ts";
import { StoredChunks } from "./stored-chunks.ts";
import { writtenBy } from "./tree-source.ts";

/** Options of build(): by default those that the base shows, otherwise build()'s own. */
export interface CommitOptions extends Partial<Omit<BuildOptions, "rootfs" | "base" | "crossing" | "platform">> {
  /** The layout of the base and of the result. */
  ociDir: string;
  /** A tag, or a manifest's sha256: the image that the overlay is over. */
  base: string;
  /** Which of several images of the tag. */
  choice?: PlatformChoice;
  /** The upper directory of the overlay, and `index` of its work directory. No mount writes them. */
  upper: Omit<OverlayUpper, "written">;
  tag: string;
  /** Called with the sha256 of the base's manifest before anything is made; what it throws ends the commit. */
  opened?: (manifestDigest: string) => void;
}

export interface CommitResult extends BuildResult {
  /**
   * Whether the content of the base is cut as build() does it. Then the result is what build() makes of the overlay's tree with
   * the options of the base, if the base is. Otherwise unchanged files have the base's chunks, and canonicalize() makes it so.
   */
  canonical: boolean;
}

/**
 * Makes an image of the tree that an overlay over another image shows. Unchanged files are not read, except small ones that
 * share a chunk with what was changed. Throws as build() does, and BuildError for an upper directory that is no overlay's over
 * this image.
 */
export async function commit(options: CommitOptions): Promise<CommitResult> {
  const { base, choice = {}, upper, opened, ...given } = options;
  using layout = Layout.open(given.ociDir);
  using used = layout.use(base, choice);
  const header = readHeader(layout, used.digest);
  using tree = openHeader(header, { verify: "blob" });
  opened?.(tree.manifestDigest);
  const shown = shownOptions(layout, tree, header, base, choice, given.config !== undefined);
  const { min } = given.chunkSizes ?? defaultChunkSizes;
  const stored = new StoredChunks(tree, header, min);
  const source = new OverlaySource(tree, stored, { ...upper, written: writtenBy(layout) });
  const result = await build({ mtime: shownTimes(tree), ...shown, ...given, rootfs: source });
  const isCutSo = stored.isCanonical && (given.chunking ?? "file") === "file";
  return { ...result, canonical: isCutSo && (given.compress ?? shown.compress) === shown.compress };
}

/** Times are kept if the base has any. */
function shownTimes({ metadata }: ImageTree): MtimePolicy {
  for (const { mtimeSeconds, mtimeNanoseconds } of visibleInodes(metadata))
    if (mtimeSeconds !== 0 || mtimeNanoseconds !== 0) return { kind: "keep" };
  return { kind: "zero" };
}
