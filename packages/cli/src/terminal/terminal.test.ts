import test from "ava";
import { progressLine } from "./progress-bar.ts";
import { formatBytes, formatCount, formatCountOf, formatSeconds, formatShare } from "./quantities.ts";
import { formatFields, formatTable } from "./table.ts";

test("quantities for people", (t) => {
  t.deepEqual([0, 999, 1000, 99_949, 99_950, 999_499, 999_500, 2.5e9].map(formatBytes), [
    "0 B",
    "999 B",
    "1.0 kB",
    "99.9 kB",
    "100 kB",
    "999 kB",
    "1.0 MB",
    "2.5 GB",
  ]);
  t.is(formatCount(1234567), "1,234,567");
  t.deepEqual(
    [formatCountOf(1, "inode"), formatCountOf(2, "inode"), formatCountOf(0, "entry", "entries")],
    ["1 inode", "2 inodes", "0 entries"],
  );
  t.deepEqual([0.0125, 12.34, 245].map(formatSeconds), ["13 ms", "12.3 s", "4 min 05 s"]);
  t.is(formatShare(1, 3), "33.3 %");
  t.is(formatShare(0, 0), "-");
});

test("a progress line with and without a known end", (t) => {
  t.is(progressLine("building", 5e6, undefined, ["12 chunks"], 2), "building  5.0 MB  12 chunks  2.5 MB/s");
  t.is(
    progressLine("building", 5e6, 20e6, ["12 chunks"], 2),
    `building ${"█".repeat(5)}${"░".repeat(15)}  25 %  5.0 MB  12 chunks  2.5 MB/s  6.0 s left`,
  );
});

test("tables and fields are aligned", (t) => {
  const rows = [
    ["tag", "size"],
    ["v1", "12"],
    ["longer", "1,234"],
  ];
  t.is(formatTable(rows, ["left", "right"]), "tag      size\nv1         12\nlonger  1,234");
  t.is(
    formatFields([
      ["a", "1"],
      ["long", "2"],
    ]),
    "a     1\nlong  2",
  );
});
