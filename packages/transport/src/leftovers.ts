import { originalName, sha256Hex, type StagedBlob } from "@puzzlefs/oci";
import { ChunkFiles, readPart } from "./chunk-files.ts";
import type { WantedChunk } from "./download.ts";
import { PackFile } from "./pack-file.ts";
import type { PullTarget } from "./pull-target.ts";

/** Chunks of an image, and in which pack of the registry they are. */
export type ExpectedChunk = WantedChunk & { pack?: string };

/** The chunks of an image that pulls had received when they were killed. No record is needed: what has the digest of a chunk is that chunk. */
export class Leftovers {
  readonly #files: ChunkFiles;
  readonly #sizes = new Map<string, number>();

  private constructor({ transaction }: PullTarget) {
    this.#files = new ChunkFiles(transaction.directory, "left");
  }

  /** Takes what dead writers left. The rest of it is removed. */
  static async take(target: PullTarget, chunks: readonly ExpectedChunk[]): Promise<Leftovers> {
    const { transaction, turns } = target;
    const left = new Leftovers(target);
    const isWanted = (name: string): boolean => ChunkFiles.isName(name) || PackFile.digestOf(name) !== undefined;
    const names = await transaction.inheritAsync(turns, isWanted);
    if (names.length === 0) return left;
    const sizes = new Map(chunks.map(({ digest, size }) => [digest, size]));
    const packs = Map.groupBy(chunks, ({ pack }) => pack);
    const largest = chunks.reduce((most, { size }) => Math.max(most, size), 0);
    for (const name of names) {
      const pack = PackFile.digestOf(originalName(name));
      if (pack === undefined) {
        if (left.#adopt(target, name, sizes, largest)) continue;
      } else {
        for (const chunk of packs.get(pack) ?? []) {
          left.#copy(target, name, chunk);
          if (turns.isDue) await turns.take();
        }
      }
      transaction.directory.removeFile(name);
      if (turns.isDue) await turns.take();
    }
    return left;
  }

  has({ digest, size }: { digest: string; size: number }): boolean {
    return this.#sizes.get(digest) === size;
  }

  read(chunk: { digest: string; size: number }): Buffer | undefined {
    return this.has(chunk) ? this.#files.read(chunk) : undefined;
  }

  staged(): StagedBlob[] {
    return this.#files.staged();
  }

  /** Keeps a file if all of it is one of the chunks. */
  #adopt({ transaction }: PullTarget, name: string, sizes: ReadonlyMap<string, number>, largest: number): boolean {
    const size = transaction.directory.fileSize(name) ?? 0;
    const bytes = size > largest ? undefined : readPart(transaction.directory, name, 0, size);
    const digest = bytes === undefined ? "" : sha256Hex(bytes);
    if (sizes.get(digest) !== size || this.#sizes.has(digest)) return false;
    this.#files.adopt(digest, name);
    this.#sizes.set(digest, size);
    return true;
  }

  /** Keeps a chunk of a pack if it is there. */
  #copy({ transaction }: PullTarget, name: string, chunk: WantedChunk): void {
    const { digest, offset, size } = chunk;
    if (this.#sizes.has(digest)) return;
    const bytes = readPart(transaction.directory, name, offset, size);
    if (bytes === undefined || sha256Hex(bytes) !== digest) return;
    this.#files.add(chunk, bytes);
    this.#sizes.set(digest, size);
  }
}
