/** Images, valid or not, that cost a reader much for their size. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeRootfs, type FileChunkValue } from "@puzzlefs/format";

const owner = { uid: 0, gid: 0, permissions: 0o644 };
const footerBytes = 9;
const entryBytes = 8;
const skippableHeaderBytes = 8;
const skippableMagic = 0x184d2a5e;
const seekableMagic = 0x8f92eab1;

/** Frames of a blob: what its seek table says of each, and their stored bytes. */
interface Frames {
  count: number;
  stored: number;
  content: number;
  /** Default: zeros, which are no zstd frames. */
  bytes?: (index: number) => Buffer;
}

/** A zstd frame of one byte. */
export const frameOfOneByte = (value: number): Buffer =>
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01, 0x09, 0x00, 0x00, value]);

export class CostlyStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, "blobs/sha256"), { recursive: true });
    writeFileSync(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(join(directory, "index.json"), '{"schemaVersion":2,"manifests":[]}');
  }

  blob(bytes: Uint8Array): Buffer {
    const digest = createHash("sha256").update(bytes).digest();
    writeFileSync(join(this.directory, "blobs/sha256", digest.toString("hex")), bytes);
    return digest;
  }

  /** A compressed blob. `seed` makes it another one than its like. */
  frames({ count, stored, content, bytes }: Frames, seed = 0): Buffer {
    const table = Buffer.alloc(skippableHeaderBytes + count * entryBytes + footerBytes);
    table.writeUInt32LE(skippableMagic, 0);
    table.writeUInt32LE(table.length - skippableHeaderBytes, 4);
    for (let i = 0; i < count; i++) {
      table.writeUInt32LE(stored, skippableHeaderBytes + i * entryBytes);
      table.writeUInt32LE(content, skippableHeaderBytes + i * entryBytes + 4);
    }
    table.writeUInt32LE(count, table.length - footerBytes);
    table.writeUInt32LE(seekableMagic, table.length - 4);
    const data = Buffer.alloc(count * stored);
    if (bytes === undefined && data.length > 4) data.writeUInt32LE(seed, 0);
    if (bytes !== undefined) for (let i = 0; i < count; i++) bytes(i).copy(data, i * stored);
    return this.blob(Buffer.concat([data, table]));
  }

  /** An image with these files below its root. Returns the manifest's digest. */
  files(files: Readonly<Record<string, FileChunkValue[]>>): string {
    const names = Object.keys(files);
    const entries = names.map((name, i) => ({ ino: i + 2, name: Buffer.from(name) }));
    const inodes = names.map((name, i) => ({ ...owner, ino: i + 2, mode: { kind: "file", file: files[name] ?? [] } as const }));
    const root = { ...owner, permissions: 0o755, ino: 1, mode: { kind: "dir", dir: { entries } } } as const;
    return this.image(encodeRootfs({ metadatas: [{ inodes: [root, ...inodes] }], manifestVersion: 3 }));
  }

  image(metadata: Uint8Array): string {
    const digest = `sha256:${this.blob(metadata).toString("hex")}`;
    const layer = { mediaType: "application/vnd.puzzlefs.image.rootfs.v1", digest, size: metadata.length };
    return this.blob(Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [layer] }))).toString("hex");
  }

  /**
   * 128 layers, and a directory with `names` names, which it does not show: their inode is a whiteout, which only the
   * oldest layer has. Each look-up of it searches all layers.
   */
  layers(names: number, inodesOfLayer: number): string {
    const deepest = 2 ** 40;
    const filler = Array.from({ length: inodesOfLayer }, (_, i) => ({
      ...owner,
      ino: 2 ** 30 + i * 2 ** 33 + 3,
      mode: { kind: "fifo" } as const,
    }));
    const entries = Array.from({ length: names }, (_, i) => ({
      ino: deepest,
      name: Buffer.from(i.toString(16).padStart(8, "0")),
    }));
    const root = { ...owner, permissions: 0o755, ino: 1, mode: { kind: "dir", dir: { entries: [{ ino: 2, name: Buffer.from("d") }] } } } as const;
    const directory = { ...owner, permissions: 0o755, ino: 2, mode: { kind: "dir", dir: { entries } } } as const;
    const last = { ...owner, ino: deepest, mode: { kind: "wht" } } as const;
    const metadatas = [
      { inodes: [root, directory] },
      ...Array.from({ length: 126 }, () => ({ inodes: filler })),
      { inodes: [last] },
    ];
    return this.image(encodeRootfs({ metadatas, manifestVersion: 3 }));
  }
}
