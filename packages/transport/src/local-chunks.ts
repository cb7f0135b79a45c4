import { KnownPacks, type PackSource } from "@puzzlefs/builder/packed";
import { type BlobStore, type Layout, LayoutError, type Turns } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import type { Leftovers } from "./leftovers.ts";

interface SizedChunk {
  digest: string;
  size: number;
}

/** The chunks that a layout has, as blobs of their own, in packs of its images, or left by a pull that was killed. gc keeps these until it is disposed of. */
export class LocalChunks implements Disposable {
  readonly #layout: Layout;
  readonly #packs: KnownPacks;
  readonly #leftovers: Leftovers;
  readonly #names: ReadonlySet<string>;
  /** Those whose bytes were wrong. */
  readonly #damaged = new Set<string>();

  /** @param tag the image of this tag is looked at first */
  constructor(
    layout: Layout,
    tag: string,
    wanted: readonly SizedChunk[],
    leftovers: Leftovers,
    warn: (message: string) => void,
  ) {
    this.#layout = layout;
    this.#leftovers = leftovers;
    this.#packs = new KnownPacks(layout, warn);
    this.#names = new Set(layout.blobs.list());
    try {
      let missing = wanted.filter((chunk) => !this.has(chunk));
      const isEnough = (): boolean => (missing = missing.filter((chunk) => !this.has(chunk))).length === 0;
      if (missing.length > 0) this.#packs.openLikely(tag, {});
      this.#packs.openOthers(isEnough);
    } catch (error) {
      this.#packs[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#packs[Symbol.dispose]();
  }

  /** The packs of the images. */
  get sources(): readonly PackSource[] {
    return this.#packs.sources;
  }

  has(chunk: SizedChunk): boolean {
    if (this.#damaged.has(chunk.digest)) return false;
    return this.isLoose(chunk) || this.#packs.size(chunk.digest) === chunk.size || this.#leftovers.has(chunk);
  }

  /** Whether it is a blob of its own. */
  isLoose({ digest, size }: SizedChunk): boolean {
    return !this.#damaged.has(digest) && this.#names.has(digest) && this.#layout.blobs.size(digest) === size;
  }

  /** The bytes of a chunk, which are checked; undefined if they are damaged or gone: from then on the layout does not have it. */
  read({ digest, size }: SizedChunk): Buffer | undefined {
    const stores: (BlobStore | undefined)[] = [
      this.#names.has(digest) ? this.#layout.blobs : undefined,
      this.#packs.storeOf(digest),
    ];
    for (const store of stores) {
      try {
        const bytes = store?.read(digest, size);
        if (bytes?.length === size) return bytes;
      } catch (error) {
        if (!(error instanceof LayoutError || error instanceof IntegrityError)) throw error;
      }
    }
    const left = this.#leftovers.read({ digest, size });
    if (left !== undefined) return left;
    this.#damaged.add(digest);
    return undefined;
  }
}

/** The chunks that `copy` does not find. */
export async function lacking<T>(chunks: readonly T[], copy: (chunk: T) => boolean, turns: Turns): Promise<T[]> {
  const lacks: T[] = [];
  for (const chunk of chunks) {
    if (!copy(chunk)) lacks.push(chunk);
    if (turns.isDue) await turns.take();
  }
  return lacks;
}
