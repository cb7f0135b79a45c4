import type { Kind } from "./modes.ts";

/**
 * The tree that the POSIX cases expect to find, as data: any backend can make it (in memory, on disk, as an image) and
 * must then show it exactly.
 */
export interface FixtureEntry {
  /** Path below the root, without a leading slash. All text here is bytes (see environment.ts). */
  path: string;
  kind: Kind;
  /** The 12 permission bits. */
  permissions: number;
  uid: number;
  gid: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  content?: string;
  /** Instead of content, where there are holes. */
  sparse?: Sparse;
  /** Of a symlink. */
  target?: string;
  device?: { major: number; minor: number };
  xattrs?: Record<string, string>;
  /** Path of an earlier entry that this is another name of; everything else is that entry's then. */
  linkTo?: string;
}

/** A file of `size` bytes that are zeros but for some data, in ascending order. */
export interface Sparse {
  size: number;
  data: readonly { offset: number; content: string }[];
}

export const TERABYTE = 1_099_511_627_776;

export const MANY = 20_000;
export const DEPTH = 100;

/** Content sizes around pages and readahead. */
export const SIZES = [0, 1, 511, 512, 4095, 4096, 4097, 65535, 65536, 131071, 131073, 1_000_003];

/** Name, size, and where there are data. */
const SPARSE: [name: string, size: number, offsets: number[]][] = [
  ["terabyte", TERABYTE + 1_000_000, [0, TERABYTE + 999_900]],
  ["nothing", 700_001, []],
  ["unaligned", 3_000_000, [12_345, 300_001, 1_000_003]],
  ["begins with a hole", 1_048_600, [1_048_570]],
  ["ends in a hole", 1_234_567, [100]],
  ["small holes", 400_000, [0, 70_000, 140_000, 210_000]],
];

/** Byte at `offset` of every file whose content the cases check by position. */
export function patternByte(offset: number): number {
  return (offset * 31 + (offset >>> 8) * 17 + (offset >>> 16)) & 0xff;
}

export function pattern(size: number, from = 0): string {
  const pieces: string[] = [];
  for (let offset = from; offset < from + size; offset++) pieces.push(String.fromCharCode(patternByte(offset)));
  return pieces.join("");
}

/** As they are written here; the fixture has them as bytes. */
const STRANGE_NAMES = [
  "new\nline",
  "back\\slash",
  " leading and trailing ",
  "-dash",
  "quote'\"",
  ".hidden",
  "...",
  "\xff\xfe\x80 not UTF-8",
  "\xc3\xbc UTF-8",
  "\x01\x7f control",
  "*?[a]",
  "n".repeat(255),
  "\xe9".repeat(255),
];

/** Bytes that are written in hex. */
function fromHex(hex: string): string {
  let bytes = "";
  for (let at = 0; at < hex.length; at += 2) bytes += String.fromCharCode(Number.parseInt(hex.slice(at, at + 2), 16));
  return bytes;
}

/** Version 2 of the kernel's ACL encoding, 8 bytes an entry: u::rw-, u:65534:r--, g::---, m::r--, o::--- */
const ACL_READ_NOBODY = "0200000001000600ffffffff02000400feff000004000000ffffffff10000400ffffffff20000000ffffffff";

/** `cap_net_raw` in the form of version 2. */
const CAPABILITY = "0100000200200000000000000000000000000000";

type Optional = Partial<Omit<FixtureEntry, "path" | "kind">>;

/**
 * All entries, parents before children; the root itself is "".
 *
 * @param latin1 of the environment: characters of this file beyond ASCII are bytes
 * @param owner user and group of what has no owner of its own: the tester, so that every directory can be entered
 */
export function fixture(latin1: (text: string) => string, owner = 0): FixtureEntry[] {
  const entries: FixtureEntry[] = [];
  const add = (path: string, kind: Kind, more: Optional = {}): void => {
    const permissions = kind === "dir" ? 0o755 : kind === "lnk" ? 0o777 : 0o644;
    const time = { mtimeSeconds: 1_600_000_000, mtimeNanoseconds: 123_456_789 };
    entries.push({ path, kind, permissions, uid: owner, gid: owner, ...time, ...more });
  };

  add("", "dir");
  add("hello", "file", { content: "hello, world\n" });
  add("empty-dir", "dir");
  add("sizes", "dir");
  for (const size of SIZES) add(`sizes/${size}`, "file", { content: pattern(size) });

  add("sparse", "dir");
  for (const [name, size, offsets] of SPARSE) {
    const data = offsets.map((offset) => ({ offset, content: `data at ${offset}` }));
    add(`sparse/${name}`, "file", { sparse: { size, data } });
  }

  add("names", "dir");
  for (const name of STRANGE_NAMES.map(latin1)) add(`names/${name}`, "file", { content: name });

  add("many", "dir");
  for (let index = 0; index < MANY; index++) add(`many/entry-${index}`, "file", { content: `${index}` });

  let deep = "deep";
  add(deep, "dir");
  for (let level = 1; level < DEPTH; level++) add((deep += "/d"), "dir");
  add(`${deep}/bottom`, "file", { content: "bottom" });

  add("links", "dir");
  add("links/relative", "lnk", { target: "../hello" });
  add("links/absolute", "lnk", { target: "/nowhere/at/all" });
  add("links/to-dir", "lnk", { target: "../sizes" });
  add("links/loop", "lnk", { target: "loop" });
  add("links/long", "lnk", { target: "t".repeat(4000) });
  add("links/bytes", "lnk", { target: latin1("\xff\n\x80") });

  add("hard", "dir");
  add("hard/other", "dir");
  add("hard/first", "file", { content: "linked" });
  add("hard/second", "file", { linkTo: "hard/first" });
  add("hard/other/third", "file", { linkTo: "hard/first" });
  add("hard/fifo", "fifo");
  add("hard/fifo-again", "fifo", { linkTo: "hard/fifo" });

  add("special", "dir");
  add("special/fifo", "fifo", { permissions: 0o600 });
  add("special/socket", "sock", { permissions: 0o700 });
  add("special/null", "chr", { permissions: 0o666, device: { major: 1, minor: 3 } });
  add("special/block", "blk", { permissions: 0o660, device: { major: 8, minor: 17 } });
  add("special/large-device", "chr", { permissions: 0o600, device: { major: 4095, minor: 1_048_575 } });

  add("modes", "dir");
  for (const permissions of [0o000, 0o400, 0o644, 0o1777, 0o2755, 0o4755, 0o7777]) {
    add(`modes/${permissions.toString(8)}`, "file", { permissions, content: "x" });
  }
  add("modes/sticky", "dir", { permissions: 0o1777 });
  add("modes/private", "dir", { permissions: 0o700 });
  add("modes/private/inside", "file");

  add("owners", "dir");
  for (const id of [1, 1000, 65534, 65536, 4_294_967_294]) add(`owners/${id}`, "file", { uid: id, gid: id });

  add("times", "dir");
  add("times/epoch", "file", { mtimeSeconds: 0, mtimeNanoseconds: 0 });
  add("times/before", "file", { mtimeSeconds: -1_000_000, mtimeNanoseconds: 1 });
  add("times/far", "file", { mtimeSeconds: 8_000_000_000, mtimeNanoseconds: 999_999_999 });

  add("xattrs", "dir", { xattrs: { "user.directory": "yes" } });
  add("xattrs/user", "file", {
    xattrs: {
      "user.binary": latin1("\0\xff\n\0"),
      "user.empty": "",
      "user.large": pattern(3000),
    },
  });
  add("xattrs/none", "file");
  add("xattrs/trusted", "file", { xattrs: { "trusted.secret": "s", "user.open": "o" } });
  add("xattrs/capability", "file", {
    permissions: 0o755,
    xattrs: { "security.capability": fromHex(CAPABILITY) },
  });
  add("acl", "dir");
  add("acl/nobody-reads", "file", {
    permissions: 0o640,
    content: "granted",
    xattrs: { "system.posix_acl_access": fromHex(ACL_READ_NOBODY) },
  });

  add("bin", "dir");
  add("bin/script", "file", { permissions: 0o755, content: "#!/bin/sh\necho ran $1\n" });
  return entries;
}
