import { createMemory, EIO, mapMemory, write } from "@puzzlefs/linux";
import type { RequestMemory } from "../session.ts";
import { WAITING_BYTES, WaitingRequests } from "../waiting-requests.ts";
import { inHeader, opcodeName, OUT_HEADER_SIZE, outHeader } from "../wire/abi.ts";
import { REQUEST_BYTES } from "../wire/request.ts";
import { MessageBuffer } from "../wire/message-buffer.ts";

/** The count of replays and the reader are stored behind the request, where the kernel does not write, and behind them the requests that wait. */
const PAGE = 4096;
const WAITING_START = REQUEST_BYTES + PAGE;
const BYTES = WAITING_START + Math.ceil(WAITING_BYTES / PAGE) * PAGE;

/**
 * The request that is being answered, and those that are answered later, in memory that outlives the process that answers it. The kernel writes it there,
 * length first, before it marks the request as sent: so it is not lost when the process dies.
 */
export class SharedRequest implements RequestMemory {
  readonly buffer: MessageBuffer;
  readonly waiting: MessageBuffer;
  readonly #state: Uint32Array;

  /** A descriptor for new memory. */
  static create(): number {
    return createMemory("puzzlefs-request", BYTES);
  }

  constructor(descriptor: number) {
    const memory = mapMemory(descriptor, BYTES);
    this.buffer = new MessageBuffer(REQUEST_BYTES, memory);
    this.#state = new Uint32Array(memory, REQUEST_BYTES, 2);
    this.waiting = new MessageBuffer(WAITING_BYTES, memory, WAITING_START);
  }

  get replays(): number {
    return this.#state[0];
  }

  set replays(count: number) {
    this.#state[0] = count;
  }

  get reader(): number {
    return this.#state[1];
  }

  set reader(session: number) {
    this.#state[1] = session;
  }

  /** Whether the request is not answered yet. */
  get outstanding(): boolean {
    return this.buffer.get32(inHeader.len) !== 0;
  }

  /** The last request and whether it is answered, as text to compare. */
  get progress(): string {
    return `${this.buffer.get64(inHeader.unique)} ${this.outstanding}`;
  }

  /** For messages. */
  get title(): string {
    return `${opcodeName(this.buffer.get32(inHeader.opcode))} of inode ${this.buffer.get64(inHeader.nodeid)}`;
  }

  /** Answers the request with EIO through `device`, because processes die of it. */
  refuse(device: number): void {
    const reply = new MessageBuffer(OUT_HEADER_SIZE);
    reply.put32(outHeader.len, OUT_HEADER_SIZE);
    reply.put32(outHeader.error, -EIO);
    reply.copy64(outHeader.unique, this.buffer, inHeader.unique);
    // ENOENT: the dead server had answered it.
    write(device, reply.bytes, OUT_HEADER_SIZE);
    // It may have waited.
    new WaitingRequests(this.waiting).remove(this.buffer.get64(inHeader.unique));
    this.forget();
  }

  /** Its file system is gone. */
  forget(): void {
    this.buffer.put32(inHeader.len, 0);
    this.replays = 0;
  }
}
