import test from "ava";
import { FrameCache } from "./frame-cache.ts";

const fillWith = (byte: number) => (into: Uint8Array) => void into.fill(byte);

test("keeps what was used last, within its bytes", (t) => {
  const cache = new FrameCache(3 * 4096);
  cache.put("a", 4096, fillWith(1));
  cache.put("b", 4096, fillWith(2));
  cache.put("c", 100, fillWith(3));
  t.is(cache.get("a")?.[0], 1);
  cache.put("d", 4096, fillWith(4));
  t.is(cache.get("b"), undefined);
  t.is(cache.get("a")?.[4095], 1);
  t.is(cache.get("c")?.length, 100);
  t.is(cache.bytes, 3 * 4096);
});

test("keeps nothing of a frame that fails", (t) => {
  const cache = new FrameCache(1 << 20);
  t.throws(() =>
    cache.put("a", 10, () => {
      throw new Error("no");
    }),
  );
  t.is(cache.get("a"), undefined);
  t.is(cache.bytes, 0);
});

test("keeps one frame even when it exceeds the limit", (t) => {
  const cache = new FrameCache(0);
  cache.put("a", 5000, fillWith(1));
  t.is(cache.get("a")?.length, 5000);
  cache.put("b", 5000, fillWith(2));
  t.is(cache.get("a"), undefined);
  t.is(cache.get("b")?.[4999], 2);
});
