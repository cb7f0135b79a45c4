import test from "ava";
import { encodeRootfs, InodeLayout, ListEncoder, type InodeValue } from "./index.ts";

const inode = (ino: number, mtimeSeconds = 0): InodeValue => ({
  ino,
  uid: ino,
  gid: 0,
  permissions: 0o644,
  mode: { kind: "file", file: [{ blob: { digest: new Uint8Array(32).fill(ino), offset: ino }, len: 5 }] },
  additional: { xattrs: [{ key: Buffer.from("user.a"), val: Buffer.from(`value ${ino}`) }] },
  mtimeSeconds,
});

function encoded(values: readonly InodeValue[], like: readonly InodeValue[] = values): Uint8Array {
  const list = new ListEncoder(InodeLayout, values.length, like);
  for (const value of values) list.add(value);
  return image(list.values);
}

function image(inodes: readonly InodeValue[]): Uint8Array {
  const digest = new Uint8Array(32).fill(9);
  return encodeRootfs({ metadatas: [{ inodes }, { inodes: [] }], fsVerityData: [{ digest }], manifestVersion: 3 });
}

for (const [title, values] of Object.entries({
  "no value": [],
  "one value": [inode(1)],
  "values of one size": [inode(1), inode(2), inode(3)],
  "values of several sizes": [inode(1), inode(2, 77), inode(3)],
  "more than the first memory": Array.from({ length: 3000 }, (_, index) => inode(index % 200, index)),
})) {
  test(`${title}: the bytes are those of an array`, (t) => {
    t.true(Buffer.compare(encoded(values), image(values)) === 0);
  });
}

test("values that are not as announced are refused", (t) => {
  const refused = { instanceOf: RangeError };
  t.throws(() => encoded([inode(1, 5)], [inode(1)]), refused, "larger");
  t.throws(() => encoded([inode(1)], [inode(1, 5)]), refused, "smaller");
  const list = new ListEncoder(InodeLayout, 1, [inode(1)]);
  t.throws(() => image(list.values), refused, "missing");
  list.add(inode(1));
  t.throws(() => list.add(inode(2)), refused, "one too many");
});
