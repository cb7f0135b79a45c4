import { EAGAIN, EINTR, EIO, ENODEV, ENOENT, ENOSYS, EPROTO, errnoName, messageOf } from "@puzzlefs/linux";
import type { LogLevel } from "./daemon/log-level.ts";
import type { Channel } from "./device.ts";
import type { Handler } from "./operations/handler.ts";
import type { MountableTree } from "./operations/mountable.ts";
import type { Negotiated } from "./operations/negotiation.ts";
import { handlers } from "./operations/operations.ts";
import { WaitingRequests } from "./waiting-requests.ts";
import { inHeader, Opcode, opcodeName } from "./wire/abi.ts";
import { type Owner, Reply } from "./wire/reply.ts";
import { Request } from "./wire/request.ts";
import type { MessageBuffer } from "./wire/message-buffer.ts";

/** Requests answered in a row before the event loop handles signals and timers. */
const BATCH = 64;
/** Times that one request waits for content: what arrives may be dropped again before it is read, but not so often. */
const MOST_WAITS = 16;
/** The result of a request that is answered later. */
const LATER = Number.NEGATIVE_INFINITY;

/** Memory of the request that is being answered. Its length, the first word, is 0 once it is answered. */
export interface RequestMemory {
  readonly buffer: MessageBuffer;
  /** Number of times that a session took over the request from another, which had not answered it. */
  replays: number;
  /** The number of the session that read the request, where sessions share the memory. */
  reader: number;
  /** WAITING_BYTES for requests that are answered later. */
  readonly waiting?: MessageBuffer;
}

export interface SessionOptions {
  owner?: Owner;
  /** False: no caller may see names of trusted attributes, as user 0 is not the machine's root. */
  inInitialUserNamespace?: boolean;
  /** The pid of the process that mounts an overlay over it. */
  overlayMounter?: number;
  /** Memory that outlives this process, so that another session can answer the request that this one could not. */
  requestMemory?: RequestMemory;
  /** Its number among the sessions that share the memory; its successor has the same. */
  number?: number;
  /** From replyBuffer(), for sessions that share it. */
  replyMemory?: MessageBuffer;
  log: (level: LogLevel, message: string) => void;
  /** Called for every request that gets an answer, for --debug. */
  trace?: (line: string) => void;
}

/**
 * Answers the requests of one FUSE connection, one after the other, on the calling thread, when its event loop reports
 * that the device is readable. Its only state is the buffers: another session, in another thread or after a restart, may go on
 * with the same channel.
 *
 * A read of content that the tree does not have yet (MountableTree.arrival) waits, and holds up no other request. An INTERRUPT ends it
 * with EINTR.
 */
export class Session {
  readonly #channel: Channel;
  readonly #options: SessionOptions;
  readonly #tree: MountableTree;
  readonly #request: Request;
  readonly #reply: Reply;
  readonly #waiting: WaitingRequests;
  /** How often each request that waits has waited. */
  readonly #waits = new Map<number, number>();
  readonly #handlers: Handler[];
  readonly #ready = Promise.withResolvers<Negotiated>();
  readonly #ended = Promise.withResolvers<void>();
  #open = true;

  constructor(channel: Channel, tree: MountableTree, options: SessionOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#tree = tree;
    this.#request = new Request(options.requestMemory?.buffer);
    this.#waiting = new WaitingRequests(options.requestMemory?.waiting);
    this.#reply = new Reply(options.owner, options.replyMemory);
    const settled = (outcome: Negotiated): void => this.#ready.resolve(outcome);
    const mayTrust = options.inInitialUserNamespace ?? true;
    this.#handlers = handlers(tree, this.#reply, mayTrust, settled, options.overlayMounter);
    // Not every caller waits for both.
    this.#ready.promise.catch(() => undefined);
    this.#ended.promise.catch(() => undefined);
  }

  /** Settles when INIT is answered: the mount is usable. Rejected if the kernel is too old, or unmounts before. */
  get ready(): Promise<Negotiated> {
    return this.#ready.promise;
  }

  /** Settles when the file system is unmounted and its last user gone. Rejected if the channel fails. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Begins to serve, first the requests that another session has left unanswered. The channel is closed when the session ends. */
  start(): void {
    const { requestMemory, number = 0 } = this.#options;
    const isOwn = requestMemory === undefined || requestMemory.reader === number;
    const left = isOwn ? this.#request.buffer.get32(inHeader.len) : 0;
    if (left !== 0) this.#guard(() => this.#replay(left));
    for (const unique of this.#waiting.uniques) this.#guard(() => this.#resume(unique));
    if (!this.#open) return;
    this.#channel.watch(() =>
      this.#guard(() => {
        for (let count = 0; count < BATCH && this.#step(); count++);
      }),
    );
  }

  #guard(serve: () => void): void {
    try {
      serve();
    } catch (error) {
      this.#end(error);
    }
  }

  /** It is unknown whether the other session answered before it died; the kernel refuses a second reply with ENOENT. */
  #replay(length: number): void {
    const { requestMemory } = this.#options;
    if (requestMemory !== undefined) requestMemory.replays++;
    this.#request.length = length;
    this.#answer();
    if (requestMemory !== undefined) requestMemory.replays = 0;
    this.#request.buffer.put32(inHeader.len, 0);
  }

  /** Answers a request that has waited, or lets it wait again. With an error it gets EIO. */
  #resume(unique: number, error?: unknown): void {
    // It may have been interrupted meanwhile.
    if (!this.#open || !this.#waiting.has(unique)) return;
    const request = this.#request;
    request.length = this.#waiting.load(unique, request.buffer);
    if (error === undefined) this.#answer();
    else {
      this.#logError(error);
      this.#finish(request.opcode, -EIO, 0);
    }
    request.buffer.put32(inHeader.len, 0);
  }

  /** Reads and answers one request. False if there is none now, or the session has ended. */
  #step(): boolean {
    const request = this.#request;
    const { requestMemory, number = 0 } = this.#options;
    if (requestMemory !== undefined) requestMemory.reader = number;
    request.length = this.#channel.read(request.buffer);
    if (request.length <= 0) return this.#readFailed(-request.length);
    this.#answer();
    request.buffer.put32(inHeader.len, 0);
    return this.#open;
  }

  #answer(): void {
    const request = this.#request;
    if (!request.wellFormed) {
      this.#options.log("error", `malformed request of ${request.length} bytes from the kernel, ignored`);
      return;
    }
    const opcode = request.opcode;
    // These two have no reply; there is no lookup count to decrement.
    if (opcode === Opcode.FORGET || opcode === Opcode.BATCH_FORGET) return;
    if (opcode === Opcode.INTERRUPT && this.#tree.arrival !== undefined) return this.#interrupt(request.interrupted);
    const started = this.#options.trace === undefined ? 0 : performance.now();
    const result = this.#handle(opcode);
    this.#finish(opcode, result, this.#options.trace === undefined ? 0 : performance.now() - started);
  }

  #finish(opcode: number, result: number, milliseconds: number): void {
    // Before the reply: a program that has the reply finds the request in the log.
    this.#options.trace?.(this.#describe(opcode, result, milliseconds));
    if (result === LATER) return;
    this.#send(result);
    this.#forget(this.#request.unique);
    if (opcode === Opcode.INIT && result === -EPROTO) {
      this.#end(new Error("this kernel's FUSE protocol is older than 7.31 (Linux 5.4)"));
    }
  }

  #readFailed(errno: number): boolean {
    switch (errno) {
      case EAGAIN:
        return false;
      case EINTR:
      // The request was interrupted.
      case ENOENT:
        return true;
      case ENODEV:
        this.#end(undefined);
        return false;
      default:
        throw new Error(`reading /dev/fuse failed: ${errnoName(errno)}`);
    }
  }

  #end(error: unknown): void {
    if (!this.#open) return;
    this.#open = false;
    this.#channel.close();
    this.#ready.reject(error ?? new Error("unmounted before the mount was complete"));
    if (error === undefined) this.#ended.resolve();
    else this.#ended.reject(error);
  }

  #handle(opcode: number): number {
    try {
      const handler = this.#handlers[opcode];
      return handler === undefined ? -ENOSYS : handler(this.#request, this.#reply);
    } catch (error) {
      if (opcode === Opcode.READ && this.#wait(error)) return LATER;
      this.#logError(error);
      return -EIO;
    }
  }

  /** Lets a read that failed wait for what it lacks, if that may arrive. Returns whether it waits. */
  #wait(error: unknown): boolean {
    const request = this.#request;
    const { unique } = request;
    const arrival = this.#tree.arrival?.(error, request.node, request.readOffset, request.readSize);
    if (arrival === undefined) return false;
    // An arrival that is not waited for may fail later.
    arrival.catch(() => undefined);
    const waits = (this.#waits.get(unique) ?? 0) + 1;
    if (waits > MOST_WAITS || !this.#waiting.add(request.buffer, request.length)) return false;
    this.#waits.set(unique, waits);
    arrival.then(
      () => this.#guard(() => this.#resume(unique)),
      (failure: unknown) => this.#guard(() => this.#resume(unique, failure)),
    );
    return true;
  }

  /** Answers a request that waits with EINTR. INTERRUPT itself has no reply. */
  #interrupt(unique: number): void {
    if (!this.#waiting.has(unique)) return;
    this.#request.length = this.#waiting.load(unique, this.#request.buffer);
    this.#finish(this.#request.opcode, -EINTR, 0);
  }

  #forget(unique: number): void {
    if (this.#waiting.size === 0) return;
    this.#waits.delete(unique);
    this.#waiting.remove(unique);
  }

  #logError(error: unknown): void {
    const { opcode, node } = this.#request;
    this.#options.log("error", `${opcodeName(opcode)} of inode ${node}: ${messageOf(error)}`);
  }

  #send(result: number): void {
    const reply = this.#reply;
    const length = reply.finish(Math.max(result, 0), Math.max(-result, 0), this.#request.buffer);
    const sent = this.#channel.write(reply.buffer, length);
    if (sent < 0) this.#sendFailed(-sent, result);
  }

  #sendFailed(errno: number, result: number): void {
    // ENOENT: the calling process was killed meanwhile. ENODEV: unmounted, which the next read will return, too.
    if (errno === ENOENT || errno === ENODEV) return;
    const { opcode, node } = this.#request;
    this.#options.log("error", `reply to ${opcodeName(opcode)} of inode ${node} refused: ${errnoName(errno)}`);
    // The calling process still waits for a reply.
    if (result >= 0) this.#send(-EIO);
  }

  #describe(opcode: number, result: number, milliseconds: number): string {
    const { unique, node, pid } = this.#request;
    const outcome = result === LATER ? "waits" : result < 0 ? errnoName(-result) : `${result} bytes`;
    const again = (this.#options.requestMemory?.replays ?? 0) > 0 ? "again " : "";
    return `${unique} ${again}${opcodeName(opcode)} inode ${node} pid ${pid}${this.#detail(opcode)} → ${outcome}, ${Math.round(milliseconds * 1000)} µs`;
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
        return ` ${JSON.stringify(Buffer.from(request.xattrName).toString())} ${request.xattrSize}`;
      case Opcode.LISTXATTR:
        return ` ${request.xattrSize}`;
      case Opcode.INIT:
        return ` ${request.initMajor}.${request.initMinor} flags ${(request.initFlags >>> 0).toString(16)} ${request.initFlags2.toString(16)}`;
      default:
        return "";
    }
  }
}
