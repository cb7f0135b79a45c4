/** Limits that only large metadata reaches, and images just within limits. */
import { createHash } from "node:crypto";
import { encodeRootfs, type InodeValue, type RootfsValue } from "@puzzlefs/format";
import test, { type ExecutionContext } from "ava";
import { agreed, useHarnesses } from "./harness-fixture.ts";
import { MAX_RUNS } from "../../packages/format/src/generated/validate.ts";

const harnesses = useHarnesses(test);
const owner = { uid: 0, gid: 0, permissions: 0o644 };
const digest = createHash("sha256").digest();
/** 2^24, and 64 KiB. Numbers of hostile images are their own, so that a wrong one in schema/ is noticed. */
const mostRuns = 16_777_216;
const mostNames = 65_536;

const imageOf = (inode: Omit<InodeValue, "ino" | "uid" | "gid" | "permissions">): RootfsValue => {
  const dir = { entries: [{ ino: 2, name: Buffer.from("it") }] };
  const root: InodeValue = { ...owner, ino: 1, permissions: 0o755, mode: { kind: "dir", dir } };
  return { metadatas: [{ inodes: [root, { ...owner, ...inode, ino: 2 }] }], manifestVersion: 3 };
};

const COMPOSITE = 7;

/** An image of an empty root directory and a file of so many runs, each of one word of zeros. */
function runs(count: number): Uint8Array {
  const words: [low: number, high: number][] = [
    // The root, and its pointer to a list of one layer; the version.
    [0, 1 | (1 << 16)],
    [3, 0],
    [1, (1 << 3) | COMPOSITE],
    [1 << 2, 1 << 16],
    // The layer: a list of two inodes of three words and two pointers.
    [1, ((2 * 5) << 3) | COMPOSITE],
    [2 << 2, 3 | (2 << 16)],
    // A directory without entries.
    [1, 0],
    [3, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    // A file: the first pointer leads to its runs.
    [2, 0],
    [5, 0],
    [0, 0],
    [1 | (1 << 2), (count << 3) | COMPOSITE],
    [0, 0],
    [count << 2, 1],
  ];
  const bytes = Buffer.alloc((1 + words.length + count) * 8);
  bytes.writeUInt32LE(words.length + count, 4);
  words.forEach(([low, high], i) => {
    bytes.writeUInt32LE(low, 8 + i * 8);
    bytes.writeUInt32LE(high, 12 + i * 8);
  });
  return bytes;
}

async function isRefused(t: ExecutionContext, bytes: Uint8Array, rule: string): Promise<void> {
  t.regex(await agreed(harnesses, "metadata", bytes), new RegExp(`^refused ${rule} `, "m"));
}

test("a file has at most 2^24 runs: of one more, the number is refused", async (t) => {
  t.is(MAX_RUNS, mostRuns);
  await isRefused(t, runs(mostRuns + 1), "too-many-runs");
  // Runs of zeros have no digests.
  await isRefused(t, runs(1000), "digest-length");
});

test("the names of xattrs have at most 64 KiB", async (t) => {
  const xattrs = Array.from({ length: 256 }, (_, i) => ({
    key: Buffer.from(`user.${i}`.padEnd(255, "x")),
    val: Buffer.of(),
  }));
  const image = imageOf({ mode: { kind: "fifo" }, additional: { xattrs } });
  t.is(
    xattrs.reduce((sum, { key }) => sum + key.length + 1, 0),
    mostNames,
  );
  t.regex(await agreed(harnesses, "metadata", encodeRootfs(image)), /^accepted/m);
});

test("a file of 1 TiB that is one hole, and one of 64 KiB chunks, have few enough runs", async (t) => {
  const hole = 2 ** 30;
  const chunk = 2 ** 16;
  t.true(2 ** 40 / hole <= mostRuns && 2 ** 40 / chunk <= mostRuns);
  const file = Array.from({ length: 2 ** 40 / hole }, () => ({
    blob: { digest, offset: 0, compressed: true },
    len: hole,
  }));
  const verdict = await agreed(harnesses, "metadata", encodeRootfs(imageOf({ mode: { kind: "file", file } })));
  t.regex(verdict, /^size 1099511627776 /m);
});
