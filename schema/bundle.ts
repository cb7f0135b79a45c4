/** The bundle of a packed image: all of it but its packs. */
import { followBundle } from "./generated/checks.ts";
import { DIGEST_BYTES } from "./digest.ts";
import { difference, fail, offsetOf, U53_END, view } from "./language.ts";
import type { Bytes, Scratch, u32, u53 } from "./language.ts";
import type { Bundle, Pack } from "./metadata.ts";
import { sameBytes } from "./names.ts";
import { WORK_PER_WORD } from "./validate.ts";
import { checkedRoot } from "./wire.ts";
import type { Message } from "./wire.ts";

/** Largest bundle as it is stored, bytes. */
export const MAX_BUNDLE_BYTES: u32 = 0x4000000;
/** Largest decompressed bundle, bytes: readers keep it in memory. */
export const MAX_BUNDLE_CONTENT_BYTES: u32 = 0x40000000;
/** Largest number of packs of an image. */
export const MAX_PACKS: u32 = 1000;

/** Checks the sizes of a bundle, as it is stored and decompressed, before memory is taken for it. */
export function checkBundleSize(stored: u53, content: u53): void {
  if (stored > MAX_BUNDLE_BYTES || content > MAX_BUNDLE_CONTENT_BYTES) fail("bundle-too-large", 0, 0);
}

/** Checks the encoding of a decompressed bundle and its list of packs. `work` is one number. */
export function openBundle(message: Message, work: Scratch<u53>): Bundle {
  const part = checkedRoot(message);
  const bundle: Bundle = view(part);
  work[0] = (message.bytes.length / 8) * WORK_PER_WORD;
  followBundle(bundle, work);
  if (bundle.packs.length > MAX_PACKS) fail("bundle-packs", 0, offsetOf(bundle));
  let total: u53 = 0;
  for (const pack of bundle.packs) {
    const size: u53 = pack.size;
    if (pack.digest.length !== DIGEST_BYTES || pack.verity.length !== DIGEST_BYTES) {
      fail("digest-length", 0, offsetOf(pack));
    }
    if (size >= difference(U53_END, total)) fail("bundle-pack-sizes", 0, offsetOf(pack));
    total = total + size;
  }
  return bundle;
}

/** Checks that a descriptor of the packed manifest is that of a pack of the bundle. */
export function checkPackDescriptor(pack: Pack, digest: Bytes, size: u53): void {
  if (!sameBytes(pack.digest, digest) || pack.size !== size) fail("bundle-pack-descriptor", 0, offsetOf(pack));
}
