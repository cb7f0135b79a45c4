import { digestHex, MANIFEST_LABEL, PACK_LABEL, packedChainId } from "@puzzlefs/oci";
import { parseReference, type Reference, RegistryError } from "@puzzlefs/registry";
import type { SnapshotDatabase } from "./database.ts";
import { Kind, type Labels, type Snapshot } from "./snapshot.ts";

/** The name that a layer's snapshot is to have: its chain ID. */
export const TARGET = "containerd.io/snapshot.ref";
/** Labels with the image's name in a registry and its manifest, where containerd is configured to pass them. */
const IMAGE_NAME = "containerd.io/snapshot/cri.image-ref";
const IMAGE_MANIFEST = "containerd.io/snapshot/cri.manifest-digest";

/** A pack of an image that was pushed for lazy use: a layer over the bootstrap, which adds nothing to the image. */
export interface PackLayer {
  /** Hex sha256 of the canonical manifest. */
  image: string;
  /** The snapshot of the layer below. */
  below: Snapshot;
  /** The name of its snapshot. Another containerd namespace may have the same layer over another snapshot. */
  name: string;
  /** The image in its registry; undefined: containerd does not pass it, or it is another pack that has to ask for it. */
  source: Reference | undefined;
}

/**
 * The pack that containerd asks for, by its labels; undefined if it is none. The chain ID follows from the image: labels of another layer have
 * no effect.
 */
export function packLayerOf(database: SnapshotDatabase, parent: string, labels: Labels): PackLayer | undefined {
  const below = parent === "" ? undefined : database.find(parent);
  const image = digestHex(labels[MANIFEST_LABEL] ?? "");
  if (!isPack(labels, below) || below.image !== image) return undefined;
  const number = database.parentsOf(below).length + 1;
  if (labels[TARGET] !== packedChainId(image, number)) return undefined;
  return { image, below, name: `${below.id}/${labels[TARGET]}`, source: number === 1 ? sourceOf(labels) : undefined };
}

/** Whether a snapshot over `below` with these labels is a pack, which is an empty archive for containerd. */
export function isPack(labels: Labels, below: Snapshot | undefined): below is Snapshot & { image: string } {
  return labels[PACK_LABEL] !== undefined && below?.kind === Kind.COMMITTED && below.image !== undefined;
}

function sourceOf(labels: Labels): Reference | undefined {
  const digest = labels[IMAGE_MANIFEST] ?? "";
  if (digestHex(digest) === undefined) return undefined;
  try {
    const { host, repository } = parseReference(labels[IMAGE_NAME] ?? "");
    return { host, repository, digest };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return undefined;
  }
}
