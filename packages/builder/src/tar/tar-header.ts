/** Headers of members, as POSIX has them (ustar, pax): the same member always has the same bytes. */
import { isUtf8 } from "node:buffer";

import type { SourceXattr } from "../source.ts";
import { BLOCK_BYTES } from "./header.ts";
import type { Member } from "./member.ts";
import { formatMoment } from "./numbers.ts";
import { formatRecord } from "./pax.ts";
import { mappedBytes, type SparseMap } from "./sparse-map.ts";

/** A member to be written. */
export type NewMember = Omit<Member, "offset" | "content">;

const types = { file: "0", link: "1", lnk: "2", chr: "3", blk: "4", dir: "5", fifo: "6" } as const;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** Larger numbers do not fit the octal digits of their fields. */
const LARGEST_ID = 0o7777777;
const LARGEST_SIZE = 0o77777777777;
const EXTENDED = { ...emptyFields(), name: "PaxHeaders/member", type: "x", permissions: 0o644 };

interface Fields {
  name: string;
  prefix: string;
  permissions: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  type: string;
  linkName: string;
  major: number;
  minor: number;
}

function emptyFields(): Fields {
  return {
    name: "",
    prefix: "",
    permissions: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    type: "0",
    linkName: "",
    major: 0,
    minor: 0,
  };
}

/** The header of a member, an extended header before it if it needs one, and the map of a file with holes after it. */
export function tarHeader(member: NewMember, map: SparseMap | undefined): Buffer {
  const { kind, name, linkName, permissions, uid, gid, mtimeSeconds, mtimeNanoseconds, major, minor } = member;
  const mapText = map === undefined ? Buffer.alloc(0) : mapBlocks(map, member.size);
  const size = map === undefined ? member.size : mapText.length + mappedBytes(map);
  const split = map === undefined ? splitName(name) : { name: sparseName(name), prefix: "" };
  const hasTime = mtimeNanoseconds === 0 && mtimeSeconds >= 0 && mtimeSeconds <= LARGEST_SIZE;
  const records = [
    ...(split === undefined ? [formatRecord("path", name)] : []),
    ...(linkName.length > NAME_BYTES ? [formatRecord("linkpath", linkName)] : []),
    ...(size > LARGEST_SIZE ? [formatRecord("size", `${size}`)] : []),
    ...(uid > LARGEST_ID ? [formatRecord("uid", `${uid}`)] : []),
    ...(gid > LARGEST_ID ? [formatRecord("gid", `${gid}`)] : []),
    ...(hasTime ? [] : [formatRecord("mtime", formatMoment({ seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds }))]),
    ...(map === undefined ? [] : sparseRecords(name, member.size)),
    ...member.xattrs.map(xattrRecord),
  ];
  const isText = [
    split === undefined || map !== undefined ? name : "",
    linkName.length > NAME_BYTES ? linkName : "",
  ].every((text) => isUtf8(Buffer.from(text, "latin1")));
  if (!isText) records.unshift(formatRecord("hdrcharset", "BINARY"));
  const header = block({
    ...(split ?? { name: name.slice(0, NAME_BYTES), prefix: "" }),
    permissions,
    uid: uid > LARGEST_ID ? 0 : uid,
    gid: gid > LARGEST_ID ? 0 : gid,
    size: size > LARGEST_SIZE ? 0 : size,
    mtime: Math.min(Math.max(mtimeSeconds, 0), LARGEST_SIZE),
    type: types[kind],
    linkName: linkName.slice(0, NAME_BYTES),
    major,
    minor,
  });
  if (records.length === 0) return Buffer.concat([header, mapText]);
  const text = Buffer.concat(records);
  return Buffer.concat([block({ ...EXTENDED, size: text.length }), padded(text), header, mapText]);
}

/**
 * The record that all tar programs share. Its name ends at the first "=", so an attribute with one in its name has libarchive's
 * record, in which it is written %3D.
 */
function xattrRecord({ key, val }: SourceXattr): Buffer {
  const name = key.toString("latin1");
  if (!name.includes("=")) return formatRecord(`SCHILY.xattr.${name}`, val);
  const encoded = name.replace(
    /[^!-$&-<>-~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return formatRecord(`LIBARCHIVE.xattr.${encoded}`, val.toString("base64").replace(/=+$/, ""));
}

/** Sparse files of version 1.0, which is GNU tar's newest. */
function sparseRecords(name: string, size: number): Buffer[] {
  return [
    formatRecord("GNU.sparse.major", "1"),
    formatRecord("GNU.sparse.minor", "0"),
    formatRecord("GNU.sparse.name", name),
    formatRecord("GNU.sparse.realsize", `${size}`),
  ];
}

/** The name of a sparse file for programs that do not know them. */
function sparseName(name: string): string {
  return `GNUSparseFile.0/${name.slice(name.lastIndexOf("/") + 1)}`.slice(0, NAME_BYTES);
}

/** The map before the content: lines in whole blocks. If the file ends in a hole, an empty piece is at its end. */
function mapBlocks(map: SparseMap, size: number): Buffer {
  const pieces: number[] = [];
  for (let at = 0; at < map.length; at += 2) pieces.push(map[at], map[at + 1] - map[at]);
  if (map.at(-1) !== size) pieces.push(size, 0);
  return padded(Buffer.from([pieces.length / 2, ...pieces].map((value) => `${value}\n`).join("")));
}

/** The two fields of a name, divided at a slash; undefined if it does not fit. */
function splitName(name: string): Pick<Fields, "name" | "prefix"> | undefined {
  if (name.length <= NAME_BYTES) return { name, prefix: "" };
  // The slash at the end of a directory's name is no division.
  const slash = name.lastIndexOf("/", Math.min(PREFIX_BYTES, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > NAME_BYTES) return undefined;
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) };
}

function block(fields: Fields): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, length: number): void => {
    bytes.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  };
  bytes.write(fields.name, 0, NAME_BYTES, "latin1");
  octal(fields.permissions, 100, 8);
  octal(fields.uid, 108, 8);
  octal(fields.gid, 116, 8);
  octal(fields.size, 124, 12);
  octal(fields.mtime, 136, 12);
  bytes.fill(" ", 148, 156);
  bytes.write(fields.type, 156, "latin1");
  bytes.write(fields.linkName, 157, NAME_BYTES, "latin1");
  bytes.write("ustar\u000000", 257, "latin1");
  octal(fields.major, 329, 8);
  octal(fields.minor, 337, 8);
  bytes.write(fields.prefix, 345, PREFIX_BYTES, "latin1");
  let sum = 0;
  for (const byte of bytes) sum += byte;
  // Six digits, a NUL and a space.
  octal(sum, 148, 7);
  bytes[154] = 0;
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % BLOCK_BYTES;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(BLOCK_BYTES - rest)]);
}
