import { inInitialNamespace } from "@puzzlefs/linux";
import {
  escapeBytes,
  isKnownXattr,
  pathOf,
  TRAIT_OVERLAY,
  visibleInodes,
  walkTree,
  type ImageTree,
} from "@puzzlefs/reader";

/** Inodes of an image that overlayfs would interpret as its own marks. */
export interface OverlayMarks {
  /** Inodes that have any. */
  count: number;
  /** The first in the order of paths, with its mark. */
  first: string;
}

/** An overlay over the image would not show the image as it is. */
export class OverlayMarksError extends Error {
  override readonly name = "OverlayMarksError";
}

/** The prefix of the extended attributes that an overlay mounted by this process would obey. */
export function overlayPrefix(): "trusted.overlay." | "user.overlay." {
  return inInitialNamespace("user") ? "trusted.overlay." : "user.overlay.";
}

/**
 * Throws OverlayMarksError for an image that an overlay on `mountpoint` would not show as it is.
 *
 * @param prefix from overlayPrefix()
 */
export function refuseOverlayMarks(tree: ImageTree, mountpoint: string, prefix: string): void {
  const marks = findOverlayMarks(tree, prefix);
  if (marks === undefined) return;
  const what = `inodes with marks of overlayfs: ${marks.count}, the first ${marks.first}`;
  const advice = "mount it read-only, or with -o overlay_attributes to have the overlay obey them";
  throw new OverlayMarksError(`${mountpoint}: a writable mount would not show the image as it is (${what}); ${advice}`);
}

/**
 * Finds the inodes of an image that are whiteouts (character devices 0:0) or have extended attributes whose names begin
 * with `prefix`: images of trees that are themselves parts of overlays have them. An overlay over such an image would
 * hide and redirect names instead of showing them. Undefined if there are none.
 */
export function findOverlayMarks(tree: ImageTree, prefix: string): OverlayMarks | undefined {
  if ((tree.traits & TRAIT_OVERLAY) === 0) return undefined;
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
