import test from "ava";
import { parseDigest, parseInteger, parseSizeOption } from "./command-line.ts";

test("sizes are bytes, or have a suffix that is a power of 1024", (t) => {
  t.is(parseSizeOption("0"), 0);
  t.is(parseSizeOption("4096"), 4096);
  t.is(parseSizeOption("4k"), 4096);
  t.is(parseSizeOption("2M"), 2 << 20);
  t.is(parseSizeOption("2MiB"), 2 << 20);
  t.is(parseSizeOption("3G"), 3 * 2 ** 30);
  for (const text of ["", "-1", "1.5M", "1T", "K", "99999999G"])
    t.throws(() => parseSizeOption(text), { name: "UsageError" });
});

test("whole numbers and digests", (t) => {
  t.is(parseInteger("-7"), -7);
  t.throws(() => parseInteger("1e3"), { name: "UsageError" });
  t.is(parseDigest("AB".repeat(32)), "ab".repeat(32));
  t.throws(() => parseDigest("ab"), { name: "UsageError" });
});
