import {
  encodeRootfs,
  InodeLayout,
  ListEncoder,
  recordsTree,
  type InodeValue,
  type InodeVectorValue,
} from "@puzzlefs/format";
import type { Turns } from "@puzzlefs/oci";

import type { BaseImage } from "./base.ts";
import { isChanged, valueOf } from "./delta.ts";
import type { Blob } from "./image-blob.ts";
import { inodeValue, rootfsValue, traitsOfNode } from "./metadata-values.ts";
import type { TreeNode } from "./tree-node.ts";

/** The metadata of a tree, and what they count. */
export interface EncodedTree {
  metadata: Uint8Array;
  files: number;
  entries: number;
  bytes: number;
}

/** Values made before the time is read. */
const VALUES_PER_TURN = 64;

/**
 * Encodes the metadata of an image. A node's value exists only while it is encoded, and each node is freed then: values of all
 * inodes take more memory than the nodes, and than the metadata. With a base only changed nodes are in the new layer.
 *
 * @param nodes in ascending order of their numbers; the array is emptied
 * @param blobOf finds a chunk
 * @param blobs called at the end: all that blobOf has returned, each once, ascending by digest
 */
export async function encodeTree(
  nodes: TreeNode[],
  base: BaseImage | undefined,
  blobOf: (chunk: number) => Blob,
  blobs: () => readonly Blob[],
  turns: Turns,
): Promise<EncodedTree> {
  const recorded = base === undefined || recordsTree(base.image);
  const totals = { inodes: nodes.length, contentBytes: 0, traits: 0 };
  let files = 0;
  const count = (node: TreeNode): void => {
    totals.traits |= traitsOfNode(node);
    totals.contentBytes += node.size;
    if (node.kind === "file") files++;
  };
  const valueOfNode = (node: TreeNode): InodeValue => inodeValue(node, blobOf, recorded);
  const layers: InodeVectorValue[] = [];
  nodes.reverse();
  if (base === undefined) {
    const freed = (): InodeValue => {
      const node = nodes.pop() as TreeNode;
      count(node);
      return valueOfNode(node);
    };
    layers.push(await encodeLayer(nodes, freed, turns));
  } else {
    const changed: TreeNode[] = [];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      count(node);
      if (isChanged(valueOfNode(node), base)) changed.push(node);
      if (turns.isDue) await turns.take();
    }
    const changedAt = (index: number): InodeValue => valueOfNode(changed[index]);
    if (changed.length > 0) layers.push(await encodeLayer(changed, changedAt, turns));
    for (const { inodes } of base.image.metadatas)
      layers.push(await encodeLayer(inodes, (index) => valueOf(inodes.at(index)), turns));
  }
  await turns.take();
  const metadata = encodeRootfs(rootfsValue(layers, blobs(), recorded ? totals : undefined));
  await turns.take();
  return { metadata, files, entries: totals.inodes, bytes: totals.contentBytes };
}

/** What decides the size of an encoded inode. */
interface Timed {
  mtimeSeconds: number;
  mtimeNanoseconds: number;
}

/** Encodes the inodes of a layer, each by one call of `valueAt`, in order. */
async function encodeLayer(
  items: Iterable<Timed> & { readonly length: number },
  valueAt: (index: number) => InodeValue,
  turns: Turns,
): Promise<InodeVectorValue> {
  const { length } = items;
  const list = new ListEncoder(InodeLayout, length, likeInodes(items));
  for (let index = 0; index < length; index++) {
    list.add(valueAt(index));
    if (index % VALUES_PER_TURN === 0 && turns.isDue) await turns.take();
  }
  return { inodes: list.values };
}

function* likeInodes(items: Iterable<Timed>): Generator<InodeValue> {
  const mode = { kind: "unknown" } as const;
  for (const { mtimeSeconds, mtimeNanoseconds } of items)
    yield { ino: 0, uid: 0, gid: 0, permissions: 0, mode, mtimeSeconds, mtimeNanoseconds };
}
