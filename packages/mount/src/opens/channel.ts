import { Socket } from "node:net";

/** Sent for no inode: the sender is alive. */
const BEAT = 0n;
/** The same: all of the image is in the layout. */
export const COMPLETE = 0xffff_ffff_ffff_ffffn;
const MESSAGE_BYTES = 8;
/** Beats after which a silent end is given up. */
const MOST_SILENT = 4;
/** Milliseconds: on a busy machine a process may not run for some seconds. */
const LEAST_PATIENCE = 10_000;

export interface ChannelUser {
  /** A message: an inode number, or COMPLETE. */
  receive(message: bigint): void;
  /** The other end is closed, or `silent`: it has sent nothing for as long as it may. Called once. */
  ended(silent: boolean): void;
}

/**
 * The listener asks by inode numbers, u64 each, and gets them back when their files can be opened. Each end watches that the other one
 * runs: both send beats. A process that was stopped itself does not take the other one's messages, which it has not read yet, for silence.
 */
export class Channel {
  readonly #socket: Socket;
  readonly #user: ChannelUser;
  readonly #timer: NodeJS.Timeout;
  #rest = Buffer.alloc(0);
  #silent = 0;
  #isOver = false;

  /** @param timeout that of a fetch, milliseconds: an end that is silent for twice as long is given up */
  constructor(descriptor: number, timeout: number, user: ChannelUser) {
    this.#user = user;
    this.#socket = new Socket({ fd: descriptor });
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (part: Buffer) => this.#receive(part));
    this.#socket.once("close", () => this.#end(false));
    this.#timer = setInterval(() => this.#beat(), Math.max(2 * timeout, LEAST_PATIENCE) / MOST_SILENT);
  }

  send(message: bigint): void {
    const bytes = Buffer.alloc(MESSAGE_BYTES);
    bytes.writeBigUInt64LE(message);
    this.#socket.write(bytes);
  }

  #beat(): void {
    if (this.#silent++ >= MOST_SILENT) return this.#end(true);
    this.send(BEAT);
  }

  #receive(part: Buffer): void {
    this.#silent = 0;
    const bytes = Buffer.concat([this.#rest, part]);
    const whole = bytes.length - (bytes.length % MESSAGE_BYTES);
    this.#rest = bytes.subarray(whole);
    for (let at = 0; at < whole; at += MESSAGE_BYTES) {
      const message = bytes.readBigUInt64LE(at);
      if (message !== BEAT) this.#user.receive(message);
    }
  }

  #end(silent: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#socket.destroy();
    this.#user.ended(silent);
  }
}
