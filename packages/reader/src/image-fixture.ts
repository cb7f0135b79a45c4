import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeRootfs } from "@puzzlefs/format";
import { EMPTY_CONFIG, Layout } from "@puzzlefs/oci";
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

  /** Stores a chunk that the manifest lists. */
  chunk(bytes: Uint8Array, compressed = false): Buffer {
    const digest = this.blob(bytes);
    const type = "application/vnd.puzzlefs.image.filedata.v1";
    this.#list(compressed ? `${type}+zstd` : type, digest, bytes.length);
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
        : encodeRootfs({ metadatas: [], fsVerityData: [], manifestVersion: 3, ...rootfs });
    const digest = this.blob(metadata);
    const layer = { mediaType: rootfsType, digest: `sha256:${digest.toString("hex")}`, size: size ?? metadata.length };
    this.blob(Buffer.from("{}"));
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
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
      mediaType: manifestType,
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

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const rootfsType = "application/vnd.puzzlefs.image.rootfs.v1";

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
  const table = Buffer.alloc(8 + entries.length * 8 + 9);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(table.length - 8, 4);
  entries.forEach(({ stored, length }, i) => {
    table.writeUInt32LE(stored, 8 + i * 8);
    table.writeUInt32LE(length, 12 + i * 8);
  });
  table.writeUInt32LE(entries.length, table.length - 9);
  table.writeUInt32LE(0x8f92eab1, table.length - 4);
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
