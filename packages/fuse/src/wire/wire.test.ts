import test from "ava";
import * as abi from "./abi.ts";
import { DirentWriter } from "./dirent-writer.ts";
import { Reply } from "./reply.ts";
import { Request } from "./request.ts";
import { bodyOf, putRequest, wide } from "./request-fixture.ts";
import { MessageBuffer } from "./message-buffer.ts";

const { Opcode } = abi;
const BODY = abi.OUT_HEADER_SIZE;

const attributes = {
  ino: 2 ** 53 - 1,
  kind: "file",
  mode: 0o104755,
  nlink: 3,
  uid: 4_294_967_294,
  gid: 7,
  size: 2 ** 40 + 1,
  major: 0,
  minor: 0,
  mtimeSeconds: -2,
  mtimeNanoseconds: 999_999_999,
} as const;

test("64-bit numbers keep their bits, negative ones and 2^53 - 1 included", (t) => {
  const buffer = new MessageBuffer(16);
  const view = new DataView(buffer.bytes.buffer);
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -(2 ** 32), -(2 ** 53) + 1]) {
    buffer.put64(8, value);
    t.is(view.getBigInt64(8, true), BigInt(value));
    if (value >= 0) t.is(buffer.get64(8), value);
  }
});

test("a request is decoded", (t) => {
  const request = new Request();
  const body = bodyOf([...wide(0), ...wide(2 ** 40), 131072, 0, ...wide(0), 0, 0]);
  request.length = putRequest(request.buffer, {
    opcode: Opcode.READ,
    unique: 77,
    node: 2 ** 53 - 1,
    uid: 5,
    pid: 9,
    body,
  });
  t.true(request.wellFormed);
  t.is(request.opcode, Opcode.READ);
  t.deepEqual([request.unique, request.node, request.uid, request.pid], [77, 2 ** 53 - 1, 5, 9]);
  t.deepEqual([request.readOffset, request.readSize], [2 ** 40, 131072]);
});

test("a request whose length disagrees with what was read is not well formed", (t) => {
  const request = new Request();
  const length = putRequest(request.buffer, { opcode: Opcode.GETATTR });
  for (const wrong of [0, 16, length - 1, length + 1]) {
    request.length = wrong;
    t.false(request.wellFormed);
  }
});

test("names end at NUL, or with the request", (t) => {
  const request = new Request();
  request.length = putRequest(request.buffer, { opcode: Opcode.LOOKUP, body: bodyOf([], "na\xffme") });
  t.deepEqual([...request.name], [...Buffer.from("na\xffme", "latin1")]);
  request.length = putRequest(request.buffer, { opcode: Opcode.LOOKUP, body: Buffer.from("endless") });
  t.is(Buffer.from(request.name).toString(), "endless");
  request.length = putRequest(request.buffer, { opcode: Opcode.GETXATTR, body: bodyOf([64, 0], "user.x") });
  t.is(Buffer.from(request.xattrName).toString(), "user.x");
  t.is(request.xattrSize, 64);
});

test("an INIT that ends before flags2 has none", (t) => {
  const request = new Request();
  request.buffer.bytes.fill(0xff);
  request.length = putRequest(request.buffer, { opcode: Opcode.INIT, body: bodyOf([7, 31, 131072, 1]) });
  t.deepEqual([request.initMajor, request.initMinor, request.initFlags, request.initFlags2], [7, 31, 1, 0]);
});

test("a reply's header repeats the request's number and carries the error negated", (t) => {
  const request = new Request();
  request.length = putRequest(request.buffer, { opcode: Opcode.GETATTR, unique: 2 ** 52 + 3 });
  const reply = new Reply();
  t.is(reply.finish(0, 2, request.buffer), 16);
  const view = new DataView(reply.buffer.bytes.buffer);
  t.is(view.getUint32(0, true), 16);
  t.is(view.getInt32(4, true), -2);
  t.is(view.getBigUint64(8, true), 2n ** 52n + 3n);
});

test("an entry carries every attribute", (t) => {
  const reply = new Reply();
  t.is(reply.entry(attributes), 128);
  const view = new DataView(reply.buffer.bytes.buffer, BODY);
  const at = 40;
  t.is(view.getBigUint64(abi.entryOut.nodeid, true), 2n ** 53n - 1n);
  t.true(view.getBigUint64(abi.entryOut.entry_valid, true) > 10_000_000n);
  t.is(view.getBigUint64(at + abi.attr.size, true), 2n ** 40n + 1n);
  t.is(view.getBigUint64(at + abi.attr.blocks, true), 2n ** 31n + 1n);
  t.is(view.getBigInt64(at + abi.attr.mtime, true), -2n);
  t.is(view.getUint32(at + abi.attr.ctimensec, true), 999_999_999);
  t.is(view.getUint32(at + abi.attr.mode, true), 0o104755);
  t.is(view.getUint32(at + abi.attr.nlink, true), 3);
  t.is(view.getUint32(at + abi.attr.uid, true), 4_294_967_294);
});

test("uid= and gid= replace the owners", (t) => {
  const reply = new Reply({ uid: 1000, gid: undefined });
  reply.attributes(attributes);
  const view = new DataView(reply.buffer.bytes.buffer, BODY + 16);
  t.deepEqual([view.getUint32(abi.attr.uid, true), view.getUint32(abi.attr.gid, true)], [1000, 7]);
});

test("a negative entry has node 0 and a lifetime", (t) => {
  const reply = new Reply();
  reply.buffer.bytes.fill(0xff);
  t.is(reply.negativeEntry(), 128);
  const view = new DataView(reply.buffer.bytes.buffer, BODY);
  t.is(view.getBigUint64(0, true), 0n);
  t.true(view.getBigUint64(abi.entryOut.entry_valid, true) > 0n);
});

test("device numbers are packed as the kernel unpacks them", (t) => {
  const reply = new Reply();
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [8, 17],
    [4095, 1_048_575],
    [259, 4096],
  ]) {
    reply.attributes({ ...attributes, kind: "chr", major, minor });
    const packed = new DataView(reply.buffer.bytes.buffer, BODY + 16).getUint32(abi.attr.rdev, true);
    // new_decode_dev() of linux/kdev_t.h.
    t.is((packed & 0xfff00) >>> 8, major);
    t.is((packed & 0xff) | ((packed >>> 12) & 0xfff00), minor);
  }
});

test("a listing pads entries, zeroes the padding, and takes no more than its room", (t) => {
  const reply = new Reply();
  reply.buffer.bytes.fill(0xff);
  const listing = new DirentWriter(reply);
  listing.start(64);
  t.true(listing.append(5, 6, 8, Buffer.from("abc")));
  t.is(listing.size, 32);
  t.false(listing.append(6, 7, 8, Buffer.from("nine-byte")));
  t.true(listing.append(6, 7, 8, Buffer.from("eight-by")));
  t.is(listing.size, 64);
  const body = reply.buffer.bytes.subarray(BODY);
  t.deepEqual([...body.subarray(24, 32)], [0x61, 0x62, 0x63, 0, 0, 0, 0, 0]);
  t.is(body.toString("latin1", 56, 64), "eight-by");
  t.is(body.readUInt32LE(16), 3);
});

test("an entry with attributes has room for both, or is left out", (t) => {
  const listing = new DirentWriter(new Reply());
  listing.start(159);
  t.false(listing.appendPlus(attributes, 1, Buffer.from("x")));
  listing.start(160);
  t.true(listing.appendPlus(attributes, 1, Buffer.from("x")));
  t.is(listing.size, 160);
});
