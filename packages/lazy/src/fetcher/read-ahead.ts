import type { ChunkPlan, RemoteChunk } from "../chunk-plan.ts";
import type { ChunkRange } from "./transfer.ts";

const SMALLEST_WINDOW = 64 << 10;
const LARGEST_WINDOW = 1 << 20;
/** A read that begins so near behind the last one of its blob goes on with it. */
const NEAR = 128 << 10;

interface Stream {
  /** Where the last request of the blob ended. */
  end: number;
  window: number;
}

/** How much is requested behind a wish: packs are in the order of files, so what is read in sequence is there. Doubled as reads go on. */
export class ReadAhead {
  readonly #plan: ChunkPlan;
  readonly #streams = new Map<string, Stream>();

  constructor(plan: ChunkPlan) {
    this.#plan = plan;
  }

  /** The end of the range to request for a range of wishes. What `isKnown` is not requested again at the end of it. */
  extend({ first, end }: ChunkRange, isKnown: (chunk: RemoteChunk) => boolean): number {
    const { blob, offset } = this.#plan.at(first);
    const stream = this.#streams.get(blob);
    const goesOn = stream !== undefined && offset >= stream.end && offset - stream.end <= NEAR;
    const window = goesOn ? Math.min(2 * stream.window, LARGEST_WINDOW) : SMALLEST_WINDOW;
    let last = this.#plan.at(end - 1);
    let until = end;
    for (let next = end; next < this.#plan.length; next++) {
      const chunk = this.#plan.at(next);
      if (chunk.blob !== blob || chunk.offset + chunk.size - offset > window || isKnown(chunk)) break;
      last = chunk;
      until = next + 1;
    }
    this.#streams.set(blob, { end: last.offset + last.size, window });
    return until;
  }
}
