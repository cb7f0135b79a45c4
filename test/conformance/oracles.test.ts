import { encodeRootfs } from "@puzzlefs/format";
import type { InodeValue, RootfsValue } from "@puzzlefs/format";
import test from "ava";
import { damaged } from "./damage.ts";
import { effort } from "@puzzlefs/testing";
import { readByCapnpEs, readByTool } from "./oracles.ts";
import { Random, runSeed } from "@puzzlefs/testing";
import { reencoded } from "./reencode.ts";
import { readStructs } from "./spec.ts";
import { randomImage } from "./trees.ts";
import { judgeMetadata } from "./verdict.ts";

const structs = await readStructs();

/** Messages and what we read of them, of those that break no rule. */
function accepted(messages: readonly Uint8Array[]): [message: Uint8Array, dump: string][] {
  return messages.flatMap((message) => {
    const verdict = judgeMetadata(message);
    return verdict.startsWith("accepted") ? [[message, verdict.trimEnd().split("\n").at(-1) ?? ""]] : [];
  });
}

const IMAGES = 250 * effort;
/** Of the second a damaged message once had a far pointer to null, which readers took in two ways. */
const seeds = [runSeed, 1710028691];

for (const seed of seeds)
  test(`the capnp tool reads the same from every accepted message: ${seed === runSeed ? "the run's seed" : `seed ${seed}`}`, (t) => {
    const random = new Random(seed);
    const messages = Array.from({ length: IMAGES }, () => {
      const whole = encodeRootfs(randomImage(random, random.below(40)).value);
      return [whole, reencoded(whole, random), damaged(whole, random)];
    });
    const readings = accepted(messages.flat());
    const read = readByTool(
      structs,
      readings.map(([message]) => message),
    );
    t.is(read.length, readings.length);
    for (const [i, [, dump]] of readings.entries()) t.is(read[i], dump, `message ${i} of seed ${seed}`);
    t.log(`${readings.length} messages, seed ${seed}`);
  });

test("a far pointer to null is no list, as the capnp tool has it", (t) => {
  const message = withFarNull(encodeRootfs(randomImage(new Random(), 3).value));
  t.regex(judgeMetadata(message), /^refused pointer-/);
  t.throws(() => readByTool(structs, [message]), { message: /non-list pointer where list/ });
});

/** A message of one segment, in which the first pointer of the root leads to a null word at the end. */
function withFarNull(message: Uint8Array): Buffer {
  const changed = Buffer.concat([message, Buffer.alloc(8)]);
  const words = changed.readUInt32LE(4);
  changed.writeUInt32LE(words + 1, 4);
  // The root's pointer is the segment's first word, and its struct the next, data before pointers.
  const pointer = 16 + 8 * changed.readUInt16LE(12);
  changed.writeUInt32LE(words * 8 + 2, pointer);
  changed.writeUInt32LE(0, pointer + 4);
  return changed;
}

/**
 * capnp-es 0.0.16 reads garbage from a list whose structs are smaller than its schema has them, as every image without
 * times is; the `capnp` tool reads those. So capnp-es gets structs of full size.
 */
function inFullSize(value: RootfsValue): RootfsValue {
  const inodes = (list: readonly InodeValue[] = []): InodeValue[] =>
    list.map((inode) => ({ ...inode, mtimeSeconds: inode.mtimeSeconds ?? 1 }));
  return { ...value, metadatas: (value.metadatas ?? []).map((layer) => ({ inodes: inodes(layer.inodes) })) };
}

test("capnp-es reads the same from messages whose structs are not of an older size", async (t) => {
  const random = new Random();
  const messages = Array.from({ length: IMAGES }, () => {
    const whole = encodeRootfs(inFullSize(randomImage(random, random.below(40)).value));
    return [whole, reencoded(whole, random, false)];
  });
  const readings = accepted(messages.flat());
  const read = await readByCapnpEs(
    structs,
    readings.map(([message]) => message),
  );
  t.is(readings.length, 2 * IMAGES);
  for (const [i, [, dump]] of readings.entries()) t.is(read[i], dump, `message ${i}`);
  t.log(`${readings.length} messages`);
});
