import { hash } from "node:crypto";

import test from "ava";

import { Reachable } from "./metadata-values.ts";
import type { PackedChunk } from "./pack.ts";
import { ChunkLocations } from "./chunk-locations.ts";
import { chunkFlags } from "./chunk-table.ts";
import { ChunkQueue } from "./queue.ts";

test("equal chunks in a pack have one row of the chunk table, in whatever order threads claimed them", (t) => {
  const queue = new ChunkQueue(1);
  const contentDigest = hash("sha256", "x", "buffer");
  for (let index = 0; index < 3; index++) queue.publish(0, 100, -1);
  // The second record is filed before the first: each is the original of itself, the third's is either.
  for (const record of [1, 0, 2]) queue.chunks.claim(record, contentDigest, true);
  const pack = queue.publish(0, 0, -1, chunkFlags.pack | chunkFlags.fresh);
  const packed: PackedChunk = {
    pack: 0,
    offset: 0,
    length: 100,
    storedOffset: 0,
    storedLength: 100,
    storedDigest: contentDigest,
    contentDigest,
  };
  const locations = new ChunkLocations(queue.chunks, { packs: [pack], find: () => packed }, []);
  const reachable = new Reachable();
  for (let record = 0; record < 3; record++) reachable.add(locations.find(record));
  t.is(reachable.chunkTable().length, 1);
  t.is(reachable.chunkCount, 1);
});
