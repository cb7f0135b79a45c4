import { MAX_NAME_BYTES, MAX_XATTR_NAMES_BYTES, MAX_XATTR_VALUE_BYTES } from "@puzzlefs/format";
import type { SourceXattr } from "../source.ts";
import type { Header } from "./header.ts";
import { decimal, parseMoment } from "./numbers.ts";
import type { PaxRecord } from "./pax.ts";
import { SparseMapBuilder } from "./sparse-map.ts";

/** What the records of an extended header say about the next member. */
export interface Extension {
  path?: string;
  linkPath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtimeSeconds?: number;
  mtimeNanoseconds?: number;
  xattrs: SourceXattr[];
  sparse?: SparseExtension;
  /** Things that are not taken over, by a name for messages. */
  ignored: Set<string>;
}

/** Sparse members of the versions 0.0, 0.1 and 1.0. */
export interface SparseExtension {
  /** Undefined: at the beginning of the content (1.0). */
  map: SparseMapBuilder | undefined;
  size: number;
}

const XATTR = "SCHILY.xattr.";
const LIBARCHIVE_XATTR = "LIBARCHIVE.xattr.";
const ACL = /^SCHILY\.acl\./;
/** Records that repeat what is known, or of which no image has any: access and change times, names of owners, numbers of inodes. */
const SILENT =
  /^(?:atime|ctime|comment|charset|hdrcharset|uname|gname|LIBARCHIVE\.creationtime|SCHILY\.(?:dev|ino|nlink|devmajor|devminor|filetype|realsize|acl\.type|archtype|volhdr\..*|release)|RHT\.security\.selinux)$/;

/** Reads the records of an extended header. A message if one of them is wrong. */
export function readExtension(records: readonly PaxRecord[]): Extension | string {
  const extension: Extension = { xattrs: [], ignored: new Set() };
  const xattrs = new Map<string, Buffer>();
  const fallback = new Map<string, Buffer>();
  const sparse = new Map<string, string>();
  const pairs: string[] = [];
  for (const { key, value } of records) {
    if (key.startsWith(XATTR)) {
      xattrs.set(key.slice(XATTR.length), value);
      continue;
    }
    if (key.startsWith(LIBARCHIVE_XATTR)) {
      const name = percentDecoded(key.slice(LIBARCHIVE_XATTR.length));
      fallback.set(name, Buffer.from(value.toString("latin1"), "base64"));
      continue;
    }
    const text = value.toString("latin1");
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") pairs.push(text);
    else if (key.startsWith("GNU.sparse.")) sparse.set(key.slice("GNU.sparse.".length), text);
    // With an empty value the field of the header counts.
    else if (text !== "") {
      const problem = applyRecord(extension, key, text);
      if (problem !== undefined) return problem;
    }
  }
  const problem = addXattrs(extension, xattrs, fallback) ?? applySparse(extension, sparse, pairs);
  return problem ?? extension;
}

function applyRecord(extension: Extension, key: string, text: string): string | undefined {
  switch (key) {
    case "path":
    case "linkpath":
      if (text.includes("\0")) return `${key} has a NUL`;
      extension[key === "path" ? "path" : "linkPath"] = text;
      return undefined;
    case "size":
    case "uid":
    case "gid": {
      const value = decimal(text);
      if (value === undefined) return `${key} is no number of up to 53 bits`;
      extension[key] = value;
      return undefined;
    }
    case "mtime": {
      const moment = parseMoment(text);
      if (moment === undefined) return "mtime is no time";
      extension.mtimeSeconds = moment.seconds;
      extension.mtimeNanoseconds = moment.nanoseconds;
      return undefined;
    }
    default:
      if (ACL.test(key)) extension.ignored.add("access control list as text");
      else if (key === "SCHILY.fflags") extension.ignored.add("inode flags");
      else if (!SILENT.test(key)) extension.ignored.add("unknown record of an extended header");
      return undefined;
  }
}

/**
 * Attributes in the record that tar programs share. libarchive writes all of them a second time, in a record of its own. Only there a
 * name may have "=", so others of that kind are left out, as container tools do.
 */
function addXattrs(
  extension: Extension,
  xattrs: Map<string, Buffer>,
  fallback: ReadonlyMap<string, Buffer>,
): string | undefined {
  for (const [name, value] of fallback) {
    if (!name.includes("=")) {
      if (!xattrs.has(name)) extension.ignored.add("attribute in a record of libarchive");
      continue;
    }
    // How the shared record of the same attribute is read, cut at the wrong "=".
    const cut = name.slice(0, name.indexOf("="));
    const misread = xattrs.get(cut);
    const rest = Buffer.from(`${name.slice(cut.length + 1)}=`, "latin1");
    if (misread?.equals(Buffer.concat([rest, value])) === true) xattrs.delete(cut);
    xattrs.set(name, value);
  }
  let names = 0;
  for (const [name, val] of xattrs) {
    names += name.length + 1;
    if (name.length === 0 || name.length > MAX_NAME_BYTES || name.includes("\0"))
      return `the name of an extended attribute is not of 1 to ${MAX_NAME_BYTES} bytes without NUL`;
    if (val.length > MAX_XATTR_VALUE_BYTES)
      return `an extended attribute of ${val.length} bytes; ${MAX_XATTR_VALUE_BYTES} at most`;
    if (names > MAX_XATTR_NAMES_BYTES)
      return `names of extended attributes of more than ${MAX_XATTR_NAMES_BYTES} bytes`;
    extension.xattrs.push({ key: Buffer.from(name, "latin1"), val });
  }
  return undefined;
}

function percentDecoded(name: string): string {
  return name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Versions of sparse members: 0.0 has a record for each number, 0.1 one with all of them, 1.0 has them before the content. */
function applySparse(
  extension: Extension,
  sparse: ReadonlyMap<string, string>,
  pairs: readonly string[],
): string | undefined {
  if (sparse.size === 0 && pairs.length === 0) return undefined;
  const version = `${sparse.get("major") ?? "0"}.${sparse.get("minor") ?? "0"}`;
  const size = decimal(sparse.get("realsize") ?? sparse.get("size") ?? "");
  if (size === undefined) return "a sparse file without a size";
  extension.path = sparse.get("name") ?? extension.path ?? "";
  if (extension.path === "") delete extension.path;
  if (extension.path?.includes("\0") === true) return "GNU.sparse.name has a NUL";
  if (version === "1.0") {
    extension.sparse = { map: undefined, size };
    return undefined;
  }
  if (version !== "0.0" && version !== "0.1") return "a sparse file of an unknown version";
  const numbers = sparse.has("map") ? (sparse.get("map") ?? "").split(",") : pairs;
  const map = new SparseMapBuilder();
  if (numbers.length % 2 !== 0 && numbers.join("") !== "")
    return "the map of a sparse file has an odd number of values";
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    const [start, length] = [decimal(numbers[at]), decimal(numbers[at + 1])];
    if (start === undefined || length === undefined || !map.add(start, length))
      return "the map of a sparse file is wrong";
  }
  extension.sparse = { map, size };
  return undefined;
}

/** Owner and time of a member. A message where no image can have them. */
export function ownerProblem({ uid, gid }: Pick<Header, "uid" | "gid">): string | undefined {
  for (const [what, id] of Object.entries({ uid, gid }))
    if (id < 0 || id > LARGEST_ID) return `${what} ${id} is not between 0 and ${LARGEST_ID}`;
  return undefined;
}

const LARGEST_ID = 0xffffffff;
