import test from "ava";
import { EAGAIN, EINVAL, ENODEV, ENOENT, errnoName } from "@puzzlefs/linux";
import type { Channel } from "./device.ts";
import type { MountableTree } from "./operations/mountable.ts";
import { MemoryTree } from "../../../test/fuse-memory/memory-tree.ts";
import { Session, type SessionOptions } from "./session.ts";
import { IN_HEADER_SIZE, inHeader, InitFlag, InitFlag2, initOut, Opcode, READ_IN_SIZE } from "./wire/abi.ts";
import { bodyOf, type FakeRequest, putRequest, wide } from "./wire/request-fixture.ts";
import { REQUEST_BYTES } from "./wire/request.ts";
import { MessageBuffer } from "./wire/message-buffer.ts";

interface Answer {
  unique: number;
  error: string;
  body: Buffer;
}

/** Plays the kernel: hands out requests, or error numbers, and collects the answers. */
class FakeChannel implements Channel {
  readonly answers: Answer[] = [];
  /** Error number for the next write. */
  refuse = 0;
  closed = false;
  #queue: (FakeRequest | number)[] = [];
  #callback = (): void => undefined;

  read(into: MessageBuffer): number {
    const next = this.#queue.shift();
    if (next === undefined) return -EAGAIN;
    return typeof next === "number" ? -next : putRequest(into, next);
  }

  write(from: MessageBuffer, length: number): number {
    if (this.refuse !== 0) {
      const errno = this.refuse;
      this.refuse = 0;
      return -errno;
    }
    const bytes = Buffer.from(from.bytes.subarray(0, length));
    const error = -bytes.readInt32LE(4);
    this.answers.push({
      unique: bytes.readUInt32LE(8),
      error: error === 0 ? "" : errnoName(error),
      body: bytes.subarray(16),
    });
    return length;
  }

  watch(callback: () => void): void {
    this.#callback = callback;
  }

  close(): void {
    this.closed = true;
  }

  send(...requests: (FakeRequest | number)[]): Answer[] {
    const before = this.answers.length;
    this.#queue.push(...requests);
    while (this.#queue.length > 0) this.#callback();
    return this.answers.slice(before);
  }
}

const time = { uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };

function start(tree: MountableTree = smallTree(), more: Partial<SessionOptions> = {}) {
  const channel = new FakeChannel();
  const log: string[] = [];
  const session = new Session(channel, tree, { log: (_level, message) => void log.push(message), ...more });
  session.start();
  return { channel, log, session };
}

function smallTree(): MemoryTree {
  return new MemoryTree([
    { path: "", kind: "dir", permissions: 0o755, ...time },
    { path: "file", kind: "file", permissions: 0o644, ...time, content: "content" },
    { path: "link", kind: "lnk", permissions: 0o777, ...time, target: "file" },
  ]);
}

function read(node: number, offset: number, size: number): FakeRequest {
  return { opcode: Opcode.READ, node, body: bodyOf([...wide(0), ...wide(offset), size, 0, ...wide(0), 0, 0]) };
}

const init = (major: number, minor: number, flags = 0xffffffff, flags2 = 0xffffffff): FakeRequest => ({
  opcode: Opcode.INIT,
  body: bodyOf([major, minor, 131072, flags, flags2, ...Array.from({ length: 11 }, () => 0)]),
});

test("INIT negotiates the flags that both sides support", async (t) => {
  const { channel, session } = start();
  const [answer] = channel.send(init(7, 45));
  const { minor, flags, flags2 } = await session.ready;
  t.is(minor, 41);
  t.is(answer.body.readUInt32LE(initOut.flags), flags >>> 0);
  t.truthy(flags & InitFlag.DO_READDIRPLUS);
  t.falsy(flags & InitFlag.AUTO_INVAL_DATA);
  t.falsy(flags & InitFlag.POSIX_ACL, "a tree without xattrs has no ACLs");
  t.is(flags2, InitFlag2.ALLOW_IDMAP);
  t.is(answer.body.readUInt16LE(initOut.max_pages), 256);
});

test("INIT of a newer major version is answered with ours, and comes again", async (t) => {
  const { channel, session } = start();
  const [first] = channel.send(init(8, 0));
  t.is(first.body.readUInt32LE(0), 7);
  channel.send(init(7, 31, InitFlag.ASYNC_READ, 0));
  t.is((await session.ready).flags, InitFlag.ASYNC_READ);
});

test("a kernel that is too old is refused", async (t) => {
  const { channel, session } = start();
  t.is(channel.send(init(7, 30))[0].error, "EPROTO");
  await t.throwsAsync(session.ready, { message: /older than 7.31/ });
  await t.throwsAsync(session.ended, { message: /older than 7.31/ });
  t.true(channel.closed);
});

test("lookups, attributes, links and content", (t) => {
  const { channel } = start();
  const lookup = (name: string): Answer => channel.send({ opcode: Opcode.LOOKUP, body: bodyOf([], name) })[0];
  t.is(lookup("file").body.readUInt32LE(0), 2);
  t.is(lookup("absent").body.readUInt32LE(0), 0);
  t.is(lookup(".").body.readUInt32LE(0), 1);
  t.is(lookup("..").body.readUInt32LE(0), 1);
  t.is(lookup(".x").body.readUInt32LE(0), 0);
  t.is(lookup("n".repeat(256)).error, "ENAMETOOLONG");
  t.is(channel.send({ opcode: Opcode.GETATTR, node: 99 })[0].error, "ENOENT");
  t.is(channel.send({ opcode: Opcode.READLINK, node: 3 })[0].body.toString(), "file");
  t.is(channel.send(read(2, 3, 4096))[0].body.toString(), "tent");
  t.is(channel.send(read(2, 7, 4096))[0].body.length, 0);
});

test("requests that need no state or are not for us", (t) => {
  const { channel } = start();
  const error = (opcode: number): string => channel.send({ opcode, body: bodyOf([0, 0, 0, 0]) })[0].error;
  for (const name of ["OPEN", "OPENDIR", "ACCESS", "FLUSH", "LSEEK", "STATX", "IOCTL", "INTERRUPT"] as const) {
    t.is(error(Opcode[name]), "ENOSYS", name);
  }
  for (const name of ["WRITE", "CREATE", "SETATTR", "UNLINK", "SETXATTR"] as const)
    t.is(error(Opcode[name]), "EROFS", name);
  for (const opcode of [0, 7, 63, 4096, 0xffffffff]) t.is(error(opcode), "ENOSYS", `opcode ${opcode}`);
  t.is(error(Opcode.GETXATTR), "ENOSYS", "a tree without xattrs, which the kernel then never asks again");
});

test("FORGET gets no answer", (t) => {
  const { channel } = start();
  t.deepEqual(channel.send({ opcode: Opcode.FORGET, body: bodyOf(wide(1)) }, { opcode: Opcode.BATCH_FORGET }), []);
});

test("whatever a tree throws is EIO and a line in the log, and the next request is answered", (t) => {
  const tree = smallTree();
  tree.breakFile("file");
  const { channel, log } = start(tree);
  t.is(channel.send(read(2, 0, 10))[0].error, "EIO");
  t.regex(log[0], /READ of inode 2: blob missing/);
  t.is(channel.send(read(99, 0, 10))[0].error, "EIO");
  t.is(channel.send({ opcode: Opcode.READLINK, node: 3 })[0].error, "");
});

test("a read larger than was negotiated is EIO", (t) => {
  t.is(start().channel.send(read(2, 0, 2 ** 21))[0].error, "EIO");
});

test("a refused reply becomes EIO; the reply to a killed process is dropped", (t) => {
  const { channel, log } = start();
  channel.refuse = EINVAL;
  t.is(channel.send(read(2, 0, 10))[0].error, "EIO");
  t.regex(log[0], /READ of inode 2 refused: EINVAL/);
  channel.refuse = ENOENT;
  t.deepEqual(channel.send(read(2, 0, 10)), []);
  t.is(channel.send(read(2, 0, 10))[0].error, "");
});

test("interrupted requests and reads are skipped; ENODEV ends the session", async (t) => {
  const { channel, session } = start();
  t.is(channel.send(ENOENT, init(7, 31)).length, 1);
  channel.send(ENODEV);
  await session.ended;
  t.true(channel.closed);
});

test("unmounted before INIT: not ready, but ended", async (t) => {
  const { channel, session } = start();
  channel.send(ENODEV);
  await t.throwsAsync(session.ready, { message: /before the mount was complete/ });
  await t.notThrowsAsync(session.ended);
});

test("a device that fails ends the session with an error", async (t) => {
  const { channel, session } = start();
  channel.send(EINVAL);
  await t.throwsAsync(session.ended, { message: /EINVAL/ });
});

test("a request that another session left unanswered is answered first, and only once", (t) => {
  const requestMemory = { buffer: new MessageBuffer(REQUEST_BYTES), replays: 0, reader: 0 };
  const seen: number[] = [];
  const tree = smallTree();
  tree.beforeRead("file", () => seen.push(requestMemory.replays));
  const serve = (): FakeChannel => {
    const channel = new FakeChannel();
    new Session(channel, tree, { log: () => undefined, requestMemory }).start();
    return channel;
  };
  t.deepEqual(serve().answers, []);
  // As the kernel leaves it when the process that read it was killed.
  putRequest(requestMemory.buffer, { ...read(2, 3, 4096), unique: 77 });
  requestMemory.replays = 1;
  const second = serve();
  t.deepEqual([second.answers[0].unique, second.answers[0].body.toString()], [77, "tent"]);
  t.deepEqual(seen, [2], "counted while it is answered");
  t.is(requestMemory.replays, 0);
  t.is(second.send(read(2, 0, 3))[0].body.toString(), "con");
  t.deepEqual(serve().answers, [], "nothing is left");
});

test("a session that dies leaves its request behind", (t) => {
  const requestMemory = { buffer: new MessageBuffer(REQUEST_BYTES), replays: 0, reader: 0 };
  const tree = smallTree();
  let left = 0;
  tree.beforeRead("file", () => (left = requestMemory.buffer.get32(inHeader.len)));
  const channel = new FakeChannel();
  new Session(channel, tree, { log: () => undefined, requestMemory }).start();
  channel.send(read(2, 0, 3));
  t.is(left, IN_HEADER_SIZE + READ_IN_SIZE);
  t.is(requestMemory.buffer.get32(inHeader.len), 0);
});

test("any bytes at all get an answer", (t) => {
  const { channel } = start();
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 0x7fffffff);
  for (let round = 0; round < 5000; round++) {
    const body = Buffer.from(Array.from({ length: random() % 64 }, () => random() & 0xff));
    const opcode = random() % 60;
    const answers = channel.send({ opcode, node: random() % 6, unique: round + 1, body });
    const expected = opcode === Opcode.FORGET || opcode === Opcode.BATCH_FORGET ? 0 : 1;
    if (answers.length !== expected) t.fail(`opcode ${opcode}: ${answers.length} answers`);
  }
  t.pass();
});

test("under an overlay, file handles are resolved for the process that mounts it, until another one comes", (t) => {
  const lookup = (name: string, node: number, pid: number): FakeRequest => ({
    opcode: Opcode.LOOKUP,
    node,
    pid,
    body: bodyOf([], name),
  });
  const { channel } = start(smallTree(), { overlayMounter: 10 });
  const errors = (...requests: FakeRequest[]): string[] => channel.send(...requests).map(({ error }) => error);
  t.deepEqual(errors(lookup(".", 2, 10), lookup("file", 1, 10), lookup(".", 2, 10)), ["", "", ""]);
  t.deepEqual(errors(lookup("file", 1, 11), lookup(".", 2, 11), lookup(".", 2, 10)), ["", "ENOENT", "ENOENT"]);
  const plain = start().channel.send(lookup(".", 2, 11));
  t.is(plain[0].error, "");
});
