import { inHeader } from "./wire/abi.ts";
import { MessageBuffer } from "./wire/message-buffer.ts";

/** Bytes of the largest request that may wait: READ. */
const SLOT_BYTES = 80;
/** The kernel sends fewer for pages; only reads that bypass the page cache, one of each thread, are not limited by it. */
const MOST_WAITING = 1024;
/** Memory for all of them. */
export const WAITING_BYTES = SLOT_BYTES * MOST_WAITING;

/**
 * Requests that are answered later. Each is copied into a slot of memory that may outlive this process, so that another session
 * can answer what waits. The first word of a slot, the request's length, is 0 while it is free.
 */
export class WaitingRequests {
  readonly #memory: MessageBuffer;
  readonly #free: number[] = [];
  /** Slots by the request's unique number. */
  readonly #used = new Map<number, number>();

  /** @param memory of WAITING_BYTES; requests that another session has left there are waiting */
  constructor(memory = new MessageBuffer(WAITING_BYTES)) {
    this.#memory = memory;
    for (let slot = MOST_WAITING - 1; slot >= 0; slot--) {
      if (this.#word(slot, inHeader.len) === 0) this.#free.push(slot);
      else this.#used.set(memory.get64(slot * SLOT_BYTES + inHeader.unique), slot);
    }
  }

  get size(): number {
    return this.#used.size;
  }

  /** The unique numbers of those that wait. */
  get uniques(): number[] {
    return [...this.#used.keys()];
  }

  has(unique: number): boolean {
    return this.#used.has(unique);
  }

  /** Copies a request. False if too many wait, or it is too large. */
  add(request: MessageBuffer, length: number): boolean {
    const unique = request.get64(inHeader.unique);
    // A session that died had copied it already.
    if (this.#used.has(unique)) return true;
    const slot = length > SLOT_BYTES ? undefined : this.#free.pop();
    if (slot === undefined) return false;
    const at = slot * SLOT_BYTES;
    // The length last: until then the slot is free.
    this.#memory.bytes.set(request.bytes.subarray(4, length), at + 4);
    this.#memory.put32(at + inHeader.len, length);
    this.#used.set(unique, slot);
    return true;
  }

  /** Copies a request that waits into the buffer of the session, and returns its length. It goes on waiting. */
  load(unique: number, into: MessageBuffer): number {
    const at = (this.#used.get(unique) as number) * SLOT_BYTES;
    const length = this.#memory.get32(at + inHeader.len);
    into.bytes.set(this.#memory.bytes.subarray(at + 4, at + length), 4);
    into.put32(inHeader.len, length);
    return length;
  }

  remove(unique: number): void {
    const slot = this.#used.get(unique);
    if (slot === undefined) return;
    this.#used.delete(unique);
    this.#memory.put32(slot * SLOT_BYTES + inHeader.len, 0);
    this.#free.push(slot);
  }

  #word(slot: number, field: number): number {
    return this.#memory.get32(slot * SLOT_BYTES + field);
  }
}
