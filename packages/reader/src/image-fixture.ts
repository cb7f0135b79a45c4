import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CHUNK_TYPE,
  COMPRESSED_CHUNK_TYPE,
  encodeRootfs,
  MANIFEST_VERSION,
  ROOTFS_TYPE,
  seekTableBytes,
  writeSeekTable,
} from "@puzzlefs/format";
import { EMPTY_CONFIG, Layout, MANIFEST_TYPE } from "@puzzlefs/oci";
import type { FileChunkValue, InodeModeValue, InodeValue, RootfsValue } from "@puzzlefs/format";
import zstd from "zstd-napi";

/** Images for tests, put together by hand: every byte can be wrong on purpose. */
export class ImageFixture {
  readonly directory = mkdtempSync(join(tmpdir(), "puzzlefs-reader-"));
  readonly #layers: { mediaType: string; digest: string; size: number }[] = [];

  constructor() {
    mkdirSync(join(this.directory, "blobs", "sha256"), { recursive: true });
    writeFileSync(join(this.directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  }

  blobPath(digest: Uint8Array | string): string {
    const hex = typeof digest === "string" ? digest : Buffer.from(digest).toString("hex");
    return join(this.directory, "blobs", "sha256", hex);
  }

  /** Stores a blob and returns its digest. */
  blob(bytes: Uint8Array): Buffer {
    const digest = sha256(bytes);
    writeFileSync(this.blobPath(digest), bytes);
    return digest;
  }

  /** Stores a chunk that the manifest lists. `size`: as it is listed. */
  chunk(bytes: Uint8Array, compressed = false, size = bytes.length): Buffer {
    const digest = this.blob(bytes);
    this.#list(compressed ? COMPRESSED_CHUNK_TYPE : CHUNK_TYPE, digest, size);
    return digest;
  }

  /**
   * Stores metadata and a manifest, and tags it. Returns the hex digest of the manifest. `size`: of the metadata, if the
   * manifest is to have another than that.
   */
  image(tag: string, rootfs: Partial<RootfsValue> | Uint8Array, size?: number): string {
    const metadata =
      rootfs instanceof Uint8Array
        ? rootfs
        : encodeRootfs({ metadatas: [], fsVerityData: [], manifestVersion: MANIFEST_VERSION, ...rootfs });
    const digest = this.blob(metadata);
    const layer = { mediaType: ROOTFS_TYPE, digest: `sha256:${digest.toString("hex")}`, size: size ?? metadata.length };
    this.blob(Buffer.from("{}"));
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: EMPTY_CONFIG,
        layers: [layer, ...this.#layers],
      }),
    );
    const manifestDigest = this.blob(manifest).toString("hex");
    this.#tag(tag, manifestDigest, manifest.length);
    return manifestDigest;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }

  #list(mediaType: string, digest: Buffer, size: number): void {
    this.#layers.push({ mediaType, digest: `sha256:${digest.toString("hex")}`, size });
  }

  #tag(tag: string, hex: string, size: number): void {
    const path = join(this.directory, "index.json");
    const known = readOr(path, '{"manifests":[]}');
    const { manifests } = JSON.parse(known) as { manifests: unknown[] };
    manifests.push({
      mediaType: MANIFEST_TYPE,
      digest: `sha256:${hex}`,
      size,
      annotations: { "org.opencontainers.image.ref.name": tag },
    });
    writeFileSync(path, JSON.stringify({ schemaVersion: 2, manifests }));
  }
}

export function withFixture(use: (fixture: ImageFixture, layout: Layout) => void): void {
  const fixture = new ImageFixture();
  try {
    use(fixture, Layout.open(fixture.directory));
  } finally {
    fixture.remove();
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** An inode with everything but its kind left out. */
export function inode(ino: number, mode: InodeModeValue, rest: Partial<InodeValue> = {}): InodeValue {
  return { ino, mode, uid: 0, gid: 0, permissions: mode.kind === "dir" ? 0o755 : 0o644, ...rest };
}

export function dir(
  ino: number,
  names: Record<string, number>,
  rest: Partial<InodeValue> & { lookBelow?: boolean } = {},
): InodeValue {
  const { lookBelow = false, ...others } = rest;
  const entries = Object.entries(names).map(([name, entry]) => ({ ino: entry, name: Buffer.from(name, "latin1") }));
  entries.sort((a, b) => Buffer.compare(a.name, b.name));
  return inode(ino, { kind: "dir", dir: { entries, lookBelow } }, others);
}

export function run(digest: Uint8Array, offset: number, len: number, compressed = false): FileChunkValue {
  return { blob: { digest, offset, compressed }, len };
}

export function file(ino: number, runs: FileChunkValue[], rest: Partial<InodeValue> = {}): InodeValue {
  return inode(ino, { kind: "file", file: runs }, rest);
}

export function symlink(ino: number, target: string, rest: Partial<InodeValue> = {}): InodeValue {
  const additional = { xattrs: [], symlinkTarget: Buffer.from(target, "latin1") };
  return inode(ino, { kind: "lnk" }, { permissions: 0o777, additional, ...rest });
}

export interface SeekTableEntry {
  stored: number;
  length: number;
}

/** The seek table of the zstd seekable format, with an entry for each frame. */
export function seekTable(entries: readonly SeekTableEntry[]): Buffer {
  const table = Buffer.alloc(seekTableBytes(entries.length));
  const stored = Uint32Array.from(entries, (entry) => entry.stored);
  const content = Uint32Array.from(entries, (entry) => entry.length);
  writeSeekTable(table, stored, content, entries.length);
  return table;
}

/** A blob in the zstd seekable format: frames of at most `frameSize` bytes. */
export function seekable(bytes: Uint8Array, frameSize: number): Buffer {
  const frames: Buffer[] = [];
  const entries: SeekTableEntry[] = [];
  for (let at = 0; at < bytes.length; at += frameSize) {
    const piece = bytes.subarray(at, at + frameSize);
    const frame = zstd.compress(piece);
    frames.push(frame);
    entries.push({ stored: frame.length, length: piece.length });
  }
  return Buffer.concat([...frames, seekTable(entries)]);
}
