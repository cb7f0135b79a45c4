import type { Count } from "./garbage-report.ts";
import { ImageBlobs, type ImageShare, readClosure } from "./image-blobs.ts";
import type { Layout } from "./image-layout.ts";
import { blobsOf } from "./reachable.ts";

/** ImageBlobs.shares() of these manifests (hex). */
export function shareOut(layout: Layout, manifests: readonly (string | undefined)[]): (ImageShare | undefined)[] {
  return new ImageBlobs(layout, manifests).shares();
}

/** The blobs that only the first manifests (hex) need, and none of the others. Undefined where one of the others is missing or damaged. */
export function neededOnlyBy(
  layout: Layout,
  manifests: readonly string[],
  others: readonly string[],
): Count | undefined {
  const needed = new Set(manifests.flatMap((manifest) => [...(readClosure(layout, manifest) ?? [])]));
  for (const other of new Set(others)) {
    const closure = readClosure(layout, other);
    if (closure === undefined) return undefined;
    for (const digest of closure) needed.delete(digest);
  }
  return sizeOf(layout, needed);
}

/** An image in a layout: its manifest, hex. */
export interface StoredImage {
  layout: Layout;
  manifest: string;
}

/** The blobs that both of two images need, in whatever layouts they are, and those that only the first or the second needs. */
export function compareBlobs(a: StoredImage, b: StoredImage): { shared: Count; onlyA: Count; onlyB: Count } {
  const [needsA, needsB] = [a, b].map(({ layout, manifest }) => blobsOf(layout.blobs, manifest)) as [
    Set<string>,
    Set<string>,
  ];
  const isShared = (digest: string): boolean => needsA.has(digest) && needsB.has(digest);
  return {
    shared: sizeOf(b.layout, [...needsB].filter(isShared)),
    onlyA: sizeOf(
      a.layout,
      [...needsA].filter((digest) => !isShared(digest)),
    ),
    onlyB: sizeOf(
      b.layout,
      [...needsB].filter((digest) => !isShared(digest)),
    ),
  };
}

/** Blobs that are in the layout. */
function sizeOf({ blobs }: Layout, digests: Iterable<string>): Count {
  const count = { blobs: 0, bytes: 0 };
  for (const digest of digests) {
    const size = blobs.size(digest);
    if (size === undefined) continue;
    count.blobs++;
    count.bytes += size;
  }
  return count;
}
