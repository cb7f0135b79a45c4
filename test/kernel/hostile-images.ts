/** Damaged images with correct digests, valid or not, and what the driver must report about each. */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  encodeRootfs,
  FormatError,
  openMetadata,
  openRecordedMetadata,
  readManifest,
  ROOT_INO,
  TRAIT_ACLS,
} from "@puzzlefs/format";
import type { FailureKind, RootfsValue } from "@puzzlefs/format";
import { Layout } from "@puzzlefs/oci";
import { IntegrityError, openImage } from "@puzzlefs/reader";
import type { ImageTree, TreeEntry } from "@puzzlefs/reader";
import { damaged } from "../conformance/damage.ts";
import { spoiled } from "../conformance/defects.ts";
import { Random } from "@puzzlefs/testing";
import { reencoded } from "../conformance/reencode.ts";
import { recorded } from "../conformance/recorded.ts";
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
  /** sha256 of its metadata. */
  metadata?: string;
  /** Text that the kernel log must contain after its file was read. */
  report?: string;
  /** sha256 of the metadata that its manifest names, and that are not there. */
  missing?: string;
  /** Undefined: it can be mounted, if nothing is missing. */
  refusal: Refusal | undefined;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** When inodes are checked: when the image is opened, or at their first use if it records its tree. */
export type Checked = "all" | "used";

export interface Refusal {
  kind: FailureKind;
  /** `rule (inode N, byte N)` */
  text: string;
}

/** The refusal of something, if any. Throws all errors but FormatError, as no input may cause them. */
function refusalOf(use: () => unknown): Refusal | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { kind, rule, inode, offset } = error;
    return { kind, text: `${rule} (inode ${inode}, byte ${offset})` };
  }
}

/** Opens metadata as the driver does: a mount uses the root. */
function openUsed(bytes: Uint8Array): void {
  openRecordedMetadata(bytes, "metadata").find(ROOT_INO);
}

/** The name of the error that a refused call returns. */
export const errorOf = ({ kind }: Refusal): string => (kind === "corrupt" ? "EUCLEAN" : "EOPNOTSUPP");

interface MetadataOptions extends Pick<HostileImage, "report"> {
  like?: Buffer;
}

/** Adds images to a layout's blobs. */
export class HostileStore {
  readonly images: HostileImage[] = [];
  readonly #blobs: string;
  readonly #checked: Checked;
  readonly #known = new Set<string>();

  constructor(layout: string, checked: Checked = "all") {
    this.#blobs = join(layout, "blobs/sha256");
    this.#checked = checked;
  }

  blob(bytes: Uint8Array): string {
    const digest = sha256(bytes);
    const path = join(this.#blobs, digest);
    if (!existsSync(path)) writeFileSync(path, bytes);
    return digest;
  }

  /** Adds an image with this metadata; `like` is a manifest that lists the blobs that it needs. */
  metadata(name: string, bytes: Uint8Array, { like = manifestOf("0".repeat(64)), ...more }: MetadataOptions = {}): void {
    const metadata = this.blob(bytes);
    const manifest = withMetadata(like, metadata, bytes.length);
    const open = this.#checked === "all" ? openMetadata : openUsed;
    this.#add(manifest, { ...more, name, metadata, refusal: refusalOf(() => open(bytes)) });
  }

  manifest(name: string, bytes: Uint8Array): void {
    let metadata = "";
    const refusal = refusalOf(() => ({ digest: metadata } = readManifest(bytes, this.#checked)));
    const isThere = refusal !== undefined || existsSync(join(this.#blobs, metadata));
    this.#add(bytes, { name, refusal, ...(!isThere && { missing: metadata }) });
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

/** Half of those without random access control lists, which the kernel would refuse, record their tree. */
function randomTree(random: Random): RootfsValue {
  const { value } = randomImage(random, 1 + random.below(30));
  const variant = recorded(value, random);
  return random.once(2) && ((variant.traits ?? 0) & TRAIT_ACLS) === 0 ? variant : value;
}

/** Adds `count` images with changed bytes or values. */
export function addMutations(store: HostileStore, bases: readonly Base[], count: number): void {
  const random = new Random(20);
  const until = store.images.length + count;
  while (store.images.length < until) {
    if (random.once(4)) {
      const message = encodeRootfs(spoiled(randomTree(random), random));
      store.metadata("values", random.once(2) ? reencoded(message, random) : message);
    } else {
      const { name, manifest, metadata } = random.pick(bases);
      store.metadata(name, damaged(metadata, random), { like: manifest });
    }
  }
}

/**
 * The first names of an image, in the format of test/posix-suite/src/examine.ts for a mount; and the refusals of inodes that
 * are checked when they are used.
 */
export function examined(layout: Layout, manifest: string, names: number): { lines: string[]; refusals: Refusal[] } {
  using tree = openImage(layout, manifest, { check: "used" });
  const lines: string[] = [];
  const refusals: Refusal[] = [];
  const pending = [{ ino: 1, path: "" }];
  tree.attributes(1);
  for (const { ino, path } of pending) {
    for (const entry of tree.entries(ino)) {
      if (lines.length >= names) return { lines, refusals };
      const name = `${path}/${hex(entry.name)}`;
      const refusal = refusalOf(() => {
        tree.lookup(ino, entry.name);
        tree.attributes(entry.ino);
      });
      if (refusal !== undefined) {
        lines.push(`${name} ${errorOf(refusal)}`);
        refusals.push(refusal);
        continue;
      }
      lines.push(`${name} ${look(tree, entry)}`);
      if (entry.kind === "dir") pending.push({ ino: entry.ino, path: name });
    }
  }
  return { lines, refusals };
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
