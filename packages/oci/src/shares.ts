import type { Count } from "./garbage-report.ts";
import { LayoutError } from "./errors.ts";
import type { Layout } from "./image-layout.ts";
import { blobsOf } from "./reachable.ts";

/** The blobs that an image needs. */
export interface ImageShare {
  /** All of them that are in the layout, manifest and configuration too. */
  stored: Count;
  /** Those of them that no other image needs: untag and gc free them. */
  frees: Count;
}

/** More users of a blob are not counted. */
const SHARED = 2;

/**
 * What each of these manifests (hex; one that comes twice is shared with itself) needs, and needs alone. Undefined for one that is missing or damaged. It reads the
 * manifests, not the metadata.
 */
export function shareOut(layout: Layout, manifests: readonly (string | undefined)[]): (ImageShare | undefined)[] {
  const { blobs } = layout;
  const ids = new Map<string, number>();
  const users: number[] = [];
  const closures = manifests.map((manifest) => {
    const needed = manifest === undefined ? undefined : readClosure(layout, manifest);
    // Numbers, because the digests of a hundred images would be in memory a hundred times.
    const closure = Uint32Array.from(needed ?? [], (digest) => {
      const id = ids.get(digest) ?? ids.size;
      ids.set(digest, id);
      users[id] = Math.min(SHARED, (users[id] ?? 0) + 1);
      return id;
    });
    return needed === undefined ? undefined : closure;
  });
  const sizes = Float64Array.from(ids.keys(), (digest) => blobs.size(digest) ?? -1);
  return closures.map((closure) => {
    if (closure === undefined) return undefined;
    const share = { stored: { blobs: 0, bytes: 0 }, frees: { blobs: 0, bytes: 0 } };
    for (const id of closure) {
      const size = sizes[id] as number;
      if (size < 0) continue;
      for (const count of users[id] === 1 ? [share.stored, share.frees] : [share.stored]) {
        count.blobs++;
        count.bytes += size;
      }
    }
    return share;
  });
}

function readClosure(layout: Layout, manifest: string): Set<string> | undefined {
  if (!layout.blobs.has(manifest)) return undefined;
  try {
    return blobsOf(layout.blobs, manifest);
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    return undefined;
  }
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
