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

const namesOf = (packs: readonly Chunk[][]): string[][] => packs.map((pack) => pack.map(({ digest }) => digest));

test("new chunks go into packs of at most 32 MiB in their order, larger ones alone", (t) => {
  const large = Array.from({ length: 10 }, (_, index) => chunk(`l${index}`, 32 * MIB));
  const chunks = [chunk("a", 20 * MIB), chunk("b", 12 * MIB), chunk("c", 1), chunk("d", 40 * MIB), chunk("e", 1)];
  const { fresh, kept, places } = planPacks([...chunks, ...large]);
  t.deepEqual(namesOf(fresh).slice(0, 5), [["a", "b"], ["c"], ["d"], ["e"], ["l0"]]);
  t.deepEqual(kept, []);
  t.deepEqual(places[1], { pack: 0, offset: 20 * MIB, size: 12 * MIB });
});

test("a small image has ten packs, but none that is needlessly below 4 MiB", (t) => {
  const chunks = Array.from({ length: 1000 }, (_, index) => chunk(`${index}`, 50_000));
  t.is(planPacks(chunks).fresh.length, 10);
  t.is(planPacks(chunks.slice(0, 200)).fresh.length, 3);
  t.is(planPacks(chunks.slice(0, 80)).fresh.length, 1);
});

test("a version adds packs of the same size, and a single one once there are sixteen", (t) => {
  const old = Array.from({ length: 15 }, (_, index) => chunk(`old ${index}`, 4 * MIB));
  const changed = Array.from({ length: 11 }, (_, index) => chunk(`new ${index}`, MIB));
  for (const { packs, added } of [
    { packs: 10, added: 3 },
    { packs: 15, added: 1 },
  ]) {
    const base = baseOf(...old.slice(0, packs).map((one) => [one]));
    const { kept, fresh } = planPacks([...old.slice(0, packs), ...changed], base);
    t.deepEqual([kept.length, fresh.length], [packs, added]);
  }
});

test("packs are kept, the mostly needed ones first, until a quarter of the image would not be needed of them", (t) => {
  const base = baseOf(
    [chunk("a", 90), chunk("w", 10)],
    [chunk("b", 80), chunk("x", 20)],
    [chunk("c", 70), chunk("y", 30)],
    [chunk("d", 20), chunk("z", 80)],
  );
  const needed = [chunk("d", 20), chunk("c", 70), chunk("b", 80), chunk("a", 90), chunk("e", 1)];
  const { kept, fresh, places } = planPacks(needed, base);
  t.deepEqual(
    kept.map(({ digest }) => digest),
    ["pack 0", "pack 1", "pack 2"],
  );
  t.deepEqual(namesOf(fresh), [["d", "e"]]);
  t.deepEqual(places, [
    { pack: 3, offset: 0, size: 20 },
    { pack: 2, offset: 0, size: 70 },
    { pack: 1, offset: 0, size: 80 },
    { pack: 0, offset: 0, size: 90 },
    { pack: 3, offset: 20, size: 1 },
  ]);
  // Of "b" and "c" 50 bytes would not be needed; a quarter of this image are 42.
  t.is(planPacks(needed.slice(0, 3), base).kept.length, 1);
});

test("chunks that the base has come before new ones in new packs, so that an update is in one piece", (t) => {
  const base = baseOf([chunk("old 1", 10), chunk("old 2", 10), chunk("gone", 80)], [chunk("kept", 100)]);
  const chunks = [chunk("new 1", 5), chunk("old 2", 10), chunk("kept", 100), chunk("new 2", 5), chunk("old 1", 10)];
  const { fresh, places } = planPacks(chunks, base);
  t.deepEqual(namesOf(fresh), [["old 2", "old 1", "new 1", "new 2"]]);
  t.deepEqual(
    places.map(({ pack, offset }) => [pack, offset]),
    [
      [1, 20],
      [1, 0],
      [0, 0],
      [1, 25],
      [1, 10],
    ],
  );
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
