import { close, hasCode, type Packet, PacketReceiver, sendPacket, watch, watchWritable } from "@puzzlefs/linux";

/** Bytes of a message. */
const LONGEST = 65_536;

/** A message that may be out of date when there is room for it: undefined then. */
type Outgoing = () => { message: object; descriptors: readonly number[] } | undefined;

export interface ConnectionEvents {
  /** `descriptors` belong to the receiver. */
  message(message: Record<string, unknown>, descriptors: number[]): void;
  /** The other end is closed, or sent what is no message. Not after close(). */
  closed(): void;
}

/**
 * Messages of JSON with descriptors, over a socket of whole packets. It never waits: a process at the other end that does not
 * read, because its store does not answer, delays its own messages only.
 */
export class Connection {
  readonly #socket: number;
  readonly #events: ConnectionEvents;
  readonly #receiver = new PacketReceiver(LONGEST);
  readonly #reading: { close(): void };
  #writing: { close(): void } | undefined;
  #waiting: Outgoing[] = [];
  #open = true;

  /** Takes ownership of `socket`. */
  constructor(socket: number, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#reading = watch(socket, () => this.#receive());
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Sends a message, after those that wait. Without effect if the other end is closed, which `closed` reports. */
  send(message: object, descriptors: readonly number[] = []): void {
    this.sendLater(() => ({ message, descriptors }));
  }

  /** The same of a message that is made when there is room for it. */
  sendLater(outgoing: Outgoing): void {
    if (!this.#open) return;
    this.#waiting.push(outgoing);
    if (this.#writing === undefined) this.#flush();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#waiting = [];
    this.#writing?.close();
    this.#reading.close();
    close(this.#socket);
  }

  #flush(): void {
    for (let next = this.#waiting[0]; this.#open && next !== undefined; next = this.#waiting[0]) {
      const outgoing = next();
      if (outgoing !== undefined && !this.#sent(outgoing.message, outgoing.descriptors)) {
        this.#writing ??= watchWritable(this.#socket, () => this.#flush());
        return;
      }
      this.#waiting.shift();
    }
    this.#writing?.close();
    this.#writing = undefined;
  }

  #sent(message: object, descriptors: readonly number[]): boolean {
    try {
      return sendPacket(this.#socket, Buffer.from(JSON.stringify(message)), descriptors);
    } catch (error) {
      // What the other end sent before is still to be received, and its end after that.
      if (hasCode(error, "EPIPE", "ECONNRESET")) return true;
      throw error;
    }
  }

  #receive(): void {
    while (this.#open) {
      let packet: Packet | "none" | "end";
      let message: unknown;
      try {
        packet = this.#receiver.receive(this.#socket);
        if (packet === "none") return;
        if (packet === "end") return this.#end();
        message = JSON.parse(packet.bytes.toString());
      } catch {
        return this.#end();
      }
      if (typeof message === "object" && message !== null) {
        this.#events.message(message as Record<string, unknown>, packet.descriptors);
        continue;
      }
      for (const descriptor of packet.descriptors) close(descriptor);
      return this.#end();
    }
  }

  #end(): void {
    this.close();
    this.#events.closed();
  }
}
