import { escapeBytes, isKnownXattr, pathOf, visibleInodes, walkTree, type ImageTree } from "@puzzlefs/reader";

/** What overlayfs would take in an image for its own marks. */
export interface OverlayMarks {
  /** Inodes that have any. */
  count: number;
  /** The first in the order of paths, with what it has. */
  first: string;
}

/**
 * Finds the inodes of an image that are whiteouts (character devices 0:0) or have extended attributes whose names begin
 * with `prefix`: images of trees that are themselves parts of overlays have them. An overlay over such an image would
 * hide and redirect names instead of showing them. Undefined if there are none.
 */
export function findOverlayMarks(tree: ImageTree, prefix: string): OverlayMarks | undefined {
  const marks = new Map<number, string>();
  for (const { ino, mode, additional } of visibleInodes(tree.metadata)) {
    if (mode.kind === "chr" && mode.chr.major === 0 && mode.chr.minor === 0) marks.set(ino, "character device 0:0");
    for (const { key } of additional.xattrs) {
      const name = key.toUint8Array();
      if (isKnownXattr(name) && Buffer.from(name).toString("latin1").startsWith(prefix))
        marks.set(ino, escapeBytes(name));
    }
  }
  if (marks.size === 0) return undefined;
  let first: string | undefined;
  walkTree(tree, {
    enter: (visit) => {
      const mark = marks.get(visit.attributes.ino);
      if (mark !== undefined) first ??= `${escapeBytes(pathOf(visit))}: ${mark}`;
    },
  });
  return { count: marks.size, first: first ?? "" };
}
