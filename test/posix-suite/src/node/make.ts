import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { type FixtureEntry, fixture, type Sparse } from "../fixture.ts";
import { modeOf } from "../modes.ts";
import { AT_FDCWD, System } from "../system.ts";
import { littleEndian } from "../little-endian.ts";
import { nodeEnvironment } from "./environment.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;

/** The fixture under Node. @param owner of what has no owner of its own */
export function nodeFixture(owner = 0): FixtureEntry[] {
  return fixture((text) => text, owner);
}

/**
 * Makes the fixture below `root`, an existing directory: the input of builds, and of tests of the cases themselves
 * on the kernel's own file systems. Needs root.
 */
export function makeOnDisk(root: string, entries: readonly FixtureEntry[]): void {
  const system = new System(nodeEnvironment());
  const at = (path: string): string => `${root}/${path}`;
  for (const entry of entries) {
    if (entry.linkTo === undefined) create(system, at(entry.path), entry);
    else linkSync(bytes(at(entry.linkTo)), bytes(at(entry.path)));
  }
  // Making an entry changes its directory's time, so times come last, and directories after what is in them.
  for (const entry of entries.toReversed()) if (entry.linkTo === undefined) setTime(system, at(entry.path), entry);
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

function create(system: System, path: string, entry: FixtureEntry): void {
  const { kind, permissions } = entry;
  switch (kind) {
    case "dir":
      if (entry.path !== "") mkdirSync(bytes(path));
      break;
    case "file":
      writeFileSync(bytes(path), bytes(entry.content ?? ""));
      if (entry.sparse !== undefined) makeSparse(path, entry.sparse);
      break;
    case "lnk":
      symlinkSync(bytes(entry.target ?? ""), bytes(path));
      break;
    default:
      system.call("mknodat", path, AT_FDCWD, path, modeOf(kind, permissions), deviceNumber(entry.device));
  }
  lchownSync(bytes(path), entry.uid, entry.gid);
  // Changing the owner takes set-uid bits and capabilities away, so they come after.
  if (kind !== "lnk") chmodSync(bytes(path), permissions);
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) {
    system.call("lsetxattr", path, path, name, value, value.length, 0);
  }
}

function makeSparse(path: string, { size, data }: Sparse): void {
  const file = openSync(bytes(path), "r+");
  ftruncateSync(file, size);
  for (const { offset, content } of data) writeSync(file, bytes(content), 0, content.length, offset);
  closeSync(file);
}

/** As mknod(2) takes it; major numbers beyond 4095 do not exist here. */
function deviceNumber({ major, minor } = { major: 0, minor: 0 }): number {
  return (minor % 256) + major * 256 + Math.floor(minor / 256) * 2 ** 20;
}

function setTime(system: System, path: string, { mtimeSeconds, mtimeNanoseconds }: FixtureEntry): void {
  const seconds = bytes("\0".repeat(8));
  seconds.writeBigInt64LE(BigInt(mtimeSeconds));
  const time = `${seconds.toString("latin1")}${littleEndian(mtimeNanoseconds, 8)}`;
  const times = system.environment.memory(32);
  system.environment.put(times, 0, `${time}${time}`);
  system.call("utimensat", path, AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}
