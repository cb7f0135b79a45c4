/**
 * Blobs of many chunks, as other builders may make them, and as this one did for `--pack`: the frames or raw bytes of one chunk
 * after another, to which files refer by offset, and a table of the chunks, which readers ignore.
 */
import {
  encodeRootfs,
  type FileChunkValue,
  type InodeValue,
  seekTableBytes,
  writeSeekTable,
  ZERO_BLOB_DIGEST,
} from "@puzzlefs/format";
import { type ChunkBlob, fsVerityDigest, Layout, type StagedBlob, Transaction } from "@puzzlefs/oci";
import { openBase } from "../../packages/builder/src/base.ts";
import { valueOf } from "../../packages/builder/src/delta.ts";
import { type TableRow, withChunkTable } from "../conformance/reencode.ts";
import { commitImage } from "./layered.ts";

const footerBytes = 9;
const entryBytes = 8;

/** A blob that grows, and what is in it. */
class JoinedBlob {
  readonly compressed: boolean;
  readonly digest = Buffer.alloc(32);
  readonly #parts: Buffer[] = [];
  /** Stored and uncompressed bytes of each frame. */
  readonly #frames: [stored: number, content: number][] = [];
  stored = 0;
  length = 0;

  constructor(compressed: boolean) {
    this.compressed = compressed;
  }

  /** Adds the chunk that is a whole blob. Returns its offset. */
  add(blob: Buffer): number {
    const offset = this.length;
    const frames = this.compressed ? blob.readUInt32LE(blob.length - footerBytes) : 0;
    const entries = blob.length - footerBytes - frames * entryBytes;
    for (let at = entries; at < entries + frames * entryBytes; at += entryBytes) {
      const [stored, content] = [blob.readUInt32LE(at), blob.readUInt32LE(at + 4)];
      this.#frames.push([stored, content]);
      this.length += content;
    }
    const bytes = this.compressed ? blob.subarray(0, blob.length - seekTableBytes(frames)) : blob;
    if (!this.compressed) this.length += bytes.length;
    this.#parts.push(bytes);
    this.stored += bytes.length;
    return offset;
  }

  bytes(): Buffer {
    if (!this.compressed) return Buffer.concat(this.#parts);
    const table = Buffer.alloc(seekTableBytes(this.#frames.length));
    const [stored, content] = [0, 1].map((side) => Uint32Array.from(this.#frames, (frame) => frame[side] ?? 0));
    writeSeekTable(table, stored ?? new Uint32Array(), content ?? new Uint32Array(), this.#frames.length);
    return Buffer.concat([...this.#parts, table]);
  }
}

/** Joins the chunks of an image in the order in which files need them. */
class Joiner {
  readonly blobs: JoinedBlob[] = [];
  readonly rows: TableRow[] = [];
  readonly #layout: Layout;
  readonly #enough: number;
  readonly #located = new Map<string, { blob: JoinedBlob; offset: number }>();
  readonly #open = new Map<boolean, JoinedBlob>();

  constructor(layout: Layout, enough: number) {
    this.#layout = layout;
    this.#enough = enough;
  }

  moved(run: FileChunkValue): FileChunkValue {
    const { digest = Buffer.of(), offset = 0, compressed = false } = run.blob ?? {};
    if (Buffer.compare(digest, ZERO_BLOB_DIGEST.toUint8Array()) === 0) return run;
    const key = `${Buffer.from(digest).toString("hex")} ${compressed}`;
    const located = this.#located.get(key) ?? this.#join(digest, compressed);
    this.#located.set(key, located);
    return { blob: { digest: located.blob.digest, offset: located.offset + offset, compressed }, len: run.len };
  }

  #join(digest: Uint8Array, compressed: boolean): { blob: JoinedBlob; offset: number } {
    let blob = this.#open.get(compressed);
    if (blob === undefined || blob.stored >= this.#enough) {
      this.#open.set(compressed, (blob = new JoinedBlob(compressed)));
      this.blobs.push(blob);
    }
    const offset = blob.add(Buffer.from(this.#layout.blobs.read(Buffer.from(digest).toString("hex"), 2 ** 32)));
    this.rows.push({ digest: blob.digest, offset, length: blob.length - offset, compressed });
    return { blob, offset };
  }
}

/** Tags as `tag`, in the layout `store`, the image `from` of it with its chunks in blobs of about `blobBytes`. */
export function addJoined(store: string, from: string, tag: string, blobBytes: number): void {
  using layout = Layout.open(store);
  const base = openBase(layout, from);
  const joiner = new Joiner(layout, blobBytes);
  const metadatas = [...base.image.metadatas].map(({ inodes }) => ({
    inodes: [...inodes].map(valueOf).map((value): InodeValue => {
      const { mode } = value;
      return mode.kind === "file"
        ? { ...value, mode: { kind: "file", file: mode.file.map((run) => joiner.moved(run)) } }
        : value;
    }),
  }));
  const transaction = Transaction.begin(layout);
  const staged: StagedBlob[] = [];
  const chunks = joiner.blobs.map((joined): ChunkBlob & { verity: Uint8Array } => {
    const bytes = joined.bytes();
    const blob = transaction.writeBlob(bytes);
    staged.push(blob);
    // The runs refer to the same memory.
    joined.digest.write(blob.digest, "hex");
    return { digest: blob.digest, size: bytes.length, compressed: joined.compressed, verity: fsVerityDigest(bytes) };
  });
  const zeros = Buffer.from(ZERO_BLOB_DIGEST.toUint8Array()).toString("hex");
  const size = layout.blobs.size(zeros);
  const hasHoles = [...base.image.fsVerityData].some(
    ({ digest }) => Buffer.from(digest.toUint8Array()).toString("hex") === zeros,
  );
  if (hasHoles && size !== undefined) {
    const verity = fsVerityDigest(layout.blobs.read(zeros, 2 ** 32));
    chunks.push({ digest: zeros, size, compressed: true, verity });
  }
  chunks.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const fsVerityData = chunks.map(({ digest, verity }) => ({ digest: Buffer.from(digest, "hex"), verity }));
  const metadata = encodeRootfs({ metadatas, fsVerityData, manifestVersion: 3 });
  const rows = joiner.rows.toSorted((a, b) => Buffer.compare(a.digest, b.digest) || a.offset - b.offset);
  commitImage(transaction, tag, withChunkTable(metadata, rows), chunks, staged);
}
