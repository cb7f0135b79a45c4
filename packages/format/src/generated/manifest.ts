// Code generated from schema/manifest.ts by make codegen. DO NOT EDIT.
import { U53_END, failure, narrow, text, type Bytes } from "../runtime.ts";
import { QUOTE, isDigit } from "./ascii.ts";
import { DIGEST_BYTES, DIGEST_PREFIX_BYTES, DIGEST_TEXT_BYTES, HEX_DIGITS, NO_DIGIT, hexDigit } from "./digest.ts";
import {
  ARRAY,
  OBJECT,
  STEP_CLOSED,
  STEP_NONE,
  STEP_OPENED,
  STEP_SCALAR,
  nextStep,
  scanStart,
  type Step,
} from "./json.ts";
import { copyString, stringIs } from "./jsonstring.ts";
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
import { Rule } from "./rules.ts";

/** 64 MiB: readers hold the manifest in memory. */
export const MAX_MANIFEST_BYTES = 67108864;

/** Size of a descriptor that has no valid size. */
export const NO_SIZE = U53_END;

/** Largest number of digits of a size. */
const MAX_SIZE_DIGITS = 15;

/** There are no more. */
export const DESCRIPTOR_NONE = 0;

export const DESCRIPTOR_CONFIG = 1;

export const DESCRIPTOR_LAYER = 2;

export const TYPE_OTHER = 0;

export const TYPE_ROOTFS = 1;

export const TYPE_CHUNK = 2;

export const TYPE_COMPRESSED_CHUNK = 3;

export const TYPE_BUNDLE = 4;

export const TYPE_PACK = 5;

/** Memory for reading a manifest. All of it is zeroed before the first descriptor is read. */
export interface ManifestScratch {
  /** Marks of the objects and arrays that are open: OPEN_MARKS. */
  readonly open: Uint8Array;
  /** Positions of the keys of the objects that are open: KEY_POSITIONS. */
  readonly keys: Uint32Array;
  /** A string without its escapes: DIGEST_TEXT_BYTES. */
  readonly plain: Uint8Array;
  /** The digest of the descriptor that was read last, then its fs-verity digest: 2 * DIGEST_BYTES. */
  readonly layer: Uint8Array;
  /** The digest of the metadata blob or bundle: DIGEST_BYTES. findRootfs and findBundle fill it. */
  readonly digest: Uint8Array;
  /** The fs-verity digest of the same: DIGEST_BYTES. findRootfs and findBundle fill it. */
  readonly verity: Uint8Array;
}

/** The metadata blob, or the bundle of a packed image, as the manifest describes it; its digests are in ManifestScratch. */
export interface RootfsDescriptor {
  /** Where its descriptor ends in the manifest, bytes. */
  readonly end: number;
  /** Whether an fs-verity digest is annotated. */
  readonly hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  readonly size: number;
  /** Where the last descriptor of a bundle ends in the manifest, bytes; 0 if it has none. */
  readonly bundle: number;
}

/** A descriptor of a manifest, and the scanner's state after it; its digests are in ManifestScratch.layer. */
export interface Descriptor {
  /** One of DESCRIPTOR_…. */
  readonly kind: number;
  /** One of TYPE_…. */
  readonly type: number;
  /** Whether its digest is sha256 in hexadecimal; a layer's always is. */
  readonly hasDigest: boolean;
  /** Whether an fs-verity digest is annotated. */
  readonly hasVerity: boolean;
  /** Bytes of the blob, or NO_SIZE. */
  readonly size: number;
  /** Whether the array of layers is open. */
  readonly inLayers: boolean;
  readonly step: Step;
}

/** 64 hexadecimal digits in `plain` from `start` on as DIGEST_BYTES of `digests` from `first` on; false if they are not that. */
function parseDigits(plain: Uint8Array, start: number, digests: Uint8Array, first: number): boolean {
  for (let i = 0; i < DIGEST_BYTES; i++) {
    const high = hexDigit(plain[start + i * 2] ?? 0);
    const low = hexDigit(plain[start + i * 2 + 1] ?? 0);
    if (high >= NO_DIGIT || low >= NO_DIGIT) {
      return false;
    }
    digests[first + i] = ((high & 15) << 4) | (low & 15);
  }
  return true;
}

/** Reads the digest string at `at`, "sha256:" and 64 digits, into the first half of `layer`; false if it is not that. */
function readDigest(json: Bytes, at: number, scratch: ManifestScratch): boolean {
  const length = copyString(json, at, scratch.plain);
  if (length !== DIGEST_TEXT_BYTES) {
    return false;
  }
  const prefix = text("sha256:");
  for (let i = 0; i < DIGEST_PREFIX_BYTES; i++) {
    if ((scratch.plain[i] ?? 0) !== prefix.at(i)) {
      return false;
    }
  }
  const valid = parseDigits(scratch.plain, DIGEST_PREFIX_BYTES, scratch.layer, 0);
  return valid;
}

/** Reads the fs-verity digest string at `at`, 64 digits, into the second half of `layer`; false if it is not that. */
function readVerity(json: Bytes, at: number, scratch: ManifestScratch): boolean {
  const length = copyString(json, at, scratch.plain);
  const valid = parseDigits(scratch.plain, 0, scratch.layer, DIGEST_BYTES);
  return valid && length === HEX_DIGITS;
}

/** The number from `at` to `end`, or NO_SIZE if it is not a count of bytes, of at most MAX_SIZE_DIGITS digits. */
function readSize(json: Bytes, at: number, end: number): number {
  const count = narrow(end > at ? end - at : 0);
  let high: number = 0;
  let low: number = 0;
  if (count > MAX_SIZE_DIGITS) {
    return NO_SIZE;
  }
  for (let i = 0; i < count; i++) {
    const digit = json.at(narrow(at) + i);
    if (!isDigit(digit)) {
      return NO_SIZE;
    }
    if (i + 8 < count) {
      high = (high % 1000000) * 10 + (digit & 15);
    } else {
      low = (low % 10000000) * 10 + (digit & 15);
    }
  }
  return (high % 10000000) * 100000000 + low;
}

/** One of TYPE_…: the kind of blob that has the media type at `at`. */
function blobType(json: Bytes, at: number): number {
  if (stringIs(json, at, rootfsMediaType())) {
    return TYPE_ROOTFS;
  }
  if (stringIs(json, at, chunkMediaType())) {
    return TYPE_CHUNK;
  }
  if (stringIs(json, at, compressedChunkMediaType())) {
    return TYPE_COMPRESSED_CHUNK;
  }
  if (stringIs(json, at, bundleMediaType())) {
    return TYPE_BUNDLE;
  }
  if (stringIs(json, at, packMediaType())) {
    return TYPE_PACK;
  }
  if (stringIs(json, at, packLayerMediaType())) {
    return TYPE_PACK;
  }
  return TYPE_OTHER;
}

/** The argument of the first call of nextDescriptor. */
export function manifestStart(json: Bytes): Descriptor {
  if (json.length > MAX_MANIFEST_BYTES) {
    throw failure(Rule["manifest-too-large"], 0, 0);
  }
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
  let kind: number = DESCRIPTOR_NONE;
  let top: number = 0;
  let inAnnotations: boolean = false;
  let type: number = TYPE_OTHER;
  let hasDigest: boolean = false;
  let hasVerity: boolean = false;
  let size: number = NO_SIZE;
  for (let measure = 0, bound = Infinity; step.at <= json.length; bound = measure) {
    measure = json.length + 1 > step.at ? json.length + 1 - step.at : 0;
    if (measure >= bound) break;
    const next = nextStep(json, scratch.open, scratch.keys, step);
    step = next;
    const depth = next.depth;
    if (next.kind === STEP_NONE) {
      break;
    }
    if (next.kind === STEP_OPENED && top === 0) {
      if (depth === 2 && stringIs(json, next.key, text("layers"))) {
        if ((scratch.open[2] ?? 0) !== ARRAY) {
          throw failure(Rule["manifest-syntax"], 0, next.start);
        }
        inLayers = true;
      }
      const config = depth === 2 && stringIs(json, next.key, text("config"));
      if ((scratch.open[depth] ?? 0) === OBJECT && (config || (depth === 3 && inLayers))) {
        top = depth;
        kind = config ? DESCRIPTOR_CONFIG : DESCRIPTOR_LAYER;
      }
    } else {
      if (next.kind === STEP_OPENED) {
        if (depth === top + 1 && stringIs(json, next.key, text("annotations"))) {
          inAnnotations = true;
        }
      } else {
        if (next.kind === STEP_CLOSED) {
          if (depth === top) {
            inAnnotations = false;
          }
          if (depth === 1) {
            inLayers = false;
          }
          if (top !== 0 && depth + 1 === top) {
            if (!hasDigest && kind === DESCRIPTOR_LAYER) {
              throw failure(Rule["manifest-digest"], 0, next.start);
            }
            break;
          }
        } else {
          if (top !== 0 && depth === top) {
            const isText = json.at(next.start) === QUOTE;
            if (stringIs(json, next.key, text("size"))) {
              size = readSize(json, next.start, next.at);
            }
            if (isText && stringIs(json, next.key, text("mediaType"))) {
              type = blobType(json, next.start);
            }
            if (isText && stringIs(json, next.key, text("digest"))) {
              const valid = readDigest(json, next.start, scratch);
              if (!valid && kind === DESCRIPTOR_LAYER) {
                throw failure(Rule["manifest-digest"], 0, next.start);
              }
              hasDigest = valid;
            }
          } else {
            if (inAnnotations && depth === top + 1 && json.at(next.start) === QUOTE) {
              if (stringIs(json, next.key, verityAnnotation())) {
                const valid = readVerity(json, next.start, scratch);
                if (!valid && kind === DESCRIPTOR_LAYER) {
                  throw failure(Rule["manifest-digest"], 0, next.start);
                }
                hasVerity = valid;
              }
            }
          }
        }
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
function findLayer(json: Bytes, scratch: ManifestScratch, type: number, twice: number): RootfsDescriptor {
  const start = manifestStart(json);
  let last: Descriptor = start;
  let found: number = 0;
  let bundle: number = 0;
  let hasVerity: boolean = false;
  let size: number = NO_SIZE;
  for (let measure = 0, bound = Infinity; last.step.at <= json.length; bound = measure) {
    measure = json.length + 1 > last.step.at ? json.length + 1 - last.step.at : 0;
    if (measure >= bound) break;
    const next = nextDescriptor(json, scratch, last);
    last = next;
    if (next.kind === DESCRIPTOR_NONE) {
      break;
    }
    if (next.kind !== DESCRIPTOR_LAYER) {
      continue;
    }
    if (next.type === TYPE_BUNDLE) {
      bundle = narrow(next.step.at);
    }
    if (next.type !== type) {
      continue;
    }
    if (found !== 0) {
      throw failure(twice, 0, next.step.start);
    }
    found = narrow(next.step.at);
    hasVerity = next.hasVerity;
    size = next.size;
    for (let i = 0; i < DIGEST_BYTES; i++) {
      scratch.digest[i] = scratch.layer[i] ?? 0;
      scratch.verity[i] = scratch.layer[DIGEST_BYTES + i] ?? 0;
    }
    if (twice === 0) {
      break;
    }
  }
  return { end: found, hasVerity: hasVerity, size: size, bundle: bundle };
}

/** Refuses a manifest in which no layer is the metadata blob. */
function checkFound(found: RootfsDescriptor): void {
  if (found.end !== 0) {
    return;
  }
  if (found.bundle !== 0) {
    throw failure(Rule["manifest-packed"], 0, found.bundle);
  }
  throw failure(Rule["manifest-rootfs-missing"], 0, 0);
}

/** Finds the one layer that is the metadata blob; its digests are in `scratch.digest` and `scratch.verity`. */
export function findRootfs(json: Bytes, scratch: ManifestScratch): RootfsDescriptor {
  const found = findLayer(json, scratch, TYPE_ROOTFS, Rule["manifest-rootfs-twice"]);
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
  const found = findLayer(json, scratch, TYPE_BUNDLE, Rule["manifest-bundle-twice"]);
  if (found.end === 0) {
    throw failure(Rule["manifest-bundle-missing"], 0, 0);
  }
  return found;
}

/** Reads the sha256 of the canonical manifest, which a packed manifest records, into the first half of `scratch.layer`. */
export function findCanonical(json: Bytes, scratch: ManifestScratch): void {
  let step: Step = scanStart();
  let inAnnotations: boolean = false;
  let found: boolean = false;
  if (json.length > MAX_MANIFEST_BYTES) {
    throw failure(Rule["manifest-too-large"], 0, 0);
  }
  for (let measure = 0, bound = Infinity; step.at <= json.length; bound = measure) {
    measure = json.length + 1 > step.at ? json.length + 1 - step.at : 0;
    if (measure >= bound) break;
    const next = nextStep(json, scratch.open, scratch.keys, step);
    step = next;
    if (next.kind === STEP_NONE) {
      break;
    }
    if (next.kind === STEP_OPENED && next.depth === 2) {
      inAnnotations = (scratch.open[2] ?? 0) === OBJECT && stringIs(json, next.key, text("annotations"));
    }
    if (next.kind === STEP_CLOSED && next.depth === 1) {
      inAnnotations = false;
    }
    if (next.kind === STEP_SCALAR && inAnnotations && next.depth === 2) {
      if (json.at(next.start) === QUOTE && stringIs(json, next.key, canonicalAnnotation())) {
        const valid = readDigest(json, next.start, scratch);
        if (!valid) {
          throw failure(Rule["manifest-digest"], 0, next.start);
        }
        found = true;
      }
    }
  }
  if (!found) {
    throw failure(Rule["manifest-canonical-missing"], 0, 0);
  }
}
