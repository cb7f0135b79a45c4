import {
  type Chunk,
  chunksInWalkOrder,
  configBytes,
  metadataOf,
  type PackPlan,
  planPacks,
  stagePackedForm,
} from "@puzzlefs/builder/packed";
import type { PackRecord, Place } from "@puzzlefs/format";
import { type Platform, referencedBlobs, type StagedBlob } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import type { SettledImage } from "./bundle.ts";
import { ChunkFiles } from "./chunk-files.ts";
import type { Download, WantedChunk } from "./download.ts";
import { lacking, type LocalChunks } from "./local-chunks.ts";
import { PackFile } from "./pack-file.ts";
import { type PackContent, packContents, wayOf } from "./pack-contents.ts";
import { PackUnion } from "./pack-union.ts";
import type { Pulled, PullTarget, Transfer } from "./pull-target.ts";

type Header = SettledImage["header"];

/** Chunks of a packed image that become blobs of their own. */
export async function looseTransfer(header: Header, target: PullTarget, local: LocalChunks): Promise<Transfer> {
  const files = new ChunkFiles(target.transaction.directory);
  const downloads: Download[] = [];
  for (const { record, missing } of contents(header, (chunk) => local.isLoose(chunk))) {
    const { digest, size } = record;
    const chunks = await lacking(missing, (chunk) => files.copy(chunk, local), target.turns);
    if (chunks.length > 0) downloads.push({ digest, size, kind: "pack", chunks, isWhole: false, sink: files });
  }
  const end = (): Promise<Pulled> => {
    const { transaction } = target;
    const staged = [...files.staged(), transaction.writeBlob(metadataOf(header))];
    const listed = referencedBlobs(header.manifest, `manifest sha256:${header.manifestDigest}`);
    if (listed.some(({ type }) => type === "config")) staged.push(transaction.writeBlob(configBytes(header)));
    return Promise.resolve({ manifest: header.manifest, staged, packs: 0, newPacks: 0 });
  };
  return { downloads, end, salvage: () => files.staged() };
}

/**
 * A packed image in packs. A pack that the layout lacks is made where all of its bytes are known or nearly all of them must be received; chunks of
 * another pack are received alone, and then the image is packed as `build` packs it, with the packs that there are.
 */
export async function packedTransfer(header: Header, target: PullTarget, local: LocalChunks): Promise<Transfer> {
  const transfer = new PackedTransfer(header, target, local);
  for (const content of contents(header, (chunk) => local.has(chunk))) await transfer.plan(content);
  await transfer.prepare();
  return transfer;
}

class PackedTransfer implements Transfer {
  readonly downloads: Download[] = [];
  readonly #header: Header;
  readonly #target: PullTarget;
  readonly #local: LocalChunks;
  readonly #chunkFiles: ChunkFiles;
  /** Packs that are made, by digest. */
  readonly #packFiles = new Map<string, PackFile>();
  /** Whether chunks are received without their pack. */
  #isScattered = false;
  #form: PackPlan = { kept: [], fresh: [], places: [] };

  constructor(header: Header, target: PullTarget, local: LocalChunks) {
    this.#header = header;
    this.#target = target;
    this.#local = local;
    this.#chunkFiles = new ChunkFiles(target.transaction.directory);
  }

  async plan({ record, chunks, missing }: PackContent): Promise<void> {
    const { digest, size } = record;
    const { layout, transaction } = this.#target;
    if (layout.blobs.size(digest) === size) return;
    const way = wayOf({ record, chunks, missing });
    const isWhole = way === "whole";
    if (way === "scattered") {
      this.#isScattered = true;
      if (missing.length === 0) return;
      this.downloads.push({ digest, size, kind: "pack", chunks: missing, isWhole: false, sink: this.#chunkFiles });
      return;
    }
    const file = new PackFile(transaction.directory, record);
    this.#packFiles.set(digest, file);
    const copy = (chunk: WantedChunk): boolean => this.#copyTo(file, chunk);
    const wanted = isWhole ? missing : await lacking(chunks, copy, this.#target.turns);
    file.close();
    if (wanted.length > 0) this.downloads.push({ digest, size, kind: "pack", chunks: wanted, isWhole, sink: file });
  }

  /** Plans the packs of the layout, and reads the chunks for new ones that it has: those that are damaged are received too. */
  async prepare(): Promise<void> {
    const { metadata, packed } = this.#header;
    const { table } = packed;
    const sizes = new Map(packed.chunks.map(({ digest, size }) => [digest, size]));
    this.#form = this.#planForm(chunksInWalkOrder(metadata, (digest) => sizes.get(digest) ?? 0));
    const wanted = new Set(this.downloads.flatMap(({ chunks }) => chunks.map(({ digest }) => digest)));
    const rest = this.#form.fresh.flat().filter(({ digest }) => !wanted.has(digest));
    const placed = rest.map(({ digest }) => ({ digest, ...placeOf(table.find(digest)) }));
    const copy = (chunk: WantedChunk & Place): boolean =>
      this.#packFiles.has(table.packs[chunk.pack]?.digest ?? "") || this.#chunkFiles.copy(chunk, this.#local);
    for (const chunk of await lacking(placed, copy, this.#target.turns)) {
      const { digest, size } = table.packs[chunk.pack];
      this.downloads.push({ digest, size, kind: "pack", chunks: [chunk], isWhole: false, sink: this.#chunkFiles });
    }
  }

  #copyTo(file: PackFile, chunk: WantedChunk): boolean {
    const bytes = this.#local.has(chunk) ? this.#local.read(chunk) : undefined;
    if (bytes === undefined) return false;
    file.receive(bytes, chunk.offset);
    return true;
  }

  async end(platform: Platform): Promise<Pulled> {
    const { turns, layout, transaction } = this.#target;
    const made = new Map<string, StagedBlob>();
    for (const [digest, file] of this.#packFiles) made.set(digest, await file.finish(turns));
    const header = this.#header;
    const plan = this.#form;
    const documents = { metadata: header.packed.metadata, manifest: header.manifest, config: header.packed.config };
    const parts = { ...documents, platform, read: (chunk: Chunk) => this.#read(chunk) };
    const form = await stagePackedForm({ layout, transaction, turns }, parts, plan);
    const kept = new Set(plan.kept.map(({ digest }) => digest));
    for (const [digest, file] of this.#packFiles) if (!kept.has(digest)) file.remove();
    const used = [...made].flatMap(([digest, blob]) => (kept.has(digest) ? [blob] : []));
    for (const { digest } of this.#chunkFiles.staged()) this.#chunkFiles.remove(digest);
    const newPacks = form.packs - form.keptPacks + used.length;
    return { manifest: form.manifest, staged: [...form.staged, ...used], packs: form.packs, newPacks };
  }

  salvage(): StagedBlob[] {
    const staged = this.#chunkFiles.staged();
    for (const file of this.#packFiles.values()) {
      for (const chunk of file.received) {
        const bytes = file.read(chunk);
        if (bytes !== undefined) staged.push(this.#target.transaction.writeBlob(bytes));
      }
      file.remove();
    }
    return staged;
  }

  /** The registry's packs if all of them are there; otherwise those that are there, of this image and of others in the layout. */
  #planForm(chunks: readonly Chunk[]): PackPlan {
    const { table } = this.#header.packed;
    const find = table.find.bind(table);
    if (!this.#isScattered)
      return { kept: [...table.packs], fresh: [], places: chunks.map(({ digest }) => placeOf(find(digest))) };
    const { blobs } = this.#target.layout;
    const isThere = ({ digest, size }: PackRecord): boolean =>
      this.#packFiles.has(digest) || blobs.size(digest) === size;
    const sources = [{ packs: table.packs, find }, ...this.#local.sources];
    const there = new Set(sources.flatMap(({ packs }) => packs.filter(isThere)).map(({ digest }) => digest));
    return planPacks(chunks, new PackUnion(sources, (digest) => there.has(digest)));
  }

  #read(chunk: Chunk): Uint8Array {
    // Its file stays until the pack is whole: after a failure, or a kill, nothing else has the chunk.
    const arrived = this.#chunkFiles.read(chunk);
    if (arrived !== undefined) return arrived;
    const { table } = this.#header.packed;
    const place = placeOf(table.find(chunk.digest));
    const file = this.#packFiles.get(table.packs[place.pack]?.digest ?? "");
    const made = file?.read({ ...chunk, offset: place.offset });
    if (made === undefined)
      throw new IntegrityError(`blob sha256:${chunk.digest}`, "missing", "it was removed or damaged meanwhile");
    return made;
  }
}

function placeOf<T>(place: T | undefined): T {
  if (place === undefined) throw new Error("a chunk of the metadata is not in its index");
  return place;
}

function contents({ packed }: Header, isThere: (chunk: WantedChunk) => boolean): PackContent[] {
  const { table, chunks } = packed;
  const placed = chunks.map(({ digest }, rank) => ({ digest, ...table.at(rank) }));
  return packContents(table.packs, placed, isThere);
}
