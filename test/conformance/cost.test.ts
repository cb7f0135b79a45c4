import test from "ava";
import { MAX_KEYS } from "../../packages/format/src/generated/json.ts";
import { countRecords } from "../../packages/format/src/generated/layers.ts";
import { findRootfs } from "../../packages/format/src/generated/manifest.ts";
import { indexNames } from "../../packages/format/src/generated/nameindex.ts";
import { checkEncoding, validate } from "../../packages/format/src/generated/validate.ts";
import { MAX_SEGMENTS, openMessage } from "../../packages/format/src/generated/wire.ts";
import { manifestScratch } from "../../packages/format/src/open.ts";
import { Bytes } from "../../packages/format/src/runtime.ts";
import { HARD } from "./hard-images.ts";

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
  const keys = Array.from({ length: MAX_KEYS }, (_, i) => i).map((i) => `"${"k".repeat(4096)}${i}":0`);
  const reads = readsPerWord(Buffer.from(`{${keys.join(",")}}`), (json) => {
    const scratch = manifestScratch();
    t.throws(() => findRootfs(json, scratch));
  });
  t.log(`${Math.round(reads)} reads a word`);
  t.true(reads < 2000);
});
