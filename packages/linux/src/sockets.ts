/** Unix sockets: pairs over which descriptors are passed, and datagrams to the system log. */
import { endianness } from "node:os";
import { EINTR } from "./errno.ts";
import { addressOf, bind, bindAside, check } from "./library.ts";
import { O_CLOEXEC } from "./open-flags.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = O_CLOEXEC;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

const socketpairNative = bind("int socketpair(int domain, int type, int protocol, void *pair)");
const recvmsg = bind("int64_t recvmsg(int fd, void *message, int flags)");
const sendmsg = bind("int64_t sendmsg(int fd, const void *message, int flags)");
const makeSocket = bind("int socket(int domain, int type, int protocol)");
const connectNative = bind("int connect(int fd, const void *address, int length)");
const connectAsideNative = bindAside("int connect(int fd, const void *address, int length)");
const sendNative = bind("int64_t send(int fd, const void *message, size_t length, int flags)");

/** A connected pair of Unix stream sockets, close-on-exec. */
export function socketpair(): [number, number] {
  const pair = new Int32Array(2);
  check(socketpairNative(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)), "socketpair");
  return [pair[0], pair[1]];
}

/** The descriptor sent over `socket`, close-on-exec; undefined if the other end was closed without sending one. */
export function receiveDescriptor(socket: number): number | undefined {
  const message = descriptorMessage();
  let received: number;
  do received = recvmsg(socket, message.header, MSG_CMSG_CLOEXEC);
  while (received === -EINTR);
  return check(received, "recvmsg") === 0 ? undefined : message.descriptor();
}

/** Sends a descriptor, and one byte, over `socket`. */
export function sendDescriptor(socket: number, descriptor: number): void {
  check(sendmsg(socket, descriptorMessage(descriptor).header, MSG_NOSIGNAL), "sendmsg");
}

/** A Unix datagram socket, close-on-exec. */
export function datagramSocket(): number {
  return check(makeSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
}

/** A Unix stream socket, close-on-exec. */
export function streamSocket(): number {
  return check(makeSocket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

/** Connects a socket to the one at `path`; false if there is none. */
export function connect(socket: number, path: string): boolean {
  const address = unixAddress(path);
  return connectNative(socket, address, address.length) === 0;
}

/** The same in another thread. */
export function connectLater(socket: number, path: string): Promise<boolean> {
  const address = unixAddress(path);
  return new Promise((settle) => {
    connectAsideNative([socket, address, address.length], (result) => settle(result === 0));
  });
}

/** Sends a datagram, without waiting. Returns a negated error number instead of throwing. */
export function send(socket: number, message: Buffer): number {
  return sendNative(socket, message, message.length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/** A struct sockaddr_un. */
export function unixAddress(path: string): Buffer {
  const address = Buffer.from(`..${path}\0`);
  if (endianness() === "LE") address.writeUInt16LE(AF_UNIX);
  else address.writeUInt16BE(AF_UNIX);
  return address;
}

/**
 * A struct msghdr (64-bit layout) with one byte and one descriptor: the given one, or room for one to come. It and what
 * it points to are in one buffer of more than 64 bytes, whose memory does not move.
 */
function descriptorMessage(sent?: number): { header: Buffer; descriptor(): number | undefined } {
  const IOVEC = 56;
  const CONTROL = 72;
  const CONTROL_SIZE = 24;
  const BYTE = 96;
  const header = Buffer.alloc(104);
  const words = new BigUint64Array(header.buffer, header.byteOffset, header.length / 8);
  const base = addressOf(header);
  words[16 / 8] = base + BigInt(IOVEC);
  words[24 / 8] = 1n;
  words[32 / 8] = base + BigInt(CONTROL);
  words[40 / 8] = BigInt(CONTROL_SIZE);
  words[IOVEC / 8] = base + BigInt(BYTE);
  words[IOVEC / 8 + 1] = 1n;
  // struct cmsghdr {size_t len; int level; int type}, then the descriptor.
  const control = new Int32Array(header.buffer, header.byteOffset + CONTROL, CONTROL_SIZE / 4);
  if (sent !== undefined) {
    words[CONTROL / 8] = BigInt(CONTROL_SIZE - 4);
    control.set([SOL_SOCKET, SCM_RIGHTS, sent], 2);
  }
  return {
    header,
    descriptor() {
      return control[2] === SOL_SOCKET && control[3] === SCM_RIGHTS ? control[4] : undefined;
    },
  };
}
