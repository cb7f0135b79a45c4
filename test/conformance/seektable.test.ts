import assert from "node:assert/strict";
import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { seekTable } from "../corpus/seek-table-cases.ts";
import { agreed, note, runs, useHarnesses } from "./harness-fixture.ts";
import { Random } from "@puzzlefs/testing";
import { outcome } from "./verdict.ts";

const harnesses = useHarnesses(test);

/** Of the smallest frame. */
const leastStored = 9;

/** A frame's stored and uncompressed bytes; now and then fewer or more are stored than zstd makes of so many. */
function randomFrame(random: Random): readonly [stored: number, content: number] {
  const content = randomSize(random);
  if (random.once(50)) return [random.below(leastStored), content];
  const most = random.once(50) ? 2 ** 25 : content + Math.floor(content / 256) + 65;
  return [leastStored + random.below(most - leastStored), content];
}

const randomSize = (random: Random): number =>
  random.once(20) ? 0 : random.pick([1, 4096, random.below(2 ** 17), 2 ** 24]);

test("seek tables: every frame is found, and what is changed gets one verdict from TypeScript and C", async (t) => {
  const rules = new Map<string, number>();
  const property = fc.asyncProperty(fc.nat(2 ** 31 - 1), fc.nat(20), fc.nat(2), async (choice, count, changes) => {
    const random = new Random(choice);
    const frames = Array.from({ length: count }, () => randomFrame(random));
    // Entries of 12 bytes overlap here: their checksums are zero.
    const flags = random.once(3) ? 0x80 : random.below(4);
    const table = Buffer.from(seekTable({ frames, flags }));
    for (let i = 0; i < changes; i++) {
      const near = random.once(2)
        ? table.length - 1 - random.below(Math.min(17, table.length))
        : random.below(table.length);
      table[near] = random.once(2) ? random.below(256) : (table[near] ?? 0) ^ (1 << random.below(8));
    }
    const stored = frames.reduce((sum, [size]) => sum + size, 0);
    const blobBytes = stored + table.length + (random.once(6) ? random.pick([-1, 1, 2 ** 40]) : 0);
    const verdict = await agreed(
      harnesses,
      "seek-table",
      random.once(20) ? table.subarray(random.below(20)) : table,
      Math.max(blobBytes, 0),
    );
    const [, rule = "accepted"] = outcome(verdict).split(" ");
    rules.set(rule, (rules.get(rule) ?? 0) + 1);
    if (changes === 0 && rule === "accepted") {
      const lines = verdict
        .trimEnd()
        .split("\n")
        .slice(3)
        .map((line) => line.split(" ").map(Number));
      let content = 0;
      for (const [i, [, size]] of frames.entries()) {
        // The frame that holds a byte is the last that starts at it; behind the end there is none.
        const next = frames.findIndex(([, other], frame) => frame >= i && other > 0);
        assert.deepEqual(lines[i]?.slice(1, 3), [content, next === -1 ? frames.length : next]);
        content += size;
      }
      assert.equal(Number(verdict.split("\n")[2]), content);
    }
  });
  await fc.assert(property, runs(2500));
  t.log([...rules].map(([rule, count]) => `${rule} ${count}`).join(", "));
  t.pass();
  note(t, harnesses);
});
