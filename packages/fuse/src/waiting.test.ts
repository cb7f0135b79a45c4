import test from "ava";
import { EAGAIN, errnoName } from "@puzzlefs/linux";
import { MemoryTree } from "../../../test/fuse-memory/memory-tree.ts";
import type { Channel } from "./device.ts";
import { Session } from "./session.ts";
import { WAITING_BYTES } from "./waiting-requests.ts";
import { InitFlag, initOut, Opcode } from "./wire/abi.ts";
import { bodyOf, type FakeRequest, putRequest, wide } from "./wire/request-fixture.ts";
import { REQUEST_BYTES } from "./wire/request.ts";
import { MessageBuffer } from "./wire/message-buffer.ts";

const time = { uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0 };

/** A tree whose file arrives when the test lets it. */
class LateTree extends MemoryTree {
  present = false;
  readonly wanted: { offset: number; length: number; settle: (error?: Error) => void }[] = [];

  constructor() {
    super([
      { path: "", kind: "dir", permissions: 0o755, ...time },
      { path: "late", kind: "file", permissions: 0o644, ...time, content: "content" },
      { path: "link", kind: "lnk", permissions: 0o777, ...time, target: "late" },
    ]);
    this.beforeRead("late", () => {
      if (!this.present) throw new Error("absent");
    });
  }

  arrival(error: unknown, _ino: number, offset: number, length: number): Promise<void> | undefined {
    if ((error as Error).message !== "absent") return undefined;
    return new Promise((resolve, reject) => {
      this.wanted.push({ offset, length, settle: (failure) => (failure === undefined ? resolve() : reject(failure)) });
    });
  }

  arrive(): void {
    this.present = true;
    for (const { settle } of this.wanted.splice(0)) settle();
  }
}

/** The kernel's side of a session. */
class Kernel implements Channel {
  readonly answers: string[] = [];
  readonly bodies: Buffer[] = [];
  readonly #queue: FakeRequest[] = [];
  #callback = (): void => undefined;

  read(into: MessageBuffer): number {
    const next = this.#queue.shift();
    return next === undefined ? -EAGAIN : putRequest(into, next);
  }

  write(from: MessageBuffer, length: number): number {
    const bytes = Buffer.from(from.bytes.subarray(0, length));
    const error = -bytes.readInt32LE(4);
    this.bodies.push(bytes.subarray(16));
    this.answers.push(`${bytes.readUInt32LE(8)} ${error === 0 ? bytes.toString("utf8", 16) : errnoName(error)}`);
    return length;
  }

  watch(callback: () => void): void {
    this.#callback = callback;
  }

  close(): void {}

  send(...requests: FakeRequest[]): void {
    this.#queue.push(...requests);
    while (this.#queue.length > 0) this.#callback();
  }
}

const read = (unique: number, offset = 0): FakeRequest => ({
  opcode: Opcode.READ,
  unique,
  node: 2,
  body: bodyOf([...wide(0), ...wide(offset), 4096, 0, ...wide(0), 0, 0]),
});
const interrupt = (unique: number): FakeRequest => ({
  opcode: Opcode.INTERRUPT,
  unique: unique + 1,
  body: bodyOf(wide(unique)),
});
const readlink: FakeRequest = { opcode: Opcode.READLINK, unique: 100, node: 3 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(memory = new MessageBuffer(WAITING_BYTES)) {
  const kernel = new Kernel();
  const tree = new LateTree();
  const log: string[] = [];
  const requestMemory = { buffer: new MessageBuffer(REQUEST_BYTES), replays: 0, reader: 0, waiting: memory };
  const session = new Session(kernel, tree, { log: (_level, message) => void log.push(message), requestMemory });
  session.start();
  return { kernel, tree, log, memory };
}

test("a read of absent content waits, others are answered, and it is answered when that arrives", async (t) => {
  const { kernel, tree, log } = start();
  kernel.send(read(10, 3), readlink);
  t.deepEqual(kernel.answers, ["100 late"]);
  t.deepEqual(
    tree.wanted.map(({ offset, length }) => [offset, length]),
    [[3, 4096]],
  );
  tree.arrive();
  await turn();
  t.deepEqual(kernel.answers, ["100 late", "10 tent"]);
  kernel.send(read(12));
  t.is(kernel.answers.at(-1), "12 content");
  t.deepEqual(log, []);
});

test("content that cannot arrive is EIO for that read, with one line, and the next read asks again", async (t) => {
  const { kernel, tree, log } = start();
  kernel.send(read(10));
  tree.wanted.pop()?.settle(new Error("chunk sha256:ab: no registry"));
  await turn();
  t.deepEqual(kernel.answers, ["10 EIO"]);
  t.deepEqual(log, ["READ of inode 2: chunk sha256:ab: no registry"]);
  kernel.send(read(12));
  tree.arrive();
  await turn();
  t.is(kernel.answers.at(-1), "12 content");
});

test("INTERRUPT ends a read that waits with EINTR, has no answer itself, and does nothing to others", async (t) => {
  const { kernel, tree } = start();
  kernel.send(read(10), read(12), interrupt(10), interrupt(50));
  t.deepEqual(kernel.answers, ["10 EINTR"]);
  tree.arrive();
  await turn();
  t.deepEqual(kernel.answers, ["10 EINTR", "12 content"]);
});

test("what arrives and is gone before it is read is asked for again, but not without end", async (t) => {
  const { kernel, tree, log } = start();
  kernel.send(read(10));
  let rounds = 0;
  for (; kernel.answers.length === 0 && rounds < 100; rounds++) {
    tree.wanted.pop()?.settle();
    await turn();
  }
  t.deepEqual(kernel.answers, ["10 EIO"]);
  t.is(rounds, 16);
  t.is(log.length, 1);
});

test("more waiting reads than there is memory for get EIO, and the memory is used again", async (t) => {
  const { kernel, tree } = start();
  for (let count = 0; count < 1030; count++) kernel.send(read(2 * count));
  t.is(kernel.answers.length, 6);
  t.true(kernel.answers.every((answer) => answer.endsWith(" EIO")));
  tree.arrive();
  await turn();
  t.is(kernel.answers.length, 1030);
  t.is(kernel.answers.filter((answer) => answer.endsWith(" content")).length, 1024);
  tree.present = false;
  kernel.send(read(4000));
  tree.arrive();
  await turn();
  t.is(kernel.answers.at(-1), "4000 content");
});

test("requests that wait when a session dies are answered by the next one", async (t) => {
  const first = start();
  first.kernel.send(read(10), read(12, 3), interrupt(10));
  const second = start(first.memory);
  t.is(second.tree.wanted.length, 1);
  second.tree.arrive();
  await turn();
  t.deepEqual(second.kernel.answers, ["12 tent"]);
  t.deepEqual(start(first.memory).tree.wanted, [], "nothing is left");
});

test("where reads wait, the kernel sends more of them at a time, and interrupts those that bypass its cache", (t) => {
  const { kernel } = start();
  const body = bodyOf([
    7,
    41,
    131072,
    InitFlag.ASYNC_DIO | InitFlag.ASYNC_READ,
    0,
    ...Array.from({ length: 11 }, () => 0),
  ]);
  kernel.send({ opcode: Opcode.INIT, unique: 2, body });
  t.is(kernel.bodies[0].readUInt16LE(initOut.max_background), 768);
  t.is(kernel.bodies[0].readUInt32LE(initOut.flags), InitFlag.ASYNC_READ);
});
