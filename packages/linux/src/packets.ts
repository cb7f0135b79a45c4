/** Unix sockets of type SOCK_SEQPACKET: whole messages, each with descriptors. */
import { close } from "./descriptors.ts";
import { EAGAIN, ECONNREFUSED, ECONNRESET, EINTR, ENOENT, EPIPE } from "./errno.ts";
import { addressOf, bind, check } from "./library.ts";
import { O_CLOEXEC } from "./open-flags.ts";
import { withWorkingDirectory } from "./privileges.ts";
import { unixAddress } from "./sockets.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = O_CLOEXEC;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SCM_RIGHTS = 1;

/** Connections that may wait to be accepted: the kernel's own limit (net.core.somaxconn). */
const BACKLOG = 4096;
/** Descriptors of one message. */
export const MOST_DESCRIPTORS = 4;

const makeSocket = bind("int socket(int domain, int type, int protocol)");
const makePair = bind("int socketpair(int domain, int type, int protocol, void *pair)");
const bindNative = bind("int bind(int fd, const void *address, int length)");
const listenNative = bind("int listen(int fd, int backlog)");
const connectNative = bind("int connect(int fd, const void *address, int length)");
const acceptNative = bind("int accept4(int fd, void *address, void *length, int flags)");
const optionOf = bind("int getsockopt(int fd, int level, int option, void *value, void *length)");
const sendNative = bind("int64_t sendmsg(int fd, const void *message, int flags)");
const receiveNative = bind("int64_t recvmsg(int fd, void *message, int flags)");

export interface Packet {
  bytes: Buffer;
  /** Close-on-exec; the receiver closes them. */
  descriptors: number[];
}

/** A connected pair, close-on-exec. */
export function packetPair(): [number, number] {
  const pair = new Int32Array(2);
  check(makePair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)), "socketpair");
  return [pair[0], pair[1]];
}

/** Makes a socket `name` in a directory, and listens. Throws EADDRINUSE. */
export function listenAt(directory: number, name: string): number {
  const socket = packetSocket(SOCK_NONBLOCK);
  try {
    const address = unixAddress(name);
    withWorkingDirectory(directory, () => check(bindNative(socket, address, address.length), "bind", () => name));
    check(listenNative(socket, BACKLOG), "listen");
    return socket;
  } catch (error) {
    close(socket);
    throw error;
  }
}

/**
 * Connects to the socket `name` in a directory; undefined if there is none, or no process listens any more. Throws EAGAIN if too
 * many wait already.
 */
export function connectAt(directory: number, name: string): number | undefined {
  const socket = packetSocket(SOCK_NONBLOCK);
  const address = unixAddress(name);
  const connected = (): number => connectNative(socket, address, address.length);
  let result: number;
  do result = withWorkingDirectory(directory, connected);
  while (result === -EINTR);
  if (result === 0) return socket;
  close(socket);
  if (result === -ECONNREFUSED || result === -ENOENT) return undefined;
  check(result, "connect", () => name);
  return undefined;
}

/** A connection that waits; undefined if there is none. */
export function accept(listener: number): number | undefined {
  for (;;) {
    const result = acceptNative(listener, null, null, SOCK_CLOEXEC);
    if (result === -EAGAIN) return undefined;
    if (result !== -EINTR) return check(result, "accept");
  }
}

/** The user at the other end when it connected, or when it began to listen. */
export function peerUser(socket: number): number {
  // struct ucred: pid, uid, gid.
  const credentials = new Uint32Array(3);
  const size = new Uint32Array([credentials.byteLength]);
  const [value, length] = [new Uint8Array(credentials.buffer), new Uint8Array(size.buffer)];
  check(optionOf(socket, SOL_SOCKET, SO_PEERCRED, value, length), "getsockopt");
  return credentials[1];
}

/**
 * Sends a message without waiting. False if there is no room for it now.
 *
 * Throws EPIPE or ECONNRESET if the other end is closed.
 */
export function sendPacket(socket: number, bytes: Buffer, descriptors: readonly number[] = []): boolean {
  const message = new Message(bytes.length);
  message.body.set(bytes);
  message.give(descriptors);
  for (;;) {
    const result = sendNative(socket, message.header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (result === -EAGAIN) return false;
    if (result === -EINTR) continue;
    check(result, "sendmsg");
    return true;
  }
}

/** For messages of at most `limit` bytes. */
export class PacketReceiver {
  readonly #message: Message;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#message = new Message(limit);
  }

  /**
   * The next message; "none" if there is none now, "end" if the other end is closed. With `wait` it waits. Throws Error for a message
   * that is too long, or has too many descriptors.
   */
  receive(socket: number, wait = false): Packet | "none" | "end" {
    const message = this.#message;
    message.reset();
    for (;;) {
      const result = receiveNative(socket, message.header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
      if (result === -EINTR) continue;
      if (result === -EAGAIN) return "none";
      if (result === 0 || result === -ECONNRESET || result === -EPIPE) return "end";
      const length = check(result, "recvmsg");
      const descriptors = message.descriptors();
      if ((message.flags & (MSG_TRUNC | MSG_CTRUNC)) === 0)
        return { bytes: Buffer.from(message.body.subarray(0, length)), descriptors };
      for (const descriptor of descriptors) close(descriptor);
      throw new Error(`a message of more than ${this.#limit} bytes or ${MOST_DESCRIPTORS} descriptors`);
    }
  }
}

function packetSocket(flags: number): number {
  return check(makeSocket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0), "socket");
}

const IOVEC = 56;
const CONTROL = 72;
/** struct cmsghdr: size_t length, int level, int type. */
const CONTROL_HEAD = 16;
const CONTROL_BYTES = CONTROL_HEAD + 4 * MOST_DESCRIPTORS;
const BODY = CONTROL + CONTROL_BYTES;

/** A struct msghdr (64-bit layout) and all that it points to, in one buffer of more than 64 bytes, whose memory does not move. */
class Message {
  readonly header: Buffer;
  readonly body: Buffer;
  readonly #words: BigUint64Array;
  readonly #ints: Int32Array;

  constructor(bytes: number) {
    this.header = Buffer.alloc((BODY + bytes + 7) & ~7);
    this.body = this.header.subarray(BODY, BODY + bytes);
    const { buffer, byteOffset, length } = this.header;
    this.#words = new BigUint64Array(buffer, byteOffset, length / 8);
    this.#ints = new Int32Array(buffer, byteOffset, length / 4);
    const base = addressOf(this.header);
    this.#words[16 / 8] = base + BigInt(IOVEC);
    this.#words[24 / 8] = 1n;
    this.#words[IOVEC / 8] = base + BigInt(BODY);
    this.#words[IOVEC / 8 + 1] = BigInt(bytes);
    this.#words[32 / 8] = base + BigInt(CONTROL);
    this.reset();
  }

  /** Makes room for descriptors to come. */
  reset(): void {
    this.#words[40 / 8] = BigInt(CONTROL_BYTES);
    this.#words[CONTROL / 8] = 0n;
    this.#ints[48 / 4] = 0;
  }

  give(descriptors: readonly number[]): void {
    if (descriptors.length > MOST_DESCRIPTORS) throw new RangeError("too many descriptors");
    const length = CONTROL_HEAD + 4 * descriptors.length;
    // A struct cmsghdr without descriptors is refused.
    this.#words[40 / 8] = descriptors.length === 0 ? 0n : BigInt((length + 7) & ~7);
    this.#words[CONTROL / 8] = BigInt(length);
    this.#ints.set([SOL_SOCKET, SCM_RIGHTS, ...descriptors], CONTROL / 4 + 2);
  }

  get flags(): number {
    return this.#ints[48 / 4];
  }

  descriptors(): number[] {
    const at = CONTROL / 4 + 2;
    if (this.#words[40 / 8] === 0n || this.#ints[at] !== SOL_SOCKET || this.#ints[at + 1] !== SCM_RIGHTS) return [];
    const count = (Number(this.#words[CONTROL / 8]) - CONTROL_HEAD) / 4;
    return [...this.#ints.subarray(at + 2, at + 2 + Math.max(0, Math.min(count, MOST_DESCRIPTORS)))];
  }
}
