import test from "ava";
import { Random } from "@puzzlefs/testing";
import { joinSlices, type Slice } from "./ranges.ts";

const KIB = 1024;

test("slices with small gaps are one request, others are not, and nearly all of a blob is the whole blob", (t) => {
  const slices = [
    { offset: 300 * KIB, size: 10 * KIB },
    { offset: 0, size: 10 * KIB },
    { offset: 74 * KIB, size: 10 * KIB },
  ];
  const ranges = joinSlices(slices, 1000 * KIB);
  t.deepEqual(
    ranges.map(({ start, end }) => [start / KIB, end / KIB]),
    [
      [0, 84],
      [300, 310],
    ],
  );
  t.deepEqual(
    joinSlices([{ offset: 0, size: 85 }], 100, 0).map(({ end }) => end),
    [100],
  );
  t.deepEqual(
    joinSlices([{ offset: 0, size: 84 }], 100, 0).map(({ end }) => end),
    [84],
  );
  t.deepEqual(joinSlices([], 100), []);
  // A large gap, beside what is wanted of a larger blob.
  const large = [0, 1, 2, 3].map((index) => ({ offset: index * 2000 * KIB, size: (index === 3 ? 1000 : 1900) * KIB }));
  t.is(joinSlices(large, 10_000 * KIB).length, 1);
  const small = large.map((slice) => ({ ...slice, size: 1400 * KIB }));
  t.is(joinSlices(small, 10_000 * KIB).length, 4);
});

test("every slice is in exactly one range, ranges do not overlap, and gaps between them are larger than what is joined", (t) => {
  const random = new Random();
  for (let round = 0; round < 200; round++) {
    const size = 1 + random.below(5000);
    const gap = random.below(200);
    const slices = Array.from({ length: random.below(30) }, (): Slice => {
      const offset = random.below(size);
      return { offset, size: 1 + random.below(Math.min(size - offset, 100)) };
    });
    const ranges = joinSlices(slices, size, gap);
    t.is(
      ranges.reduce((sum, range) => sum + range.slices.length, 0),
      slices.length,
    );
    for (const [index, { start, end, slices: own }] of ranges.entries()) {
      const next = ranges[index + 1];
      if (next !== undefined) t.true(next.start - end > gap);
      t.true(start >= 0 && end <= size);
      for (const slice of own) t.true(slice.offset >= start && slice.offset + slice.size <= end);
      t.deepEqual(
        own,
        own.toSorted((one, other) => one.offset - other.offset || one.size - other.size),
      );
    }
  }
});
