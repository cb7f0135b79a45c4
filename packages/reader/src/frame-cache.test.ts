import test from "ava";
import { FrameCache } from "./frame-cache.ts";

const fillWith = (byte: number) => (into: Uint8Array) => void into.fill(byte);

test("keeps what was used last, within its bytes", (t) => {
  const cache = new FrameCache(3 * 4096);
  cache.put(0, 4096, fillWith(1));
  cache.put(1, 4096, fillWith(2));
  cache.put(2, 100, fillWith(3));
  t.is(cache.get(0)?.[0], 1);
  cache.put(3, 4096, fillWith(4));
  t.is(cache.get(1), undefined);
  t.is(cache.get(0)?.[4095], 1);
  t.is(cache.get(2)?.length, 100);
  t.is(cache.bytes, 3 * 4096);
});

test("keeps nothing of a frame that fails", (t) => {
  const cache = new FrameCache(1 << 20);
  t.throws(() =>
    cache.put(0, 10, () => {
      throw new Error("no");
    }),
  );
  t.is(cache.get(0), undefined);
  t.is(cache.bytes, 0);
});

test("keeps one frame even when it exceeds the limit", (t) => {
  const cache = new FrameCache(0);
  cache.put(0, 5000, fillWith(1));
  t.is(cache.get(0)?.length, 5000);
  cache.put(1, 5000, fillWith(2));
  t.is(cache.get(0), undefined);
  t.is(cache.get(1)?.[4999], 2);
});
