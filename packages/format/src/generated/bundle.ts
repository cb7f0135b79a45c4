// Code generated from schema/bundle.ts by make codegen. DO NOT EDIT.
import { U53_END, checkedAdd, failure, type Bytes } from "../runtime.ts";
import { followBundle } from "./checks.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { Bundle, Pack } from "./metadata.ts";
import { sameBytes } from "./names.ts";
import { Rule } from "./rules.ts";
import { WORK_PER_WORD } from "./validate.ts";
import { checkedRoot, dataField, element, listField, type Message } from "./wire.ts";

/** Largest bundle as it is stored, bytes. */
export const MAX_BUNDLE_BYTES = 0x4000000;

/** Largest decompressed bundle, bytes: readers keep it in memory. */
export const MAX_BUNDLE_CONTENT_BYTES = 0x40000000;

/** Largest number of packs of an image. */
export const MAX_PACKS = 1000;

/** Checks the sizes of a bundle, as it is stored and decompressed, before memory is taken for it. */
export function checkBundleSize(stored: number, content: number): void {
  if (stored > MAX_BUNDLE_BYTES || content > MAX_BUNDLE_CONTENT_BYTES) {
    throw failure(Rule["bundle-too-large"], 0, 0);
  }
}

/** Checks the encoding of a decompressed bundle and its list of packs. `work` is one number. */
export function openBundle(message: Message, work: Float64Array): Bundle {
  const part = checkedRoot(message);
  const bundle = new Bundle(part);
  work[0] = (message.bytes.length >>> 3) * WORK_PER_WORD;
  followBundle(bundle, work);
  if (listField(bundle.part, 4).count > MAX_PACKS) {
    throw failure(Rule["bundle-packs"], 0, bundle.part.at * 8);
  }
  let total: number = 0;
  for (let packList = listField(bundle.part, 4), packIndex = 0; packIndex < packList.count; packIndex++) {
    const pack = new Pack(element(packList, packIndex));
    const size = pack.size;
    if (dataField(pack.part, 0).length !== DIGEST_BYTES || dataField(pack.part, 1).length !== DIGEST_BYTES) {
      throw failure(Rule["digest-length"], 0, pack.part.at * 8);
    }
    if (size >= (U53_END > total ? U53_END - total : 0)) {
      throw failure(Rule["bundle-pack-sizes"], 0, pack.part.at * 8);
    }
    total = checkedAdd(total, size);
  }
  return bundle;
}

/** Checks that a descriptor of the packed manifest is that of a pack of the bundle. */
export function checkPackDescriptor(pack: Pack, digest: Bytes, size: number): void {
  if (!sameBytes(pack.digest, digest) || pack.size !== size) {
    throw failure(Rule["bundle-pack-descriptor"], 0, pack.part.at * 8);
  }
}
