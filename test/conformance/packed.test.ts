import assert from "node:assert/strict";
import { encodeBundle, encodeIndex } from "@puzzlefs/format";
import type { Place } from "@puzzlefs/format";
import { Random } from "@puzzlefs/testing";
import fc from "@puzzlefs/testing/fast-check";
import test from "ava";
import { metadataOf, packOf } from "../corpus/packed-cases.ts";
import { damaged } from "./damage.ts";
import { agreed, note, runs, useHarnesses } from "./harness-fixture.ts";
import { outcome } from "./verdict.ts";

const harnesses = useHarnesses(test);

/** Chunks in random packs, in runs that go forward and backward; their slices do not overlap. */
function randomPlaces(random: Random, count: number): { places: Place[]; sizes: number[] } {
  const ends = Array.from({ length: 1 + random.below(5) }, () => 0);
  const places = Array.from({ length: count }, () => {
    const pack = random.below(ends.length);
    const size = 1 + random.pick([random.below(100), random.below(2 ** 20), random.below(2 ** 32 - 1)]);
    const offset = (ends[pack] as number) + (random.once(3) ? random.below(2 ** 30) : 0);
    ends[pack] = offset + size;
    return { pack, offset, size };
  });
  return { places: random.once(2) ? places.toReversed() : places, sizes: ends };
}

test("an index that was written is read back, and a bundle that was changed gets one verdict", async (t) => {
  const rules = new Map<string, number>();
  const property = fc.asyncProperty(fc.nat(2 ** 31 - 1), fc.nat(200), fc.boolean(), async (choice, count, change) => {
    const random = new Random(choice);
    const digests = Array.from({ length: count }, (_, i) => i + 1).toSorted(() => random.below(3) - 1);
    const { places, sizes } = randomPlaces(random, count);
    const bundle = encodeBundle({
      metadata: metadataOf(
        digests,
        digests.toSorted((a, b) => a - b),
      ),
      manifest: random.bytes(40),
      config: random.bytes(random.below(9)),
      index: change && random.once(2) ? damaged(encodeIndex(places), random) : encodeIndex(places),
      packs: sizes.map((size) => packOf(size)),
    });
    const verdict = await agreed(harnesses, "bundle", change && random.once(2) ? damaged(bundle, random) : bundle);
    const [, rule = "accepted"] = outcome(verdict).split(" ");
    rules.set(rule, (rules.get(rule) ?? 0) + 1);
    if (change) return;
    const lines = verdict.split("\n").slice(-2 - count, -2);
    for (const [at, { pack, offset, size }] of places.entries()) {
      const digest = Buffer.alloc(32, digests[at]).toString("hex");
      const found = lines.find((line) => line.startsWith(digest));
      assert.equal(found?.split(" ").slice(1, 4).join(" "), `${pack} ${offset} ${size}`);
    }
  });
  await fc.assert(property, runs(400));
  t.log([...rules].map(([rule, number]) => `${rule} ${number}`).join(", "));
  t.pass();
  note(t, harnesses);
});
