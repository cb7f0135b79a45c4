import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { close } from "./descriptors.ts";
import {
  accept,
  connectAt,
  listenAt,
  MOST_DESCRIPTORS,
  packetPair,
  PacketReceiver,
  peerUser,
  sendPacket,
} from "./packets.ts";

const inode = (descriptor: number): number => fstatSync(descriptor).ino;

test("messages keep their boundaries, and bring descriptors of the same files", (t) => {
  const [one, other] = packetPair();
  const receiver = new PacketReceiver(100);
  const file = openSync("/dev/null", "r");
  t.is(receiver.receive(other), "none");
  t.true(sendPacket(one, Buffer.from("first"), [file, file]));
  t.true(sendPacket(one, Buffer.from("second")));
  const first = receiver.receive(other);
  const second = receiver.receive(other);
  if (typeof first === "string" || typeof second === "string") return t.fail();
  t.deepEqual([first.bytes.toString(), second.bytes.toString()], ["first", "second"]);
  t.deepEqual(first.descriptors.map(inode), [inode(file), inode(file)]);
  t.deepEqual(second.descriptors, []);
  close(one);
  t.is(receiver.receive(other), "end");
  t.throws(() => sendPacket(other, Buffer.from("late")), { code: "EPIPE" });
  for (const descriptor of [...first.descriptors, other]) close(descriptor);
  closeSync(file);
});

test("a message that is too long is an error, and its descriptors are closed", (t) => {
  const [one, other] = packetPair();
  const file = openSync("/dev/null", "r");
  sendPacket(one, Buffer.alloc(101), [file]);
  const next = openSync("/dev/null", "r");
  closeSync(next);
  t.throws(() => new PacketReceiver(100).receive(other), { message: /more than 100 bytes/ });
  const after = openSync("/dev/null", "r");
  t.is(after, next, "no descriptor is left");
  t.throws(() => sendPacket(one, Buffer.from("x"), Array<number>(MOST_DESCRIPTORS + 1).fill(file)), {
    instanceOf: RangeError,
  });
  for (const descriptor of [one, other]) close(descriptor);
  for (const descriptor of [file, after]) closeSync(descriptor);
});

test("without room it does not wait", (t) => {
  const [one, other] = packetPair();
  let sent = 0;
  while (sendPacket(one, Buffer.alloc(10_000))) sent++;
  t.true(sent > 0);
  const receiver = new PacketReceiver(10_000);
  for (let count = 0; count < sent; count++) t.not(receiver.receive(other), "none");
  t.true(sendPacket(one, Buffer.alloc(10_000)));
  for (const descriptor of [one, other]) close(descriptor);
});

test("commands connect by a name in a directory, while a process listens", (t) => {
  const path = mkdtempSync(join(tmpdir(), "puzzlefs-packets-"));
  const directory = openSync(path, "r");
  t.is(connectAt(directory, "socket"), undefined);
  const listener = listenAt(directory, "socket");
  t.throws(() => listenAt(directory, "socket"), { code: "EADDRINUSE" });
  t.is(accept(listener), undefined);
  const client = connectAt(directory, "socket") ?? -1;
  const server = accept(listener) ?? -1;
  t.deepEqual([peerUser(client), peerUser(server)], [process.geteuid?.(), process.geteuid?.()]);
  close(listener);
  t.is(connectAt(directory, "socket"), undefined, "none listens any more");
  writeFileSync(join(path, "file"), "");
  t.is(connectAt(directory, "file"), undefined, "not a socket");
  for (const descriptor of [client, server]) close(descriptor);
  closeSync(directory);
  rmSync(path, { recursive: true });
});
