import { gzipSync } from "node:zlib";
import {
  BASE_ANNOTATION,
  BUNDLE_TYPE,
  CANONICAL_ANNOTATION,
  PACK_LAYER_TYPE,
  PACK_TYPE,
  PATCH_TYPE,
  TRANSPORT_ANNOTATION,
  VERITY_ANNOTATION,
} from "@puzzlefs/format";
import type { PackRecord } from "@puzzlefs/format";
import { canonicalJson } from "./canonical-json.ts";
import { sha256Hex } from "./digests.ts";
import { CONFIG_TYPE } from "./image-config.ts";
import type { Descriptor } from "./index-json.ts";
import { isObject } from "./json.ts";
import { MANIFEST_TYPE } from "./manifest.ts";
import type { Platform } from "./platform.ts";

/** A blob of a packed image that is in memory. */
export interface PackedPart {
  bytes: Uint8Array;
  /** Hex sha256. */
  digest: string;
}

/** A patch of the bundle, for receivers that have another image. */
export interface BundlePatch {
  digest: string;
  size: number;
  /** sha256 of that image's canonical manifest, hex. */
  base: string;
}

/** What a registry's form may have beside that of a layout. */
export interface RegistryParts {
  /** Of the bundle; default: none. */
  patches?: readonly BundlePatch[];
  /** Each pack is a layer for containerd, over the bootstrap, so that a snapshotter can keep it from being fetched. */
  lazy?: boolean;
}

/** The blobs of a packed image beside its bundle and its packs, and its manifest. */
export interface PackedDocuments {
  config: PackedPart;
  bootstrap: PackedPart;
  manifest: Buffer;
}

const TAR_BLOCK = 512;
/** Labels that containerd passes to snapshotters are annotations with this prefix. */
const LABEL = "containerd.io/snapshot/puzzlefs.";
/** Label of the layers of a packed image: its canonical manifest. */
export const MANIFEST_LABEL = `${LABEL}manifest`;
/** Label of packs that are layers. */
export const PACK_LABEL = `${LABEL}pack`;
/** The archive that a pack is for containerd where no snapshotter keeps it from unpacking. */
const EMPTY_ARCHIVE = Buffer.alloc(2 * TAR_BLOCK);
/** The only file of the bootstrap. */
export const BOOTSTRAP_FILE = "puzzlefs.txt";
/** skopeo compresses an archive that is not compressed when it copies it to a registry: then its digest would change. */
const TAR_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const VERSION = "1";

/**
 * The documents of a packed image (docs/format.md §6). Equal input, equal bytes. The bootstrap is an archive that other
 * tools can unpack; it differs from image to image, because containerd names what it unpacks by its layers.
 *
 * @param canonical hex sha256 of the canonical manifest
 * @param config the canonical configuration
 * @param bundle its fs-verity digest in hex
 */
export function assemblePacked(
  canonical: string,
  config: Uint8Array,
  platform: Platform,
  bundle: PackRecord,
  packs: readonly PackRecord[],
  { patches = [], lazy = false }: RegistryParts = {},
): PackedDocuments {
  const bootstrap = bootstrapBlob(canonical);
  const diffIds = [bootstrapDiffId(canonical), ...(lazy ? packs.map(() => EMPTY_DIFF_ID) : [])];
  const packedConfig = partOf(Buffer.from(canonicalJson(configOf(config, platform, diffIds))));
  const label = { [MANIFEST_LABEL]: `sha256:${canonical}` };
  const bootstrapLayer = {
    ...descriptorOf(TAR_TYPE, { digest: bootstrap.digest, size: bootstrap.bytes.length }),
    annotations: { ...label, [`${LABEL}bundle`]: `sha256:${bundle.digest}` },
  };
  const layers: Descriptor[] = [
    { ...descriptorOf(BUNDLE_TYPE, bundle), annotations: { [VERITY_ANNOTATION]: bundle.verity } },
    ...patches.map((patch) => ({
      ...descriptorOf(PATCH_TYPE, patch),
      annotations: { [BASE_ANNOTATION]: `sha256:${patch.base}` },
    })),
    // What is above a layer belongs to its image alone then.
    ...(lazy ? [bootstrapLayer] : []),
    ...packs.map((pack) => ({
      ...descriptorOf(lazy ? PACK_LAYER_TYPE : PACK_TYPE, pack),
      ...(lazy && { annotations: { ...label, [PACK_LABEL]: `sha256:${pack.digest}` } }),
    })),
    ...(lazy ? [] : [bootstrapLayer]),
  ];
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptorOf(CONFIG_TYPE, { digest: packedConfig.digest, size: packedConfig.bytes.length }),
    layers,
    annotations: { [CANONICAL_ANNOTATION]: `sha256:${canonical}`, [TRANSPORT_ANNOTATION]: VERSION },
  };
  return { config: packedConfig, bootstrap, manifest: Buffer.from(canonicalJson(manifest)) };
}

const EMPTY_DIFF_ID = `sha256:${sha256Hex(EMPTY_ARCHIVE)}`;

/** The chain ID of a layer of a packed image: of the bootstrap, or of the pack with this number, from 1 on, of one whose packs are layers. */
export function packedChainId(canonical: string, pack = 0): string {
  let chain = bootstrapDiffId(canonical);
  for (; pack > 0; pack--) chain = `sha256:${sha256Hex(Buffer.from(`${chain} ${EMPTY_DIFF_ID}`))}`;
  return chain;
}

function bootstrapDiffId(canonical: string): string {
  return `sha256:${sha256Hex(bootstrapArchive(canonical))}`;
}

/** The archive that is the only layer of a packed image for other tools: its sha256 is in `diff_ids`. */
export function bootstrapArchive(canonical: string): Buffer {
  return tarOf(BOOTSTRAP_FILE, Buffer.from(`PuzzleFS image sha256:${canonical}\n`));
}

/** The blob of that archive. Stored blocks: the bytes do not depend on the version of zlib. */
export function bootstrapBlob(canonical: string): PackedPart {
  return partOf(gzipSync(bootstrapArchive(canonical), { level: 0 }));
}

/** The canonical manifest, hex sha256, that the content of BOOTSTRAP_FILE names; undefined for another content. */
export function bootstrapImage(content: Uint8Array): string | undefined {
  return /^PuzzleFS image sha256:([0-9a-f]{64})\n$/.exec(Buffer.from(content).toString("latin1"))?.[1];
}

function descriptorOf(mediaType: string, { digest, size }: Pick<PackRecord, "digest" | "size">): Descriptor {
  return { mediaType, digest: `sha256:${digest}`, size };
}

function partOf(bytes: Uint8Array): PackedPart {
  return { bytes, digest: sha256Hex(bytes) };
}

/** The configuration of the packed form: other tools need a platform, and a list of layers that agrees with the manifest. */
function configOf(config: Uint8Array, { architecture, os, variant }: Platform, diffIds: readonly string[]): object {
  const members = objectOf(config);
  const isComplete = typeof members["architecture"] === "string" && typeof members["os"] === "string";
  const platform = isComplete ? {} : { architecture, os, variant };
  return {
    ...members,
    ...platform,
    rootfs: { type: "layers", diff_ids: diffIds },
    history: undefined,
  };
}

/** No members where the bytes are no JSON object: then it is a configuration of another kind, which is in the bundle only. */
function objectOf(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isObject(value) ? value : {};
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}

/** A tar archive of one file, of at most a block: ustar. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(TAR_BLOCK);
  const octal = (at: number, bytes: number, value: number): void => {
    header.write(value.toString(8).padStart(bytes - 1, "0"), at, "latin1");
  };
  header.write(name, 0, "latin1");
  octal(100, 8, 0o644);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, content.length);
  octal(136, 12, 0);
  header.fill(" ", 148, 156);
  header.write("0", 156, "latin1");
  header.write("ustar", 257, "latin1");
  header.write("00", 263, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, content, Buffer.alloc(3 * TAR_BLOCK - content.length)]);
}
