import { encodeRootfs } from "@puzzlefs/format";
import type { DirEntryValue, InodeValue } from "@puzzlefs/format";
import test from "ava";
import { MAX_LOOK_BELOW } from "../../packages/format/src/generated/directories.ts";
import { MAX_KEYS } from "../../packages/format/src/generated/json.ts";
import { countRecords, MAX_LAYERS } from "../../packages/format/src/generated/layers.ts";
import { findRootfs } from "../../packages/format/src/generated/manifest.ts";
import { indexNames } from "../../packages/format/src/generated/nameindex.ts";
import { checkEncoding, validate } from "../../packages/format/src/generated/validate.ts";
import { MAX_SEGMENTS, openMessage } from "../../packages/format/src/generated/wire.ts";
import { manifestScratch } from "../../packages/format/src/open.ts";
import { Bytes } from "../../packages/format/src/runtime.ts";

/** Bytes that count how often they are read: what a message costs, whatever the machine. */
class CountedBytes extends Bytes {
  static reads = 0;

  override at(index: number): number {
    CountedBytes.reads++;
    return super.at(index);
  }

  override u16(offset: number): number {
    CountedBytes.reads++;
    return super.u16(offset);
  }

  override u32(offset: number): number {
    CountedBytes.reads++;
    return super.u32(offset);
  }

  override u53(offset: number): number {
    CountedBytes.reads += 2;
    return super.u53(offset);
  }

  override slice(start: number, end: number): Bytes {
    const { buffer, start: from, length, view } = super.slice(start, end);
    return new CountedBytes(buffer, from, length, view);
  }
}

/** Reads for each word of 8 bytes that checking an object takes; a refusal ends it. */
function readsPerWord(bytes: Uint8Array, check: (bytes: Bytes) => void): number {
  CountedBytes.reads = 0;
  check(new CountedBytes(bytes, 0, bytes.length));
  return CountedBytes.reads / (bytes.length / 8);
}

function checkMetadata(bytes: Bytes): void {
  const image = checkEncoding(openMessage(bytes, new Uint32Array(MAX_SEGMENTS + 1)), new Float64Array(1));
  const records = countRecords(image);
  const scratch = [new Uint32Array(records), new Float64Array(records), new Float64Array(records)] as const;
  const { unsorted, index } = validate(image, ...scratch);
  if (unsorted > 0) indexNames(image, unsorted, new Uint32Array(index));
}

const inode = (ino: number, mode: InodeValue["mode"]): InodeValue => ({ ino, mode, uid: 0, gid: 0, permissions: 0 });
const fifo = (ino: number): InodeValue => inode(ino, { kind: "fifo" });
const root = (entries: DirEntryValue[], lookBelow = false): InodeValue =>
  inode(1, { kind: "dir", dir: { entries, lookBelow } });
const image = (layers: InodeValue[][]): Uint8Array =>
  encodeRootfs({ manifestVersion: 3, metadatas: layers.map((inodes) => ({ inodes })) });

/** As many as are allowed: of an image, and of one directory that looks below. */
const LAYERS = MAX_LAYERS;
const RECORDS = MAX_LOOK_BELOW + 1;
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const name = (i: number, common = 0): Uint8Array => Buffer.from("x".repeat(common) + String(i).padStart(7, "0"));

/** Small images that make a reader work: what each would take most of. */
const HARD: Record<string, () => Uint8Array> = {
  "one layer": () => {
    const inos = range(8000).map((i) => i + 2);
    return image([[root(inos.map((ino) => ({ ino, name: name(ino) }))), ...inos.map(fifo)]]);
  },
  "names in no order, alike for long": () => {
    const inos = range(4000).map((i) => i + 2);
    return image([[root(inos.map((ino) => ({ ino, name: name((ino * 7919) % 4001, 240) }))), ...inos.map(fifo)]]);
  },
  "inode numbers far apart, in the oldest of all layers": () => {
    const above = range(LAYERS - 1).map((layer) => range(20).map((i) => fifo(10 + (i * LAYERS + layer) * 7919)));
    const inos = range(4000).map((i) => 4 + i * 15838);
    return image([...above, [root(inos.map((ino, i) => ({ ino, name: name(i) }))), ...inos.map(fifo)]]);
  },
  "a directory in as many layers as it may be, each with names of its own": () => {
    const layers = range(RECORDS).map((layer) => {
      const entries = range(200).map((i) => ({ ino: 2 + layer * 200 + i, name: name(i * RECORDS + layer) }));
      return [root(entries, layer < RECORDS - 1), ...entries.map(({ ino }) => fifo(ino))];
    });
    return image(layers);
  },
  "the same with names that are alike for long": () => {
    const layers = range(RECORDS).map((layer) => {
      const entries = range(100).map((i) => ({ ino: 2 + layer * 100 + i, name: name(i * RECORDS + layer, 248) }));
      return [root(entries, layer < RECORDS - 1), ...entries.map(({ ino }) => fifo(ino))];
    });
    return image(layers);
  },
};

/** Names that are alike for long cost most: 16 records, each searched by halving, 30 words a comparison. */
const READS_PER_WORD = 2000;

for (const [what, make] of Object.entries(HARD)) {
  test(`metadata costs no more than its size allows: ${what}`, (t) => {
    const bytes = make();
    const reads = readsPerWord(bytes, checkMetadata);
    t.log(`${bytes.length} bytes, ${Math.round(reads)} reads a word`);
    t.true(reads < READS_PER_WORD);
  });
}

test("a manifest costs no more than its size allows: as many keys as may be, alike for long", (t) => {
  const keys = range(MAX_KEYS).map((i) => `"${"k".repeat(4096)}${i}":0`);
  const reads = readsPerWord(Buffer.from(`{${keys.join(",")}}`), (json) => {
    const scratch = manifestScratch();
    t.throws(() => findRootfs(json, scratch));
  });
  t.log(`${Math.round(reads)} reads a word`);
  t.true(reads < 2000);
});
