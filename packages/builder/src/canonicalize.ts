import { Layout, type PlatformChoice } from "@puzzlefs/oci";
import { openHeader, readHeader } from "@puzzlefs/reader";

import { build } from "./build.ts";
import { ImageSource } from "./image-source.ts";
import type { BuildOptions, BuildResult } from "./options.ts";
import { shownOptions } from "./shown-options.ts";

/** The image to make canonical, and options of build(): by default those that the image shows, otherwise build()'s own. */
export interface CanonicalizeOptions extends Partial<Omit<BuildOptions, "rootfs" | "base" | "crossing" | "platform">> {
  /** The layout that has the image. */
  from: string;
  /** A tag, or a manifest's sha256. */
  reference: string;
  /** Which of several images of the tag. */
  choice?: PlatformChoice;
  /** The layout and the tag of the result. */
  ociDir: string;
  tag: string;
}

/**
 * Makes an image of the tree that another image shows: whatever layers, chunks and blobs that has, the result has the bytes
 * that build() makes of the extracted tree with the same options. Times are kept. Each chunk is checked against its
 * digest as it is read. Throws as build() does.
 */
export async function canonicalize(options: CanonicalizeOptions): Promise<BuildResult> {
  const { from, reference, choice = {}, ...given } = options;
  using layout = Layout.open(from);
  using used = layout.use(reference, choice);
  const header = readHeader(layout, used.digest);
  using tree = openHeader(header, { verify: "blob" });
  const shown = shownOptions(layout, tree, header, reference, choice, given.config !== undefined);
  return await build({ mtime: { kind: "keep" }, ...shown, ...given, rootfs: new ImageSource(tree) });
}
