/** Damaged images with correct digests, valid or not, and what the driver must report about each. */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeRootfs, FormatError, openMetadata, readManifest } from "@puzzlefs/format";
import type { FailureKind } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import { IntegrityError, openImage } from "@puzzlefs/reader";
import type { ImageTree, TreeEntry } from "@puzzlefs/reader";
import { damaged } from "../conformance/damage.ts";
import { spoiled } from "../conformance/defects.ts";
import { Random } from "@puzzlefs/testing";
import { reencoded } from "../conformance/reencode.ts";
import { randomImage } from "../conformance/trees.ts";
import { corpusCases } from "../corpus/corpus.ts";
import type { Base } from "./hostile-bases.ts";

const page = 4096;
const overflowId = 65534;
const noId = 0xffffffff;

export interface HostileImage {
  /** Its origin, for messages. */
  name: string;
  /** sha256 of its manifest. */
  manifest: string;
  /** Text that the kernel log must contain after its file was read. */
  report?: string;
  /** `rule (inode N, byte N)` and whether it is corrupt or unsupported; undefined: it can be mounted. */
  refusal?: { kind: FailureKind; text: string };
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The refusal by a parser, if any. Throws all errors but FormatError, as no input may cause them. */
function refusalOf(parse: () => unknown): Pick<HostileImage, "refusal"> {
  try {
    parse();
    return {};
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { kind, rule, inode, offset } = error;
    return { refusal: { kind, text: `${rule} (inode ${inode}, byte ${offset})` } };
  }
}

interface MetadataOptions extends Pick<HostileImage, "report"> {
  like?: Buffer;
}

/** Adds images to a layout's blobs. */
export class HostileStore {
  readonly images: HostileImage[] = [];
  readonly #blobs: string;
  readonly #known = new Set<string>();

  constructor(layout: string) {
    this.#blobs = join(layout, "blobs/sha256");
  }

  blob(bytes: Uint8Array): string {
    const digest = sha256(bytes);
    const path = join(this.#blobs, digest);
    if (!existsSync(path)) writeFileSync(path, bytes);
    return digest;
  }

  /** Adds an image with this metadata; `like` is a manifest that lists the blobs that it needs. */
  metadata(name: string, bytes: Uint8Array, { like = manifestOf("0".repeat(64)), ...more }: MetadataOptions = {}): void {
    const manifest = withMetadata(like, this.blob(bytes), bytes.length);
    this.#add(manifest, { ...more, name, ...refusalOf(() => openMetadata(bytes)) });
  }

  manifest(name: string, bytes: Uint8Array): void {
    this.#add(bytes, { name, ...refusalOf(() => readManifest(bytes)) });
  }

  #add(bytes: Uint8Array, image: Omit<HostileImage, "manifest">): void {
    const manifest = this.blob(bytes);
    if (this.#known.has(manifest)) return;
    this.#known.add(manifest);
    this.images.push({ ...image, manifest });
  }
}

/** The manifest with another metadata blob. */
function withMetadata(manifest: Buffer, digest: string, size: number): Buffer {
  const before = `sha256:${readManifest(manifest).digest}`;
  const value = JSON.parse(manifest.toString("utf8")) as { layers: { digest: string; size: number }[] };
  const layers = value.layers.map((layer) => (layer.digest === before ? { ...layer, digest: `sha256:${digest}`, size } : layer));
  return Buffer.from(JSON.stringify({ ...value, layers }));
}

/** A manifest with only this metadata blob. Its media type is its own: a wrong one in schema/ is noticed. */
export const manifestOf = (metadata: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      layers: [{ mediaType: "application/vnd.puzzlefs.image.rootfs.v1", digest: `sha256:${metadata}`, size: 0 }],
    }),
  );

/** Adds the corruption corpus, without the cases for sizes and for seek tables. */
export function addCorpus(store: HostileStore): void {
  for (const { rule, object, bytes, size } of corpusCases()) {
    if (size !== undefined) continue;
    if (object === "metadata") store.metadata(rule, bytes);
    if (object === "manifest") store.manifest(rule, bytes);
  }
}

/** Adds the seek tables of the corpus, each in an image that can be mounted and whose only file cannot be read. */
export function addSeekTables(store: HostileStore): void {
  const owner = { uid: 0, gid: 0, permissions: 0o644 };
  for (const { rule, object, bytes } of corpusCases()) {
    if (object !== "seek-table") continue;
    const digest = Buffer.from(store.blob(bytes), "hex");
    const file = [{ blob: { digest, offset: 0, compressed: true }, len: 10 }];
    const entries = [{ ino: 2, name: Buffer.from("file") }];
    const root = { ...owner, ino: 1, mode: { kind: "dir", dir: { entries } } } as const;
    const inodes = [root, { ...owner, ino: 2, mode: { kind: "file", file } } as const];
    store.metadata(rule, encodeRootfs({ metadatas: [{ inodes }], manifestVersion: 3 }), { report: `${digest.toString("hex")}, needed by inode 2: ${rule} ` });
  }
}

/** Adds `count` images with changed bytes or values. */
export function addMutations(store: HostileStore, bases: readonly Base[], count: number): void {
  const random = new Random(20);
  const until = store.images.length + count;
  while (store.images.length < until) {
    if (random.once(4)) {
      const message = encodeRootfs(spoiled(randomImage(random, 1 + random.below(30)).value, random));
      store.metadata("values", random.once(2) ? reencoded(message, random) : message);
    } else {
      const { name, manifest, metadata } = random.pick(bases);
      store.metadata(name, damaged(metadata, random), { like: manifest });
    }
  }
}

/** The first names of an image, in the format of test/posix-suite/src/examine.ts for a mount. */
export function examined(layout: Layout, manifest: string, names: number): string[] {
  const tree = openImage(layout, manifest);
  try {
    const lines: string[] = [];
    const pending = [{ ino: 1, path: "" }];
    for (const { ino, path } of pending) {
      for (const entry of tree.entries(ino)) {
        if (lines.length >= names) return lines;
        const name = `${path}/${hex(entry.name)}`;
        lines.push(`${name} ${look(tree, entry)}`);
        if (entry.kind === "dir") pending.push({ ino: entry.ino, path: name });
      }
    }
    return lines;
  } finally {
    tree.close();
  }
}

export function look(tree: ImageTree, { ino, kind }: TreeEntry): string {
  const attributes = tree.attributes(ino);
  if (attributes === undefined) throw new Error(`inode ${ino} is listed, but does not exist`);
  const { mode, nlink, uid, gid, size, major, minor } = attributes;
  const [owner, group] = [uid, gid].map((id) => (id === noId ? overflowId : id));
  const fields = [kind, mode, nlink, owner, group, size, `${major}:${minor}`];
  if (kind === "lnk") fields.push(hex(tree.readlink(ino)));
  if (kind === "file") fields.push(...ends(tree, ino, size));
  const xattrs = tree.xattrs(ino).map(({ name }) => Buffer.from(name).toString("latin1"));
  return [...fields, ...xattrs.filter((name) => !name.startsWith("system.")).map((name) => hexOf(name))].join(" ");
}

/** Digests of the first and the last page of a file. */
function ends(tree: ImageTree, ino: number, size: number): string[] {
  if (size === 0) return [];
  const offsets = size > page ? [0, size - (size % page || page)] : [0];
  return offsets.map((offset) => {
    const into = Buffer.alloc(page);
    return isReadable(tree, ino, offset, into) ? sha256(into.subarray(0, size - offset)).slice(0, 16) : "EIO";
  });
}

function isReadable(tree: ImageTree, ino: number, offset: number, into: Buffer): boolean {
  try {
    tree.read(ino, offset, into);
    return true;
  } catch (error) {
    if (error instanceof FormatError || error instanceof IntegrityError) return false;
    throw error;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const hexOf = (name: string): string => Buffer.from(name, "latin1").toString("hex");
