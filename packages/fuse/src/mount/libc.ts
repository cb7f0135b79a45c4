import { constants } from "node:fs";
import { endianness } from "node:os";
import { koffi as loadKoffi } from "@puzzlefs/linux";
import { errnoName } from "../wire/errno.ts";

/** A system call failed. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code: string;

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
    this.code = errnoName(errno);
  }
}

/** The few system calls that Node lacks. Each throws SystemCallError unless it says otherwise. */
export interface Libc {
  /** mount(2). `flags` are MS_*. */
  mount(source: string, target: string, type: string, flags: number, data: string): void;
  /** umount2(2). `flags` are MNT_* and UMOUNT_NOFOLLOW. */
  umount(target: string, flags: number): void;
  /** A connected pair of Unix stream sockets, close-on-exec. */
  socketpair(): [number, number];
  /** The descriptor sent over `socket`, close-on-exec; undefined if the other end closed without sending one. */
  receiveDescriptor(socket: number): number | undefined;
  /** Sends a descriptor, and one byte, over `socket`. */
  sendDescriptor(socket: number, descriptor: number): void;
  /** Memory of `bytes`, all zero, that processes can share: a descriptor, close-on-exec. */
  createMemory(name: string, bytes: number): number;
  /** The memory of a descriptor, for as long as this process lives; all of its pages are present. */
  mapMemory(descriptor: number, bytes: number): ArrayBuffer;
  dup2(from: number, to: number): void;
  /** Makes an open directory the root and the working directory of this process. */
  changeRoot(directory: number): void;
  /** Opens for reading below an opened directory, close-on-exec. Returns a negated error number instead of throwing. */
  openAt(directory: number, path: string): number;
  /** A Unix datagram socket, close-on-exec. */
  datagramSocket(): number;
  /** Connects it to the one at `path`, and says whether there is one. */
  connect(socket: number, path: string): boolean;
  /** The same in another thread. */
  connectLater(socket: number, path: string): Promise<boolean>;
  /** Sends a datagram, without waiting. Returns a negated error number instead of throwing. */
  send(socket: number, message: Buffer): number;
  /** read(2). Returns a negated error number instead of throwing, as does write. */
  read(descriptor: number, into: Buffer, length: number): number;
  write(descriptor: number, from: Buffer, length: number): number;
  setNonBlocking(descriptor: number): void;
  /** Has the event loop call back whenever the descriptor is readable or hung up. */
  watch(descriptor: number, callback: () => void): Watch;
}

export interface Watch {
  close(): void;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MFD_CLOEXEC = 1;
const O_CLOEXEC = 0o2000000;
const PROT_READ_WRITE = 3;
const MAP_SHARED_POPULATE = 0x8001;
const F_GETFL = 3;
const F_SETFL = 4;

let loaded: Libc | undefined;

/** Loads koffi on first use: what needs no system call of these starts without it. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const mount = library.func("int mount(const char *, const char *, const char *, unsigned long, const char *)");
  const umount = library.func("int umount2(const char *, int)");
  const socketpair = library.func("int socketpair(int, int, int, _Out_ int *)");
  const recvmsg = library.func("long recvmsg(int, void *, int)");
  const sendmsg = library.func("long sendmsg(int, void *, int)");
  const memfdCreate = library.func("int memfd_create(const char *, unsigned int)");
  const ftruncate = library.func("int ftruncate(int, int64_t)");
  const mmap = library.func("void *mmap(void *, size_t, int, int, int, int64_t)");
  const fchdir = library.func("int fchdir(int)");
  const chroot = library.func("int chroot(const char *)");
  const dup2 = library.func("int dup2(int, int)");
  const openat = library.func("int openat(int, const char *, int, int)");
  const makeSocket = library.func("int socket(int, int, int)");
  const connect = library.func("int connect(int, const void *, int)");
  const send = library.func("long send(int, const void *, size_t, int)");
  const read = library.func("long read(int, void *, size_t)");
  const write = library.func("long write(int, const void *, size_t)");
  const fcntl = library.func("int fcntl(int, int, ...)");
  const check = (call: string, result: number): void => {
    if (result < 0) throw new SystemCallError(call, koffi.errno());
  };

  return {
    mount: (source, target, type, flags, data) => check("mount", mount(source, target, type, flags, data)),
    umount: (target, flags) => check("umount2", umount(target, flags)),
    socketpair: () => {
      const pair = new Int32Array(2);
      check("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
      return [pair[0], pair[1]];
    },
    receiveDescriptor: (socket) => {
      const message = descriptorMessage(koffi.address);
      let received: number;
      do {
        received = recvmsg(socket, message.header, MSG_CMSG_CLOEXEC);
      } while (received < 0 && errnoName(koffi.errno()) === "EINTR");
      check("recvmsg", received);
      return received === 0 ? undefined : message.descriptor();
    },
    sendDescriptor: (socket, descriptor) => {
      const message = descriptorMessage(koffi.address, descriptor);
      check("sendmsg", sendmsg(socket, message.header, MSG_NOSIGNAL));
    },
    createMemory: (name, bytes) => {
      const descriptor: number = memfdCreate(name, MFD_CLOEXEC);
      check("memfd_create", descriptor);
      check("ftruncate", ftruncate(descriptor, bytes));
      return descriptor;
    },
    mapMemory: (descriptor, bytes) => {
      const at: bigint = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, descriptor, 0);
      if (BigInt.asIntN(64, at) === -1n) throw new SystemCallError("mmap", koffi.errno());
      return koffi.view(at, bytes);
    },
    changeRoot: (directory) => {
      check("fchdir", fchdir(directory));
      check("chroot", chroot("."));
    },
    dup2: (from, to) => check("dup2", dup2(from, to)),
    openAt: (directory, path) => {
      const descriptor: number = openat(directory, path, O_CLOEXEC, 0);
      return descriptor < 0 ? -koffi.errno() : descriptor;
    },
    datagramSocket: () => {
      const descriptor: number = makeSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      check("socket", descriptor);
      return descriptor;
    },
    connect: (descriptor, path) => {
      const address = unixAddress(path);
      return connect(descriptor, address, address.length) === 0;
    },
    connectLater: (descriptor, path) =>
      new Promise((settle) => {
        const address = unixAddress(path);
        connect.async(descriptor, address, address.length, (error: unknown, result: number) =>
          settle(error === null && result === 0),
        );
      }),
    send: (descriptor, message) => {
      const result: number = send(descriptor, message, message.length, MSG_NOSIGNAL | MSG_DONTWAIT);
      return result < 0 ? -koffi.errno() : result;
    },
    read: (descriptor, into, length) => {
      const result: number = read(descriptor, into, length);
      return result < 0 ? -koffi.errno() : result;
    },
    write: (descriptor, from, length) => {
      const result: number = write(descriptor, from, length);
      return result < 0 ? -koffi.errno() : result;
    },
    setNonBlocking: (descriptor) => {
      const flags: number = fcntl(descriptor, F_GETFL, "int", 0);
      check("fcntl", flags);
      check("fcntl", fcntl(descriptor, F_SETFL, "int", flags | constants.O_NONBLOCK));
    },
    watch: (descriptor, callback) => koffi.node.poll(descriptor, { readable: true }, callback),
  };
}

/** A struct sockaddr_un. */
function unixAddress(path: string): Buffer {
  const address = Buffer.from(`..${path}\0`);
  if (endianness() === "LE") address.writeUInt16LE(AF_UNIX);
  else address.writeUInt16BE(AF_UNIX);
  return address;
}

/**
 * A struct msghdr (64-bit layout) with one byte and one descriptor: that which is given, or room for one to come. It and
 * what it points to lie in one buffer of more than 64 bytes, whose memory does not move.
 */
function descriptorMessage(
  address: (of: unknown) => bigint,
  sent?: number,
): { header: Buffer; descriptor(): number | undefined } {
  const IOVEC = 56;
  const CONTROL = 72;
  const CONTROL_SIZE = 24;
  const BYTE = 96;
  const header = Buffer.alloc(104);
  const words = new BigUint64Array(header.buffer, header.byteOffset, header.length / 8);
  const base = address(header);
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
