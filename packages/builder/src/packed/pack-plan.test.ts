import test from "ava";
import { packLimit, planPacks } from "./pack-plan.ts";
import type { Chunk } from "./walk-order.ts";

const MIB = 2 ** 20;
const chunk = (name: string, size: number): Chunk => ({ digest: name, size, compressed: false });

/** A base whose packs have these chunks one after the other. */
function baseOf(...packs: Chunk[][]): NonNullable<Parameters<typeof planPacks>[1]> {
  const places = new Map<string, { pack: number; offset: number; size: number }>();
  const records = packs.map((chunks, pack) => {
    let offset = 0;
    for (const { digest, size } of chunks) {
      places.set(digest, { pack, offset, size });
      offset += size;
    }
    return { digest: `pack ${pack}`, verity: "", size: offset };
  });
  return { packs: records, find: (digest) => places.get(digest) };
}

test("new chunks go into packs of at most 32 MiB in their order, larger ones alone", (t) => {
  const chunks = [chunk("a", 20 * MIB), chunk("b", 12 * MIB), chunk("c", 1), chunk("d", 40 * MIB), chunk("e", 1)];
  const { fresh, kept, places } = planPacks(chunks);
  t.deepEqual(
    fresh.map((pack) => pack.map(({ digest }) => digest)),
    [["a", "b"], ["c"], ["d"], ["e"]],
  );
  t.deepEqual(kept, []);
  t.deepEqual(places[1], { pack: 0, offset: 20 * MIB, size: 12 * MIB });
});

test("a pack of which 60 % are needed is kept, one of which less is needed is not", (t) => {
  const base = baseOf([chunk("a", 60), chunk("x", 40)], [chunk("b", 59), chunk("y", 41)]);
  const { kept, fresh, places } = planPacks([chunk("b", 59), chunk("a", 60), chunk("c", 1)], base);
  t.deepEqual(
    kept.map(({ digest }) => digest),
    ["pack 0"],
  );
  t.deepEqual(
    fresh.map((pack) => pack.map(({ digest }) => digest)),
    [["b", "c"]],
  );
  t.deepEqual(places, [
    { pack: 1, offset: 0, size: 59 },
    { pack: 0, offset: 0, size: 60 },
    { pack: 1, offset: 59, size: 1 },
  ]);
});

test("more than 16 packs below 1/32 of the image are merged, 16 are not", (t) => {
  for (const count of [16, 17]) {
    const small = Array.from({ length: count }, (_, i) => chunk(`s${i}`, 10));
    const large = chunk("large", 1000);
    const { kept } = planPacks([large, ...small], baseOf([large], ...small.map((one) => [one])));
    t.is(kept.length, count === 16 ? 17 : 1);
  }
});

test("no image has more than 1000 packs", (t) => {
  t.is(packLimit(1e9), 32 * MIB);
  t.is(packLimit(1.536e9), 32 * MIB);
  t.is(packLimit(4.8e9), 1e8);
  t.is(packLimit(1e11), 256 * MIB);
  t.is(packLimit(9e11), 1e9);
});
