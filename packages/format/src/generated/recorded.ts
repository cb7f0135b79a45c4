// Code generated from schema/recorded.ts by make codegen. DO NOT EDIT.
import { failure, narrow, text, type Bytes } from "../runtime.ts";
import { contentBytes } from "./content.ts";
import { Inode, InodeMode, InodeVector, Xattr, type InodeAdditional, type Rootfs } from "./metadata.ts";
import { sameBytes } from "./names.ts";
import { Rule } from "./rules.ts";
import { element, listField, structField, u32Field, u53Field } from "./wire.ts";

/** An extended attribute. */
export const TRAIT_XATTRS = 1;

/** A POSIX access control list. */
export const TRAIT_ACLS = 2;

/** A label of SELinux. */
export const TRAIT_SELINUX = 4;

/** What overlayfs would interpret: its extended attributes, or a character device 0:0. */
export const TRAIT_OVERLAY = 8;

/** Whether the image records its tree. */
export function recordsTree(image: Rootfs): boolean {
  return image.inodes !== 0;
}

/** The number of links that the image records of a visible inode; of a directory without the record 0. */
export function recordedLinks(inode: Inode): number {
  if (InodeMode.kindOf(inode.part) === "dir") {
    return u32Field(inode.mode.dir.part, 4);
  }
  const links = u32Field(structField(inode.part, 1), 0);
  return links === 0 ? 1 : links;
}

function hasPrefix(name: Bytes, prefix: Bytes): boolean {
  return sameBytes(name.slice(0, prefix.length), prefix);
}

/** The bits of an inode that has an extended attribute of this name. */
export function traitsOfName(name: Bytes): number {
  if (hasPrefix(name, text("system.posix_acl_"))) {
    return TRAIT_XATTRS | TRAIT_ACLS;
  }
  if (sameBytes(name, text("security.selinux"))) {
    return TRAIT_XATTRS | TRAIT_SELINUX;
  }
  if (hasPrefix(name, text("trusted.overlay."))) {
    return TRAIT_XATTRS | TRAIT_OVERLAY;
  }
  if (hasPrefix(name, text("user.overlay."))) {
    return TRAIT_XATTRS | TRAIT_OVERLAY;
  }
  return TRAIT_XATTRS;
}

function traitsOfXattrs(additional: InodeAdditional): number {
  let traits: number = 0;
  for (let xattrList = listField(additional.part, 0), xattrIndex = 0; xattrIndex < xattrList.count; xattrIndex++) {
    const xattr = new Xattr(element(xattrList, xattrIndex));
    traits = (traits | traitsOfName(xattr.key)) >>> 0;
  }
  return traits;
}

/** The bits of Rootfs.traits that an inode has. */
export function traitsOf(inode: Inode): number {
  const traits = traitsOfXattrs(inode.additional);
  if (InodeMode.kindOf(inode.part) !== "chr") {
    return traits;
  }
  const device = inode.mode.chr;
  return device.major === 0 && device.minor === 0 ? (traits | TRAIT_OVERLAY) >>> 0 : traits;
}

/** The bits of all visible inodes. `links` was filled by validate. */
export function imageTraits(image: Rootfs, links: Uint32Array): number {
  let traits: number = 0;
  let ordinal: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
      const inode = new Inode(element(inodeList, inodeIndex));
      if ((links[ordinal] ?? 0) !== 0) {
        traits = (traits | traitsOf(inode)) >>> 0;
      }
      ordinal = narrow(ordinal) + 1;
    }
  }
  return traits;
}

/** Checks that what the image records is what its tree shows. `links` and `parents` were filled by validate. */
export function checkRecorded(image: Rootfs, links: Uint32Array, parents: Float64Array, visible: number): void {
  if (!recordsTree(image)) {
    return;
  }
  const bytes = contentBytes(image, links);
  const traits = imageTraits(image, links);
  if (image.inodes !== visible || image.contentBytes !== bytes || image.traits !== traits) {
    throw failure(Rule["recorded-totals"], 0, image.part.at * 8);
  }
  let ordinal: number = 0;
  for (let layerList = listField(image.part, 0), layerIndex = 0; layerIndex < layerList.count; layerIndex++) {
    const layer = new InodeVector(element(layerList, layerIndex));
    for (let inodeList = listField(layer.part, 0), inodeIndex = 0; inodeIndex < inodeList.count; inodeIndex++) {
      const inode = new Inode(element(inodeList, inodeIndex));
      const counted = links[ordinal] ?? 0;
      const parent = parents[ordinal] ?? 0;
      ordinal = narrow(ordinal) + 1;
      if (counted === 0) {
        continue;
      }
      if (recordedLinks(inode) !== counted) {
        throw failure(Rule["recorded-links"], inode.ino, inode.part.at * 8);
      }
      if (InodeMode.kindOf(inode.part) === "dir" && u53Field(inode.mode.dir.part, 8) !== parent) {
        throw failure(Rule["recorded-parent"], inode.ino, inode.part.at * 8);
      }
    }
  }
}
