/** The image manifest: the descriptors in its JSON, and which of them is the metadata blob's. */
import { isDigit, QUOTE } from "./ascii.ts";
import { DIGEST_BYTES, DIGEST_PREFIX_BYTES, DIGEST_TEXT_BYTES, HEX_DIGITS, hexDigit, NO_DIGIT } from "./digest.ts";
import { ARRAY, nextStep, OBJECT, scanStart, STEP_CLOSED, STEP_NONE, STEP_OPENED, STEP_SCALAR } from "./json.ts";
import type { Step } from "./json.ts";
import { copyString, stringIs } from "./jsonstring.ts";
import { decreases, difference, fail, ruleNumber, text, u32, U53_END } from "./language.ts";
import type { Bytes, Scratch, Shared, Value, u53, u8 } from "./language.ts";
import {
  bundleMediaType,
  canonicalAnnotation,
  chunkMediaType,
  compressedChunkMediaType,
  packLayerMediaType,
  packMediaType,
  rootfsMediaType,
  verityAnnotation,
} from "./mediatypes.ts";

/** 64 MiB: readers hold the manifest in memory. */
export const MAX_MANIFEST_BYTES: u32 = 67108864;
/** Size of a descriptor that has no valid size. */
export const NO_SIZE: u53 = U53_END;
/** Largest number of digits of a size. */
const MAX_SIZE_DIGITS: u32 = 15;

/** Memory for reading a manifest. All of it is zeroed before the first descriptor is read. */
export interface ManifestScratch extends Shared {
  /** Marks of the objects and arrays that are open: OPEN_MARKS. */
  open: Scratch<u8>;
  /** Positions of the keys of the objects that are open: KEY_POSITIONS. */
  keys: Scratch<u32>;
  /** A string without its escapes: DIGEST_TEXT_BYTES. */
  plain: Scratch<u8>;
  /** The digest of the descriptor that was read last, then its fs-verity digest: 2 * DIGEST_BYTES. */
  layer: Scratch<u8>;
  /** The digest of the metadata blob or bundle: DIGEST_BYTES. findRootfs and findBundle fill it. */
  digest: Scratch<u8>;
  /** The fs-verity digest of the same: DIGEST_BYTES. findRootfs and findBundle fill it. */
  verity: Scratch<u8>;
}

/** The metadata blob, or the bundle of a packed image, as the manifest describes it; its digests are in ManifestScratch. */
export interface RootfsDescriptor extends Value {
  /** Where its descriptor ends in the manifest, bytes. */
  end: u32;
  /** Whether an fs-verity digest is annotated. */
  hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  size: u53;
  /** Where the last descriptor of a bundle ends in the manifest, bytes; 0 if it has none. */
  bundle: u32;
}

/** A descriptor of a manifest, and the scanner's state after it; its digests are in ManifestScratch.layer. */
export interface Descriptor extends Value {
  /** One of DESCRIPTOR_…. */
  kind: u32;
  /** One of TYPE_…. */
  type: u32;
  /** Whether its digest is sha256 in hexadecimal; a layer's always is. */
  hasDigest: boolean;
  /** Whether an fs-verity digest is annotated. */
  hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  size: u53;
  /** Whether the array of layers is open. */
  inLayers: boolean;
  step: Step;
}

/** There are no more. */
export const DESCRIPTOR_NONE: u32 = 0;
export const DESCRIPTOR_CONFIG: u32 = 1;
export const DESCRIPTOR_LAYER: u32 = 2;

export const TYPE_OTHER: u32 = 0;
export const TYPE_ROOTFS: u32 = 1;
export const TYPE_CHUNK: u32 = 2;
export const TYPE_COMPRESSED_CHUNK: u32 = 3;
export const TYPE_BUNDLE: u32 = 4;
export const TYPE_PACK: u32 = 5;

/** 64 hexadecimal digits in `plain` from `start` on as DIGEST_BYTES of `digests` from `first` on; false if they are not that. */
function parseDigits(plain: Scratch<u8>, start: u32, digests: Scratch<u8>, first: u32): boolean {
  for (let i: u32 = 0; i < DIGEST_BYTES; i++) {
    const high: u32 = hexDigit(plain[start + i * 2]);
    const low: u32 = hexDigit(plain[start + i * 2 + 1]);
    if (high >= NO_DIGIT || low >= NO_DIGIT) return false;
    digests[first + i] = ((high & 15) << 4) | (low & 15);
  }
  return true;
}

/** Reads the digest string at `at`, "sha256:" and 64 digits, into the first half of `layer`; false if it is not that. */
function readDigest(json: Bytes, at: u53, scratch: ManifestScratch): boolean {
  const length = copyString(json, at, scratch.plain);
  if (length !== DIGEST_TEXT_BYTES) return false;
  const prefix = text("sha256:");
  for (let i: u32 = 0; i < DIGEST_PREFIX_BYTES; i++) {
    if (scratch.plain[i] !== prefix[i]) return false;
  }
  const valid = parseDigits(scratch.plain, DIGEST_PREFIX_BYTES, scratch.layer, 0);
  return valid;
}

/** Reads the fs-verity digest string at `at`, 64 digits, into the second half of `layer`; false if it is not that. */
function readVerity(json: Bytes, at: u53, scratch: ManifestScratch): boolean {
  const length = copyString(json, at, scratch.plain);
  const valid = parseDigits(scratch.plain, 0, scratch.layer, DIGEST_BYTES);
  return valid && length === HEX_DIGITS;
}

/** The number from `at` to `end`, or NO_SIZE if it is not a count of bytes, of at most MAX_SIZE_DIGITS digits. */
function readSize(json: Bytes, at: u53, end: u53): u53 {
  const count: u32 = u32(difference(end, at));
  // The last 8 digits and those before them, so that 32-bit kernels need no division of 64 bits.
  let high: u32 = 0;
  let low: u32 = 0;
  if (count > MAX_SIZE_DIGITS) return NO_SIZE;
  for (let i: u32 = 0; i < count; i++) {
    const digit: u32 = json[u32(at) + i];
    if (!isDigit(digit)) return NO_SIZE;
    if (i + 8 < count) high = (high % 1000000) * 10 + (digit & 15);
    else low = (low % 10000000) * 10 + (digit & 15);
  }
  return (high % 10000000) * 100000000 + low;
}

/** One of TYPE_…: the kind of blob that has the media type at `at`. */
function blobType(json: Bytes, at: u53): u32 {
  if (stringIs(json, at, rootfsMediaType())) return TYPE_ROOTFS;
  if (stringIs(json, at, chunkMediaType())) return TYPE_CHUNK;
  if (stringIs(json, at, compressedChunkMediaType())) return TYPE_COMPRESSED_CHUNK;
  if (stringIs(json, at, bundleMediaType())) return TYPE_BUNDLE;
  if (stringIs(json, at, packMediaType())) return TYPE_PACK;
  if (stringIs(json, at, packLayerMediaType())) return TYPE_PACK;
  return TYPE_OTHER;
}

/** The argument of the first call of nextDescriptor. */
export function manifestStart(json: Bytes): Descriptor {
  if (json.length > MAX_MANIFEST_BYTES) fail("manifest-too-large", 0, 0);
  return {
    kind: DESCRIPTOR_NONE,
    type: TYPE_OTHER,
    hasDigest: false,
    hasVerity: false,
    size: NO_SIZE,
    inLayers: false,
    step: scanStart(),
  };
}

/**
 * The descriptor after `last`, of the config or a layer, in the order of the text. Its digests are in `scratch.layer`.
 * If it is of kind DESCRIPTOR_NONE, the whole text has been checked.
 */
export function nextDescriptor(json: Bytes, scratch: ManifestScratch, last: Descriptor): Descriptor {
  let step: Step = last.step;
  let inLayers: boolean = last.inLayers;
  let kind: u32 = DESCRIPTOR_NONE;
  // Depth of the descriptor's object; 0 outside.
  let top: u32 = 0;
  let inAnnotations: boolean = false;
  let type: u32 = TYPE_OTHER;
  let hasDigest: boolean = false;
  let hasVerity: boolean = false;
  let size: u53 = NO_SIZE;
  while (step.at <= json.length) {
    decreases(difference(json.length + 1, step.at));
    const next = nextStep(json, scratch.open, scratch.keys, step);
    step = next;
    const depth: u32 = next.depth;
    if (next.kind === STEP_NONE) break;
    if (next.kind === STEP_OPENED && top === 0) {
      if (depth === 2 && stringIs(json, next.key, text("layers"))) {
        if (scratch.open[2] !== ARRAY) fail("manifest-syntax", 0, next.start);
        inLayers = true;
      }
      const config: boolean = depth === 2 && stringIs(json, next.key, text("config"));
      if (scratch.open[depth] === OBJECT && (config || (depth === 3 && inLayers))) {
        top = depth;
        kind = config ? DESCRIPTOR_CONFIG : DESCRIPTOR_LAYER;
      }
    } else if (next.kind === STEP_OPENED) {
      if (depth === top + 1 && stringIs(json, next.key, text("annotations"))) inAnnotations = true;
    } else if (next.kind === STEP_CLOSED) {
      if (depth === top) inAnnotations = false;
      if (depth === 1) inLayers = false;
      if (top !== 0 && depth + 1 === top) {
        if (!hasDigest && kind === DESCRIPTOR_LAYER) fail("manifest-digest", 0, next.start);
        break;
      }
    } else if (top !== 0 && depth === top) {
      const isText: boolean = json[next.start] === QUOTE;
      if (stringIs(json, next.key, text("size"))) size = readSize(json, next.start, next.at);
      if (isText && stringIs(json, next.key, text("mediaType"))) type = blobType(json, next.start);
      if (isText && stringIs(json, next.key, text("digest"))) {
        const valid = readDigest(json, next.start, scratch);
        if (!valid && kind === DESCRIPTOR_LAYER) fail("manifest-digest", 0, next.start);
        hasDigest = valid;
      }
    } else if (inAnnotations && depth === top + 1 && json[next.start] === QUOTE) {
      if (stringIs(json, next.key, verityAnnotation())) {
        const valid = readVerity(json, next.start, scratch);
        if (!valid && kind === DESCRIPTOR_LAYER) fail("manifest-digest", 0, next.start);
        hasVerity = valid;
      }
    }
  }
  return {
    kind: kind,
    type: type,
    hasDigest: hasDigest,
    hasVerity: hasVerity,
    size: size,
    inLayers: inLayers,
    step: step,
  };
}

/**
 * Finds the one layer of a type; its digests are in `scratch.digest` and `scratch.verity`. A second one breaks rule
 * `twice`; if that is 0, the first one is returned and the rest of the text is not read. `end` is 0 if there is none.
 */
function findLayer(json: Bytes, scratch: ManifestScratch, type: u32, twice: u32): RootfsDescriptor {
  const start = manifestStart(json);
  let last: Descriptor = start;
  let found: u32 = 0;
  let bundle: u32 = 0;
  let hasVerity: boolean = false;
  let size: u53 = NO_SIZE;
  while (last.step.at <= json.length) {
    decreases(difference(json.length + 1, last.step.at));
    const next = nextDescriptor(json, scratch, last);
    last = next;
    if (next.kind === DESCRIPTOR_NONE) break;
    if (next.kind !== DESCRIPTOR_LAYER) continue;
    if (next.type === TYPE_BUNDLE) bundle = u32(next.step.at);
    if (next.type !== type) continue;
    if (found !== 0) fail(twice, 0, next.step.start);
    found = u32(next.step.at);
    hasVerity = next.hasVerity;
    size = next.size;
    for (let i: u32 = 0; i < DIGEST_BYTES; i++) {
      scratch.digest[i] = scratch.layer[i];
      scratch.verity[i] = scratch.layer[DIGEST_BYTES + i];
    }
    if (twice === 0) break;
  }
  return { end: found, hasVerity: hasVerity, size: size, bundle: bundle };
}

/** Refuses a manifest in which no layer is the metadata blob. */
function checkFound(found: RootfsDescriptor): void {
  if (found.end !== 0) return;
  if (found.bundle !== 0) fail("manifest-packed", 0, found.bundle);
  fail("manifest-rootfs-missing", 0, 0);
}

/** Finds the one layer that is the metadata blob; its digests are in `scratch.digest` and `scratch.verity`. */
export function findRootfs(json: Bytes, scratch: ManifestScratch): RootfsDescriptor {
  const found = findLayer(json, scratch, TYPE_ROOTFS, ruleNumber("manifest-rootfs-twice"));
  checkFound(found);
  return found;
}

/** The same, but the text behind that layer, which lists all chunks, is neither read nor checked. */
export function findFirstRootfs(json: Bytes, scratch: ManifestScratch): RootfsDescriptor {
  const found = findLayer(json, scratch, TYPE_ROOTFS, 0);
  checkFound(found);
  return found;
}

/** Finds the one layer of a packed manifest that is the bundle; its digests are in `scratch.digest` and `scratch.verity`. */
export function findBundle(json: Bytes, scratch: ManifestScratch): RootfsDescriptor {
  const found = findLayer(json, scratch, TYPE_BUNDLE, ruleNumber("manifest-bundle-twice"));
  if (found.end === 0) fail("manifest-bundle-missing", 0, 0);
  return found;
}

/** Reads the sha256 of the canonical manifest, which a packed manifest records, into the first half of `scratch.layer`. */
export function findCanonical(json: Bytes, scratch: ManifestScratch): void {
  let step: Step = scanStart();
  let inAnnotations: boolean = false;
  let found: boolean = false;
  if (json.length > MAX_MANIFEST_BYTES) fail("manifest-too-large", 0, 0);
  while (step.at <= json.length) {
    decreases(difference(json.length + 1, step.at));
    const next = nextStep(json, scratch.open, scratch.keys, step);
    step = next;
    if (next.kind === STEP_NONE) break;
    if (next.kind === STEP_OPENED && next.depth === 2) {
      inAnnotations = scratch.open[2] === OBJECT && stringIs(json, next.key, text("annotations"));
    }
    if (next.kind === STEP_CLOSED && next.depth === 1) inAnnotations = false;
    if (next.kind === STEP_SCALAR && inAnnotations && next.depth === 2) {
      if (json[next.start] === QUOTE && stringIs(json, next.key, canonicalAnnotation())) {
        const valid = readDigest(json, next.start, scratch);
        if (!valid) fail("manifest-digest", 0, next.start);
        found = true;
      }
    }
  }
  if (!found) fail("manifest-canonical-missing", 0, 0);
}
