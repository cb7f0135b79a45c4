/** The same tree in two layers that our builder does not write: directories that look below, whiteouts, stale inodes. */
import { type DirEntryValue, encodeRootfs, type InodeValue } from "@puzzlefs/format";
import {
  assembleManifest,
  type ChunkBlob,
  fsVerityDigest,
  Layout,
  referencedBlobs,
  type StagedBlob,
  Transaction,
} from "@puzzlefs/oci";
import { type BaseImage, openBase } from "../../packages/builder/src/base.ts";
import { valueOf } from "../../packages/builder/src/delta.ts";

/** A name that no tree of the tests has. */
const ghost = Buffer.from(".gone from below");

/** Takes a tree of one layer apart. */
class Layers {
  readonly top: InodeValue[] = [];
  readonly bottom: InodeValue[] = [];
  #next: number;

  constructor(base: BaseImage) {
    this.#next = base.lastIno + 1;
  }

  add(value: InodeValue): void {
    if (value.mode.kind === "dir") this.#directory(value, value.mode.dir.entries ?? []);
    else if (value.ino % 3 === 0) {
      this.top.push(value);
      this.bottom.push(stale(value.ino));
    } else (value.ino % 3 === 1 ? this.top : this.bottom).push(value);
  }

  /** Half of the names are in each layer; of those above, every other hides another file below. */
  #directory(value: InodeValue, entries: readonly DirEntryValue[]): void {
    const sorted = entries.toSorted((a, b) => Buffer.compare(a.name ?? ghost, b.name ?? ghost));
    const above = sorted.filter((_, i) => i % 2 === 0);
    const hidden = above.filter((_, i) => i % 2 === 0).map(({ name }) => ({ ino: this.#stale(), name: name ?? ghost }));
    const below = [...sorted.filter((_, i) => i % 2 === 1), ...hidden, { ino: this.#stale(), name: ghost }];
    this.bottom.push({ ...stale(value.ino), mode: { kind: "dir", dir: { entries: below } } });
    // An empty directory hides what is below by not looking there.
    const whiteouts = entries.length > 0 ? [{ ino: this.#whiteout(), name: ghost }] : [];
    const shown = [...above, ...whiteouts].toSorted((a, b) => Buffer.compare(a.name ?? ghost, b.name ?? ghost));
    this.top.push({ ...value, mode: { kind: "dir", dir: { entries: shown, lookBelow: entries.length > 0 } } });
  }

  #stale(): number {
    this.bottom.push(stale(this.#next));
    return this.#next++;
  }

  #whiteout(): number {
    this.top.push({ ino: this.#next, mode: { kind: "wht" }, uid: 0, gid: 0, permissions: 0 });
    return this.#next++;
  }
}

/** Content that must not be visible. */
function stale(ino: number): InodeValue {
  return { ino, mode: { kind: "fifo" }, uid: 4321, gid: 4321, permissions: 0 };
}

/** Tags as `tag`, in the layout `store`, what the image `from` of it shows. */
export function addLayered(store: string, from: string, tag: string): void {
  using layout = Layout.open(store);
  const base = openBase(layout, from);
  const layers = new Layers(base);
  for (const { inodes } of base.image.metadatas) for (const inode of inodes) layers.add(valueOf(inode));
  const byNumber = (a: InodeValue, b: InodeValue): number => a.ino - b.ino;
  const metadata = encodeRootfs({
    metadatas: [{ inodes: layers.top.toSorted(byNumber) }, { inodes: layers.bottom.toSorted(byNumber) }],
    fsVerityData: [...base.image.fsVerityData].map(({ digest, verity }) => ({
      digest: digest.toUint8Array(),
      verity: verity.toUint8Array(),
    })),
    manifestVersion: 3,
  });
  const transaction = Transaction.begin(layout);
  commitImage(transaction, tag, metadata, chunksOf(layout, from), []);
}

/** Commits an image with these metadata and chunks. @param staged blobs of the transaction that it needs */
export function commitImage(
  transaction: Transaction,
  tag: string,
  metadata: Uint8Array,
  chunks: readonly ChunkBlob[],
  staged: readonly StagedBlob[],
): void {
  const blob = transaction.writeBlob(metadata);
  const rootfs = { digest: blob.digest, size: metadata.length, verity: fsVerityDigest(metadata).toString("hex") };
  transaction.commit({ tag, manifest: assembleManifest(rootfs, chunks), blobs: [...staged, blob] });
}

function chunksOf(layout: Layout, tag: string): ChunkBlob[] {
  const blobs = referencedBlobs(layout.manifest(tag).bytes, tag);
  return blobs.flatMap(({ type, digest, size }) =>
    type === "chunk" || type === "compressed-chunk"
      ? [{ digest: digest ?? "", size: size ?? 0, compressed: type === "compressed-chunk" }]
      : [],
  );
}
