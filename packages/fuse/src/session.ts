import { readSync, writeSync } from "node:fs";
import type { LogLevel } from "./daemon/log.ts";
import type { Handler } from "./operations/handler.ts";
import type { MountableTree } from "./operations/mountable.ts";
import type { Negotiated } from "./operations/negotiation.ts";
import { handlers } from "./operations/operations.ts";
import { Opcode, opcodeName } from "./wire/abi.ts";
import { EIO, ENOSYS, EPROTO, errnoName, errorCode } from "./wire/errno.ts";
import { type Owner, Reply } from "./wire/reply.ts";
import { Request, REQUEST_BYTES } from "./wire/request.ts";

export interface SessionOptions {
  owner?: Owner;
  log: (level: LogLevel, message: string) => void;
  /** Called for every request that was answered, for --debug. */
  trace?: (line: string) => void;
}

/**
 * Answers the requests of one FUSE connection, one after the other, on the calling thread. The only state is the
 * buffers: any number of sessions may serve the same device at once.
 */
export class Session {
  readonly #device: number;
  readonly #options: SessionOptions;
  readonly #request = new Request();
  readonly #reply: Reply;
  readonly #handlers: Handler[];
  #negotiated: Negotiated | undefined;
  #refused = false;
  #open = true;

  /** @param device a descriptor of /dev/fuse that is, or is about to be, mounted */
  constructor(device: number, tree: MountableTree, options: SessionOptions) {
    this.#device = device;
    this.#options = options;
    this.#reply = new Reply(options.owner);
    this.#handlers = handlers(tree, this.#reply, (outcome) => {
      this.#negotiated = outcome;
    });
  }

  /**
   * Serves until INIT is answered; only the first session of a connection does this. Throws when the kernel's
   * protocol is too old or the connection ends before.
   */
  negotiate(): Negotiated {
    while (this.#negotiated === undefined) {
      if (!this.#step()) throw new Error("unmounted before the mount was complete");
      if (this.#refused) throw new Error("this kernel's FUSE protocol is older than 7.31 (Linux 5.4)");
    }
    return this.#negotiated;
  }

  /** Serves until the file system is unmounted. Throws only if the device fails. */
  serve(): void {
    while (this.#step());
  }

  /** Reads and answers one request. False once unmounted. */
  #step(): boolean {
    const request = this.#request;
    try {
      request.length = readSync(this.#device, request.words.bytes, 0, REQUEST_BYTES, null);
    } catch (error) {
      return transient(error);
    }
    if (request.length === 0) return false;
    if (!request.wellFormed) {
      this.#options.log("error", `malformed request of ${request.length} bytes from the kernel, ignored`);
      return true;
    }
    const opcode = request.opcode;
    // The two requests that get no answer; there is no count of lookups to lower.
    if (opcode === Opcode.FORGET || opcode === Opcode.BATCH_FORGET) return true;
    const started = this.#options.trace === undefined ? 0 : performance.now();
    const result = this.#answer(opcode);
    this.#send(result);
    this.#options.trace?.(this.#describe(opcode, result, performance.now() - started));
    if (opcode === Opcode.INIT && result === -EPROTO) this.#refused = true;
    return this.#open;
  }

  #answer(opcode: number): number {
    try {
      const handler = this.#handlers[opcode];
      return handler === undefined ? -ENOSYS : handler(this.#request, this.#reply);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log("error", `${opcodeName(opcode)} of inode ${this.#request.node}: ${reason}`);
      return -EIO;
    }
  }

  #send(result: number): void {
    const reply = this.#reply;
    const length = reply.finish(Math.max(result, 0), Math.max(-result, 0), this.#request.words);
    try {
      writeSync(this.#device, reply.words.bytes, 0, length);
    } catch (error) {
      this.#sendFailed(error, result);
    }
  }

  #sendFailed(error: unknown, result: number): void {
    const code = errorCode(error);
    // ENOENT: whoever asked was killed meanwhile.
    if (code === "ENOENT") return;
    if (code === "ENODEV") {
      this.#open = false;
      return;
    }
    const request = this.#request;
    this.#options.log("error", `reply to ${opcodeName(request.opcode)} of inode ${request.node} refused: ${code ?? error}`);
    // Whoever asked waits for an answer still.
    if (result >= 0) this.#send(-EIO);
  }

  #describe(opcode: number, result: number, milliseconds: number): string {
    const { unique, node, pid } = this.#request;
    const outcome = result < 0 ? errnoName(-result) : `${result} bytes`;
    return `${unique} ${opcodeName(opcode)} inode ${node} pid ${pid}${this.#detail(opcode)} → ${outcome}, ${Math.round(milliseconds * 1000)} µs`;
  }

  #detail(opcode: number): string {
    const request = this.#request;
    switch (opcode) {
      case Opcode.LOOKUP:
        return ` ${JSON.stringify(Buffer.from(request.name).toString())}`;
      case Opcode.READ:
      case Opcode.READDIR:
      case Opcode.READDIRPLUS:
        return ` ${request.readSize} at ${request.readOffset}`;
      case Opcode.GETXATTR:
        return ` ${Buffer.from(request.xattrName).toString()} ${request.xattrSize}`;
      case Opcode.LISTXATTR:
        return ` ${request.xattrSize}`;
      case Opcode.INIT:
        return ` ${request.initMajor}.${request.initMinor} flags ${(request.initFlags >>> 0).toString(16)} ${request.initFlags2.toString(16)}`;
      default:
        return "";
    }
  }
}

/** Whether reading may go on after this error: ENOENT is a request that was withdrawn, ENODEV the unmount. */
function transient(error: unknown): boolean {
  switch (errorCode(error)) {
    case "ENOENT":
    case "EINTR":
    case "EAGAIN":
      return true;
    case "ENODEV":
      return false;
    default:
      throw error;
  }
}
