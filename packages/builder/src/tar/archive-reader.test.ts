import { Random } from "@puzzlefs/testing";
import test from "ava";

import { ArchiveReader } from "./archive-reader.ts";
import { ArchiveError } from "./layer-error.ts";
import { tarHeader, type NewMember } from "./tar-header.ts";

const plain: NewMember = {
  name: "name",
  kind: "file",
  linkName: "",
  uid: 0,
  gid: 0,
  permissions: 0o644,
  major: 0,
  minor: 0,
  mtimeSeconds: 1,
  mtimeNanoseconds: 0,
  size: 0,
  xattrs: [],
};

function randomArchive(random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let count = random.below(6); count > 0; count--) {
    const isSparse = random.once(3);
    const size = random.below(3000);
    const map = isSparse ? [100, 100 + (size >> 2)] : undefined;
    const content = Buffer.alloc(map === undefined ? size : map[1] - map[0], count);
    const name = "n".repeat(1 + random.below(150));
    const member = { ...plain, name, mtimeNanoseconds: random.below(2), size: isSparse ? 4000 : size };
    parts.push(tarHeader(member, map), content, Buffer.alloc(-content.length & 511));
  }
  return Buffer.concat([...parts, Buffer.alloc(random.below(3) * 512)]);
}

/** What is read of an archive that comes in pieces. */
function read(archive: Iterable<Buffer>): string[] {
  const events: string[] = [];
  let content = "";
  const reader = new ArchiveReader({
    data: (bytes) => (content += Buffer.from(bytes).toString("latin1")),
    member: (member, map) => {
      events.push(JSON.stringify([member, map, content]));
      content = "";
    },
    ignored: (what, name) => events.push(`${what} ${name}`),
  });
  for (const piece of archive) reader.write(piece);
  reader.end();
  return events;
}

function* pieces(bytes: Buffer, random: Random, most: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const end = at + random.below(most + 1);
    // Its memory is used again, as that of a decompressor.
    const piece = Buffer.from(bytes.subarray(at, end));
    yield piece;
    piece.fill(0xaa);
    at = end;
  }
}

test("the sizes of the pieces that an archive comes in have no effect", (t) => {
  const random = new Random();
  for (let times = 0; times < 50; times++) {
    const archive = randomArchive(random);
    const whole = read([archive]);
    for (const most of [1, 7, 511, 512, 513, 5000]) t.deepEqual(read(pieces(archive, random, most)), whole);
  }
});

test("changed bytes: members, or an ArchiveError; nothing else", (t) => {
  const random = new Random();
  let refused = 0;
  for (let times = 0; times < 2000; times++) {
    const archive = randomArchive(random);
    if (archive.length === 0) continue;
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      const at = random.below(archive.length);
      archive[at] = random.once(2) ? random.below(256) : archive[at] ^ (1 << random.below(8));
    }
    // A right checksum lets the other fields be read.
    for (let at = 0; at + 512 <= archive.length; at += 512)
      if (archive.toString("latin1", at + 257, at + 262) === "ustar") sign(archive.subarray(at, at + 512));
    try {
      read(pieces(archive, random, 3000));
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
      refused++;
    }
  }
  t.true(refused > 100, `${refused} refused`);
});

function sign(block: Buffer): void {
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
