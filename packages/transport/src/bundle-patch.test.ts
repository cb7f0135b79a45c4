import { zstdCompressSync } from "node:zlib";
import { noise, prose } from "@puzzlefs/testing";
import test from "ava";
import { applyPatch, makePatch } from "./bundle-patch.ts";

const old = Buffer.concat([noise("metadata", 3_000_000), prose("more", 500_000)]);
const changed = Buffer.concat([
  old.subarray(0, 1_000_000),
  noise("new", 10_000),
  old.subarray(1_000_100),
  noise("index", 5000),
]);

test("a patch has about what is new, and gives the content back", (t) => {
  const patch = makePatch(changed, old, changed.length);
  t.truthy(patch);
  if (patch === undefined) return;
  t.true(patch.length < 40_000, `${patch.length}`);
  t.true(applyPatch(patch, old, "patch").equals(changed));
  const wrong = Buffer.from(old).fill(0);
  t.notThrows(() => t.false(applyPatch(patch, wrong, "patch").equals(changed)));
});

test("no patch is made where it is not much smaller, or needs a large window", (t) => {
  t.is(makePatch(noise("a", 100_000), noise("b", 100_000), 100_000), undefined);
  t.is(makePatch(Buffer.alloc(2 ** 26), Buffer.alloc(2 ** 26 + 1), 2 ** 30), undefined);
});

test("patches that claim too much, or have no zstd frame, or less than they claim, are refused", (t) => {
  const header = (size: number): Buffer => {
    const frame = Buffer.from("28b52ffde00000000000000000030000", "hex");
    frame.writeBigUInt64LE(BigInt(size), 5);
    return frame;
  };
  const small = zstdCompressSync(Buffer.alloc(100_000), { pledgedSrcSize: 100_000 });
  const cases: Record<string, Buffer> = {
    "a bomb": header(2 ** 30 + 1),
    "a large window": header(2 ** 29),
    "other bytes": Buffer.from("nothing"),
    nothing: Buffer.alloc(0),
    "cut short": small.subarray(0, -4),
    "without a size": zstdCompressSync(Buffer.concat([noise("x", 1000)]), {}).fill(0, 4, 6),
  };
  for (const [name, patch] of Object.entries(cases))
    t.throws(() => applyPatch(patch, old, "patch p"), { message: /^(patch p )|(bundle-too-large)/ }, name);
});
