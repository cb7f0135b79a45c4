import type { ChunkQueue } from "./queue.ts";

const defaultSlabBytes = 2 << 20;
const targetRingBytes = 16 << 20;

/** How much memory a build with chunks of up to `maxChunk` bytes works in. */
export function slabLayout(maxChunk: number): { slabBytes: number; slabs: number } {
  // A slab must hold what was left over from the one before, and a whole chunk beside it.
  const slabBytes = Math.max(defaultSlabBytes, 2 * maxChunk + 65536);
  // Two are being filled (small files and large ones); the others keep the threads busy meanwhile.
  return { slabBytes, slabs: Math.max(4, Math.floor(targetRingBytes / slabBytes)) };
}

/** The memory that files are read into, in slabs that are filled by one thread and emptied by all. */
export class SlabRing {
  readonly slabBytes: number;
  #base: number;
  #queue: ChunkQueue;
  #relieve: () => void;
  #next = 0;

  /** `relieve` is called while no slab is free: it must do some of the work, or wait for others to. */
  constructor(base: number, slabBytes: number, queue: ChunkQueue, relieve: () => void) {
    this.slabBytes = slabBytes;
    this.#base = base;
    this.#queue = queue;
    this.#relieve = relieve;
  }

  /** Whether acquire() would find one at once. */
  get hasFree(): boolean {
    const { slabUsers } = this.#queue;
    for (let slab = 0; slab < slabUsers.length; slab++) if (Atomics.load(slabUsers, slab) === 0) return true;
    return false;
  }

  /** A slab that is not used any more, now in use; `release` it when it has been filled. */
  acquire(): number {
    const { slabUsers } = this.#queue;
    for (;;) {
      for (let tried = 0; tried < slabUsers.length; tried++) {
        const slab = this.#next;
        this.#next = (this.#next + 1) % slabUsers.length;
        if (Atomics.compareExchange(slabUsers, slab, 0, 1) === 0) return slab;
      }
      this.#relieve();
    }
  }

  release(slab: number): void {
    this.#queue.releaseSlab(slab);
  }

  /** Address of the first byte of a slab. */
  address(slab: number): number {
    return this.#base + slab * this.slabBytes;
  }
}
