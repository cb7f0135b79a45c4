import { KEY_POSITIONS, MAX_DEPTH, findRootfs } from "./generated/manifest.ts";
import { countRecords } from "./generated/lookup.ts";
import type { Rootfs } from "./generated/metadata.ts";
import { indexNames } from "./generated/nameindex.ts";
import { checkEncoding, validate } from "./generated/validate.ts";
import { MAX_SEGMENTS, openMessage } from "./generated/wire.ts";
import { Bytes } from "./runtime.ts";

/** A metadata blob that keeps every rule, and what checking it has found out. */
export interface Metadata {
  readonly image: Rootfs;
  /** Visible inodes. */
  readonly inodes: number;
  /** The index of the names that their builder did not sort, for `findName`: empty in most images. */
  readonly index: Uint32Array;
  /** Number of links of each visible inode, by the ordinal that findPlace and nextName give. */
  readonly links: Uint32Array;
  /** Inode number of each visible directory's parent, by ordinal; the root is its own. */
  readonly parents: Float64Array;
}

/** Opens a metadata blob: checks every rule; the views it gives read `bytes`, which must not change. Throws FormatError. */
export function openMetadata(bytes: Uint8Array): Metadata {
  const message = openMessage(Bytes.of(bytes), new Uint32Array(MAX_SEGMENTS + 1));
  const image = checkEncoding(message, new Float64Array(1));
  const records = countRecords(image);
  const links = new Uint32Array(records);
  const parents = new Float64Array(records);
  const { inodes, unsorted, index: room } = validate(image, links, parents, new Float64Array(records));
  const index = new Uint32Array(room);
  if (unsorted > 0) indexNames(image, unsorted, index);
  return { image, inodes, index, links, parents };
}

/** What a manifest says of its metadata blob: hexadecimal digests. */
export interface MetadataDescriptor {
  readonly digest: string;
  /** fs-verity digest, where the manifest has it. */
  readonly verity?: string;
}

/** Finds the metadata blob in a manifest's JSON. Throws FormatError. */
export function readManifest(json: Uint8Array): MetadataDescriptor {
  const digest = new Uint8Array(32);
  const verity = new Uint8Array(32);
  const found = findRootfs(
    Bytes.of(json),
    new Uint8Array(MAX_DEPTH + 1),
    new Uint32Array(KEY_POSITIONS),
    new Uint8Array(80),
    new Uint8Array(64),
    digest,
    verity,
  );
  const text = Buffer.from(digest).toString("hex");
  return found.hasVerity ? { digest: text, verity: Buffer.from(verity).toString("hex") } : { digest: text };
}
