import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { AT_FDCWD, descriptorPath, lchown, lsetxattr, makedev, mknodat } from "@puzzlefs/linux";
import { setAcl, setCapability, setUserAttributes } from "./attributes.ts";
import { noise, prose } from "@puzzlefs/testing";
import { setTimes } from "./times.ts";

export interface HostileTreeOptions {
  /** Entries of the large directory. Default 20,000. */
  largeDirectory?: number;
  /** Size of the sparse file, bytes. Default 200 MB. */
  sparseBytes?: number;
  /** Include files that only root can make: devices, other owners, attributes of the system. Default: whether this process is root's. */
  privileged?: boolean;
  /** Also directories whose path exceeds PATH_MAX, which many tools cannot read. Their times are not fixed. */
  beyondPathMax?: boolean;
}

/** Where tools that handle blocks go wrong: pages, chunks of the default sizes, and buffers. */
const boundaries = [4096, 8192, 16384, 65536, 131072, 262144, 524288, 1 << 20];
const depth = 100;
const largestId = 0xfffffffe;

/**
 * Makes a tree with everything that has broken a tool that copies trees, the same on every machine, times included.
 * `root` must not exist. Without privileges, entries that only root can make or read are left out.
 */
export function makeHostileTree(root: string, options: HostileTreeOptions = {}): void {
  const at = (name: string): Buffer => Buffer.from(`${root}/${name}`, "latin1");
  const privileged = options.privileged ?? process.geteuid?.() === 0;
  mkdirSync(at(""));
  oddNames(at);
  boundarySizes(at);
  deepDirectories(at);
  largeDirectory(at, options.largeDirectory ?? 20_000);
  sparseFiles(at, options.sparseBytes ?? 200_000_000);
  specialFiles(at);
  modes(at, privileged);
  userAttributes(at);
  if (privileged) {
    devices(at);
    owners(at);
    systemAttributes(at);
  }
  hardLinks(at, privileged);
  setTimes(at(""));
  if (options.beyondPathMax === true) directoriesBeyondPathMax(root);
}

/** Makes a path, given in latin1, below the tree's root. */
type At = (name: string) => Buffer;

function oddNames(at: At): void {
  mkdirSync(at("names"));
  const names = [
    ..."new\nline|tab\there|space |  two|back\\slash|#hash|[brackets]|*|?|-rf|=|~|quote'\"|\x01\x7f|%41|..x|...|é".split(
      "|",
    ),
    "\xff\xfe\x80 not UTF-8",
    "\xc3\xa9 is UTF-8",
    "x".repeat(255),
    "\xe2\x82\xac".repeat(85),
  ];
  for (const [i, name] of names.entries()) writeFileSync(at(`names/${name}`), prose(i, 10 + i));
  // Neighbours in byte order that other orders put elsewhere.
  for (const name of ["a", "a-b", "a.b", "a0", "B", "_", "\x80"]) mkdirSync(at(`names/dir ${name}`));
  mkdirSync(at(`names/${"y".repeat(255)}`));
  writeFileSync(at(`names/${"y".repeat(255)}/${"z".repeat(255)}`), "long below long");
}

function boundarySizes(at: At): void {
  mkdirSync(at("sizes"));
  let seed = 0;
  for (const size of [0, 1, 2, ...boundaries.flatMap((boundary) => [boundary - 1, boundary, boundary + 1])]) {
    seed += 1;
    writeFileSync(at(`sizes/random-${size}`), noise(seed, size));
    writeFileSync(at(`sizes/text-${size}`), prose(seed, size));
    writeFileSync(at(`sizes/zero-${size}`), Buffer.alloc(size));
  }
  writeFileSync(at("sizes/same-as-random-65537"), noise(13, 65537));
  writeFileSync(at("sizes/also-the-same"), noise(13, 65537));
  writeFileSync(at("sizes/large"), noise(99, 5_000_011));
}

function deepDirectories(at: At): void {
  let path = "deep";
  for (let level = 1; level <= depth; level++) {
    mkdirSync(at(path));
    if (level % 10 === 0) writeFileSync(at(`${path}/file`), `level ${level}`);
    path += `/level-${level}`;
  }
  mkdirSync(at("empty-directory"));
}

/** Names that together exceed PATH_MAX, so each directory is made through a descriptor of its parent. */
function directoriesBeyondPathMax(root: string): void {
  let parent = openSync(root, "r");
  const name = Buffer.from("deep".repeat(25));
  for (let level = 0; level < 60; level++) {
    const path = descriptorPath(parent, name);
    mkdirSync(path);
    const next = openSync(path, "r");
    closeSync(parent);
    parent = next;
  }
  writeFileSync(descriptorPath(parent, Buffer.from("bottom")), "found");
  closeSync(parent);
}

function largeDirectory(at: At, entries: number): void {
  mkdirSync(at("large-directory"));
  for (let i = 0; i < entries; i++) writeFileSync(at(`large-directory/entry-${i}`), i % 10 === 0 ? `${i}` : "");
}

/** Data in the middle of holes, a hole at the end, nothing but a hole. */
function sparseFiles(at: At, size: number): void {
  const small = Math.min(size, 3_000_000);
  const files: [name: string, size: number, positions: number[]][] = [
    ["sparse", size, [0, 1_000_003, size - 5]],
    ["sparse-hole-at-the-end", small, [12_345]],
    ["sparse-nothing", small, []],
  ];
  for (const [name, length, positions] of files) {
    const descriptor = openSync(at(name), "w");
    ftruncateSync(descriptor, length);
    for (const position of positions) writeSync(descriptor, "data!", position);
    closeSync(descriptor);
  }
}

function specialFiles(at: At): void {
  mkdirSync(at("special"));
  mknodat(AT_FDCWD, at("special/fifo"), constants.S_IFIFO | 0o600);
  mknodat(AT_FDCWD, at("special/socket"), constants.S_IFSOCK | 0o755);
  symlinkSync("t".repeat(4000), at("special/link-4000"));
  symlinkSync(Buffer.from("nowhere/\n\xff", "latin1"), at("special/link-dangling"));
  symlinkSync("/etc/passwd", at("special/link-absolute"));
  symlinkSync("../../../../../..", at("special/link-up"));
  symlinkSync(".", at("special/link-here"));
}

function devices(at: At): void {
  const numbers: [name: string, type: number, major: number, minor: number][] = [
    ["chr-null", constants.S_IFCHR, 1, 3],
    ["chr-largest", constants.S_IFCHR, 4095, 1048575],
    ["chr-minor-256", constants.S_IFCHR, 10, 256],
    ["blk", constants.S_IFBLK, 259, 70000],
    ["blk-largest", constants.S_IFBLK, 4095, 1048575],
  ];
  for (const [name, type, major, minor] of numbers) {
    mknodat(AT_FDCWD, at(`special/${name}`), type | 0o640, makedev(major, minor));
  }
}

function hardLinks(at: At, privileged: boolean): void {
  for (const directory of ["links", "links/one", "links/two"]) mkdirSync(at(directory));
  writeFileSync(at("links/one/file"), noise(500, 100_000));
  for (const name of ["links/two/file", "links/third", "names/fourth"]) linkSync(at("links/one/file"), at(name));
  writeFileSync(at("links/small"), "small");
  linkSync(at("links/small"), at("links/one/small"));
  linkSync(at("special/fifo"), at("links/fifo"));
  linkSync(at("special/socket"), at("links/socket"));
  linkSync(at("special/link-4000"), at("links/symlink"));
  if (privileged) linkSync(at("special/chr-largest"), at("links/chr"));
}

function owners(at: At): void {
  mkdirSync(at("owners"));
  for (const id of [1, 1000, 65534, 65535, 65536, 0x7fffffff, 0x80000000, largestId]) {
    writeFileSync(at(`owners/file-${id}`), `${id}`);
    lchown(at(`owners/file-${id}`), id, largestId + 1 - id);
  }
  symlinkSync("x", at("owners/link"));
  lchown(at("owners/link"), 1234, largestId);
}

function modes(at: At, privileged: boolean): void {
  mkdirSync(at("modes"));
  for (const mode of [0, 0o1, 0o444, 0o644, 0o1644, 0o2755, 0o4755, 0o6711, 0o7777]) {
    if (!privileged && (mode & constants.S_IRUSR) === 0) continue;
    const name = mode.toString(8).padStart(4, "0");
    writeFileSync(at(`modes/file-${name}`), name);
    chmodSync(at(`modes/file-${name}`), mode);
    mkdirSync(at(`modes/dir-${name}`));
    chmodSync(at(`modes/dir-${name}`), mode);
  }
}

/** Any owner may set these, access control lists among them. */
function userAttributes(at: At): void {
  mkdirSync(at("attributes"));
  for (const name of ["user", "acl", "all"]) writeFileSync(at(`attributes/${name}`), name);
  for (const name of ["user", "all"]) setUserAttributes(at(`attributes/${name}`));
  for (const name of ["acl", "all"]) setAcl(at(`attributes/${name}`), "access");
  mkdirSync(at("attributes/directory"));
  setAcl(at("attributes/directory"), "access");
  setAcl(at("attributes/directory"), "default");
  lsetxattr(at("attributes/directory"), "user.directory", Buffer.from("d"));
  symlinkSync("user", at("attributes/link"));
}

function systemAttributes(at: At): void {
  for (const name of ["capability", "trusted"]) writeFileSync(at(`attributes/${name}`), name);
  for (const name of ["capability", "all"]) setCapability(at(`attributes/${name}`));
  for (const name of ["trusted", "all"]) {
    lsetxattr(at(`attributes/${name}`), "trusted.origin", Buffer.from("t"));
  }
  lsetxattr(at("attributes/link"), "trusted.link", Buffer.from("of the link itself"));
}
