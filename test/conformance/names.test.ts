/** Names in any order: each is found, one that is there twice is refused, and a listing resumes only where it may. */
import { Bytes, encodeRootfs, findInodeRecord, findName, nextName, openMetadata } from "@puzzlefs/format";
import type { DirEntryValue, InodeValue } from "@puzzlefs/format";
import test from "ava";
import { agreed, useHarnesses } from "./harness-fixture.ts";
import { Random } from "@puzzlefs/testing";
import { outcome } from "./verdict.ts";

const harnesses = useHarnesses(test);

const owner = { uid: 0, gid: 0, permissions: 0o755 };
const fifo = (ino: number): InodeValue => ({ ...owner, ino, mode: { kind: "fifo" } });
const dir = (ino: number, entries: DirEntryValue[], lookBelow = false): InodeValue => ({
  ...owner,
  ino,
  mode: { kind: "dir", dir: { entries, lookBelow } },
});
const image = (...metadatas: InodeValue[][]): Uint8Array =>
  encodeRootfs({ metadatas: metadatas.map((inodes) => ({ inodes })), manifestVersion: 3 });
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A directory of `count` names for the inodes from `first` on: sorted, with some added at the end, or in no order. */
function entriesOf(count: number, first: number, order: number, random: Random): DirEntryValue[] {
  const entries = range(count).map((i) => ({ ino: first + i, name: bytes(`name${i * 7 + 100000}`) }));
  if (order === 0) return entries;
  if (order === 1) return [...entries.filter((_, i) => i % 5 !== 0), ...entries.filter((_, i) => i % 5 === 0)];
  return random.shuffled(entries);
}

test("every name of directories of every size and order is found by TypeScript and C, and no other", async (t) => {
  const random = new Random(1);
  for (const count of [...range(34), 63, 64, 65, 100, 255, 256, 257, 1000]) {
    const [root, sub] = [3, 3 + count];
    const inodes = [
      dir(1, [{ ino: 2, name: bytes("sub") }, ...entriesOf(count, root, random.below(3), random)]),
      dir(2, entriesOf(count, sub, random.below(3), random)),
      ...range(2 * count).map((i) => fifo(3 + i)),
    ];
    const older = [dir(1, entriesOf(count, root, random.below(3), random))];
    const message = random.once(2) ? image(inodes) : image(inodes, older);
    t.is(outcome(await agreed(harnesses, "metadata", message)), "accepted");
    const { image: rootfs, layers, index } = openMetadata(message);
    for (const [directory, first] of [
      [1, root],
      [2, sub],
    ] as const) {
      const found = findInodeRecord(rootfs, directory)!;
      for (const { ino, name } of entriesOf(count, first, 0, random)) {
        t.is(findName(layers, index, found, Bytes.of(name ?? bytes("")))?.inode.ino, ino);
        t.is(findName(layers, index, found, Bytes.of(Buffer.concat([name ?? bytes(""), bytes("x")]))), undefined);
      }
    }
  }
});

test("a name that is there twice is refused, wherever the two are", async (t) => {
  const random = new Random(2);
  for (const count of [2, 3, 8, 33]) {
    for (let turn = 0; turn < 8; turn++) {
      const entries = entriesOf(count, 2, turn === 0 ? 0 : 2, random);
      entries.splice(random.below(count + 1), 0, { ino: 2, name: random.pick(entries).name ?? bytes("") });
      const verdict = await agreed(
        harnesses,
        "metadata",
        image([dir(1, entries), ...range(count).map((i) => fifo(2 + i))]),
      );
      t.regex(outcome(verdict), /^refused dir-entry-duplicate corrupt 1 /);
    }
  }
});

test("a cookie from elsewhere lists nothing that the directory does not show", (t) => {
  const complete = [dir(1, [{ ino: 2, name: bytes("new") }]), fifo(2)];
  const superseded = [dir(1, [{ ino: 2, name: bytes("old") }])];
  const { image: rootfs } = openMetadata(image(complete, superseded));
  t.is(nextName(rootfs, 1, 0)?.entry.ino, 2);
  for (const cookie of [1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER])
    t.is(nextName(rootfs, 1, cookie), undefined);
  const merged = [dir(1, [{ ino: 2, name: bytes("new") }], true), fifo(2)];
  const { image: both } = openMetadata(image(merged, superseded));
  t.is(Buffer.from(nextName(both, 1, 1)?.entry.name.toUint8Array() ?? []).toString(), "old");
  for (const cookie of [2, 3, 2 ** 32, 2 ** 32 + 1]) t.is(nextName(both, 1, cookie), undefined);
});

test("cookies count the entries of newer records, so that they fit in 31 bits", (t) => {
  const named = (names: string, ino: number): DirEntryValue[] =>
    [...names].map((name, i) => ({ ino: ino + i, name: bytes(name) }));
  const whiteout = (ino: number): InodeValue => ({ ...owner, ino, mode: { kind: "wht" } });
  const layers = [
    [dir(1, named("bd", 2), true), fifo(2), whiteout(3)],
    [dir(1, named("abc", 4), true), fifo(4), fifo(5), fifo(6)],
    [dir(1, named("bdef", 7)), ...range(4).map((i) => fifo(7 + i))],
  ];
  const { image: rootfs } = openMetadata(image(...layers));
  const listed: string[] = [];
  for (let next = nextName(rootfs, 1, 0); next !== undefined; next = nextName(rootfs, 1, next.cookie))
    listed.push(`${Buffer.from(next.entry.name.toUint8Array()).toString()} ${next.cookie}`);
  // d is a whiteout; b and d of older layers are hidden.
  t.deepEqual(listed, ["b 1", "a 3", "c 5", "e 8", "f 9"]);
});
