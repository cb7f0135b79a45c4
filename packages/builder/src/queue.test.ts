import { hash } from "node:crypto";

import test from "ava";

import { chunkFlags } from "./chunk-table.ts";
import { ChunkQueue } from "./queue.ts";

const digestOf = (text: string): Buffer => hash("sha256", text, "buffer");

test("records are taken once each, in order", (t) => {
  const queue = new ChunkQueue(1);
  for (let index = 0; index < 3; index++) t.is(queue.publish(index * 100, 100, 0), index);
  const other = new ChunkQueue(queue.buffers);
  t.deepEqual([queue.take(), other.take(), queue.take(), other.take()], [0, 1, 2, -1]);
  t.is(other.chunks.address(2), 200);
  t.false(queue.allFinished);
  t.is(queue.slabUsers[0], 3);
  for (let index = 0; index < 3; index++) other.finish(index);
  t.true(queue.allFinished);
  t.is(queue.slabUsers[0], 0);
});

test("the table grows; another thread's view grows with it", (t) => {
  const queue = new ChunkQueue(1);
  const other = new ChunkQueue(queue.buffers);
  const count = 20_000;
  for (let index = 0; index < count; index++) {
    queue.publish(index, index, -1);
    other.chunks.claim(index, digestOf(`${index % 15_000}`));
  }
  for (const index of [0, 4095, 4096, 14_999]) t.is(queue.chunks.original(index), index);
  for (const index of [15_000, 19_999]) t.is(queue.chunks.original(index), index - 15_000);
  t.deepEqual(Buffer.from(queue.chunks.contentDigest(19_999)), digestOf("4999"));
  t.is(other.chunks.length(19_999), 19_999);
});

test("chunks that are stored already are found by content", (t) => {
  const queue = new ChunkQueue(1);
  t.is(queue.publishKnown(digestOf("content"), digestOf("stored"), digestOf("verity"), 7, true), 0);
  t.true(queue.allFinished);
  const chunk = queue.publish(0, 7, 0);
  t.is(queue.take(), chunk);
  t.is(queue.chunks.claim(chunk, digestOf("content")), 0);
  t.is(queue.chunks.original(chunk), 0);
  t.is(queue.chunks.flags(0), chunkFlags.base | chunkFlags.compressed);
  t.deepEqual(Buffer.from(queue.chunks.storedDigest(0)), digestOf("stored"));
});

test("a failure wakes and stops everyone; the first message is kept", (t) => {
  const queue = new ChunkQueue(1);
  queue.publish(0, 0, -1);
  const other = new ChunkQueue(queue.buffers);
  other.fail("first");
  other.fail("second");
  t.is(queue.failure, "first");
  t.is(queue.takeOrWait(), -1);
});
