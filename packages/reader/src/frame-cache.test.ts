import test from "ava";
import fc from "@puzzlefs/testing/fast-check";
import { FrameCache } from "./frame-cache.ts";

const fillWith = (byte: number) => (into: Uint8Array) => void into.fill(byte);

test("keeps the frames that were used last", (t) => {
  const cache = new FrameCache(4000);
  for (let key = 0; key < 4; key++) cache.put(key, 1000, fillWith(key));
  t.is(cache.get(0)?.[0], 0);
  cache.put(4, 1000, fillWith(4));
  t.is(cache.get(1), undefined, "the oldest went");
  t.is(cache.get(0)?.[999], 0, "what was used again stayed");
  t.is(cache.get(4)?.length, 1000);
});

test("keeps nothing of a frame that fails", (t) => {
  for (const limit of [0, 1 << 20]) {
    const cache = new FrameCache(limit);
    cache.put(2, 10, fillWith(2));
    t.throws(() =>
      cache.put(0, 10, () => {
        throw new Error("no");
      }),
    );
    t.is(cache.get(0), undefined);
  }
});

test("keeps one frame that is large for it", (t) => {
  const cache = new FrameCache(0);
  cache.put(0, 5000, fillWith(1));
  t.is(cache.get(0)?.length, 5000);
  cache.put(1, 4000, fillWith(2));
  t.is(cache.get(0), undefined);
  t.is(cache.get(1)?.[3999], 2);
});

test("returns the frames that were put, in any order of calls", (t) => {
  const operation = fc.record({ key: fc.nat(30), length: fc.integer({ min: 1, max: 400 }), put: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const cache = new FrameCache(1000);
      const lengths = new Map<number, number>();
      for (const { key, length, put } of operations) {
        if (put && cache.get(key) === undefined) {
          cache.put(key, length, fillWith(key + 1));
          lengths.set(key, length);
        }
        const found = cache.get(key);
        if (found !== undefined && (found.length !== lengths.get(key) || !found.every((byte) => byte === key + 1)))
          return false;
        if (put && found === undefined) return false;
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass();
});
