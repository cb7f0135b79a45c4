/** What an image records of its tree, so that readers need not walk it: members of Rootfs, Dir and InodeAdditional. */
import { contentBytes } from "./content.ts";
import { fail, offsetOf, text, u32 } from "./language.ts";
import type { Bytes, Scratch, u53 } from "./language.ts";
import type { Inode, InodeAdditional, Rootfs } from "./metadata.ts";
import { sameBytes } from "./names.ts";

/* Bits of Rootfs.traits: what some visible inode has. */

/** An extended attribute. */
export const TRAIT_XATTRS: u32 = 1;
/** A POSIX access control list. */
export const TRAIT_ACLS: u32 = 2;
/** A label of SELinux. */
export const TRAIT_SELINUX: u32 = 4;
/** What overlayfs would interpret: its extended attributes, or a character device 0:0. */
export const TRAIT_OVERLAY: u32 = 8;

/** Whether the image records its tree. */
export function recordsTree(image: Rootfs): boolean {
  return image.inodes !== 0;
}

/** The number of links that the image records of a visible inode; of a directory without the record 0. */
export function recordedLinks(inode: Inode): u32 {
  if (inode.mode.kind === "dir") return inode.mode.dir.links;
  const links: u32 = inode.additional.links;
  return links === 0 ? 1 : links;
}

function hasPrefix(name: Bytes, prefix: Bytes): boolean {
  return sameBytes(name.slice(0, prefix.length), prefix);
}

/** The bits of an inode that has an extended attribute of this name. */
export function traitsOfName(name: Bytes): u32 {
  if (hasPrefix(name, text("system.posix_acl_"))) return TRAIT_XATTRS | TRAIT_ACLS;
  if (sameBytes(name, text("security.selinux"))) return TRAIT_XATTRS | TRAIT_SELINUX;
  if (hasPrefix(name, text("trusted.overlay."))) return TRAIT_XATTRS | TRAIT_OVERLAY;
  if (hasPrefix(name, text("user.overlay."))) return TRAIT_XATTRS | TRAIT_OVERLAY;
  return TRAIT_XATTRS;
}

function traitsOfXattrs(additional: InodeAdditional): u32 {
  let traits: u32 = 0;
  for (const xattr of additional.xattrs) traits = traits | traitsOfName(xattr.key);
  return traits;
}

/** The bits of Rootfs.traits that an inode has. */
export function traitsOf(inode: Inode): u32 {
  const traits = traitsOfXattrs(inode.additional);
  if (inode.mode.kind !== "chr") return traits;
  const device = inode.mode.chr;
  return device.major === 0 && device.minor === 0 ? traits | TRAIT_OVERLAY : traits;
}

/** The bits of all visible inodes. `links` was filled by validate. */
export function imageTraits(image: Rootfs, links: Scratch<u32>): u32 {
  let traits: u32 = 0;
  let ordinal: u53 = 0;
  for (const layer of image.metadatas) {
    for (const inode of layer.inodes) {
      if (links[ordinal] !== 0) traits = traits | traitsOf(inode);
      ordinal = u32(ordinal) + 1;
    }
  }
  return traits;
}

/** Checks that what the image records is what its tree shows. `links` and `parents` were filled by validate. */
export function checkRecorded(image: Rootfs, links: Scratch<u32>, parents: Scratch<u53>, visible: u53): void {
  if (!recordsTree(image)) return;
  const bytes = contentBytes(image, links);
  const traits = imageTraits(image, links);
  if (image.inodes !== visible || image.contentBytes !== bytes || image.traits !== traits)
    fail("recorded-totals", 0, offsetOf(image));
  let ordinal: u53 = 0;
  for (const layer of image.metadatas) {
    for (const inode of layer.inodes) {
      const counted: u32 = links[ordinal];
      const parent: u53 = parents[ordinal];
      ordinal = u32(ordinal) + 1;
      if (counted === 0) continue;
      if (recordedLinks(inode) !== counted) fail("recorded-links", inode.ino, offsetOf(inode));
      if (inode.mode.kind === "dir" && inode.mode.dir.parent !== parent)
        fail("recorded-parent", inode.ino, offsetOf(inode));
    }
  }
}
