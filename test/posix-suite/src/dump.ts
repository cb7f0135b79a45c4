/**
 * The canonical dump of a mounted tree, line for line what `puzzlefs dump` prints of an image (packages/reader/src/dump.ts
 * documents the fields), seen through system calls alone: d_type, statx, readlink, xattrs, read.
 */
import { type RawEntry, type System, SystemFailure } from "./system.ts";
import type { Status } from "./status.ts";

const ofTheHost = ["security.selinux", "btrfs.", "system.nfs4_acl", "system.nfs4_dacl", "system.nfs4_sacl"];

export interface DumpSettings {
  /** Modification times; default true. */
  times?: boolean;
  /** Print the error's name for content, entries and attributes that the system refuses to return, instead of failing. */
  refusals?: boolean;
}

const plainFrom = 0x21;
const plainTo = 0x7e;
const backslash = 0x5c;
const hexDigits = "0123456789abcdef";

function escape(bytes: string, equals = false): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes.charCodeAt(at);
    const character = bytes.charAt(at);
    const plain = byte >= plainFrom && byte <= plainTo && byte !== backslash && !(equals && character === "=");
    text += plain ? character : `\\x${hexDigits.charAt(byte >>> 4)}${hexDigits.charAt(byte & 15)}`;
  }
  return text;
}

function isOfTheHost(name: string): boolean {
  return ofTheHost.some((start) => name.startsWith(start));
}

/** A directory that is being gone through. */
interface Level {
  descriptor: number;
  /** Escaped; empty for the root. */
  path: string;
  /** Sorted, those not yet visited last to first. */
  pending: RawEntry[];
}

class TreeDump {
  private readonly system: System;
  private readonly times: boolean;
  private readonly refusals: boolean;
  private readonly write: (line: string) => void;
  /** Of files with several names, by inode number. */
  private readonly firstPaths = new Map<string, string>();
  private readonly digests = new Map<string, string>();

  constructor(system: System, write: (line: string) => void, settings: DumpSettings) {
    this.system = system;
    this.write = write;
    this.times = settings.times ?? true;
    this.refusals = settings.refusals ?? false;
  }

  run(root: string): void {
    const status = this.system.status(root, true);
    const device = `${status.deviceMajor}:${status.deviceMinor}`;
    const top = this.system.open(root);
    this.line(top, ".", "/", status, "-");
    const levels = [this.level(top, "")];
    while (levels.length > 0) {
      const level = levels[levels.length - 1];
      const entry = level.pending.pop();
      if (entry === undefined) {
        this.system.close(level.descriptor);
        levels.pop();
        continue;
      }
      const path = `${level.path}/${escape(entry.name)}`;
      const found = this.system.statusAt(level.descriptor, entry.name);
      if (found.kind !== entry.kind) throw new Error(`${path}: d_type is ${entry.kind}, the mode's type ${found.kind}`);
      if (found.ino !== entry.ino) throw new Error(`${path}: d_ino is not st_ino`);
      const same = `${found.deviceMajor}:${found.deviceMinor}` === device;
      let below: Level | undefined;
      const open = (): string => {
        below = this.level(this.system.openAt(level.descriptor, entry.name), path);
        return "-";
      };
      const refusal = found.kind === "dir" && same ? this.orError(open) : "-";
      this.line(level.descriptor, entry.name, path, found, refusal);
      if (below !== undefined) levels.push(below);
    }
  }

  /** The result of `ask`, or the name of the error with which the system refuses it. */
  private orError(ask: () => string): string {
    try {
      return ask();
    } catch (error) {
      if (this.refusals && error instanceof SystemFailure) return error.code;
      throw error;
    }
  }

  private level(descriptor: number, path: string): Level {
    const pending: RawEntry[] = [];
    for (;;) {
      const more = this.system.entries(descriptor, 131072);
      if (more.length === 0) break;
      for (const entry of more) if (entry.name !== "." && entry.name !== "..") pending.push(entry);
    }
    pending.sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? 1 : -1));
    return { descriptor, path, pending };
  }

  /** @param refusal instead of a digest, if a directory cannot be listed; otherwise "-" */
  private line(directory: number, name: string, path: string, status: Status, refusal: string): void {
    const { kind, mode, ino, nlink, mtime } = status;
    const shared = kind !== "dir" && nlink > 1;
    let firstPath = "-";
    if (shared) {
      firstPath = this.firstPaths.get(ino) ?? path;
      this.firstPaths.set(ino, firstPath);
    }
    const nanoseconds = `${mtime.nanoseconds}`.padStart(9, "0");
    const fields = [
      path,
      kind,
      (mode & 0o7777).toString(8).padStart(4, "0"),
      `${status.uid}`,
      `${status.gid}`,
      kind === "file" || kind === "lnk" ? `${status.size}` : "0",
      `${nlink}`,
      kind === "chr" || kind === "blk" ? `${status.major}:${status.minor}` : "-",
      this.times ? `${mtime.seconds}.${nanoseconds}` : "-",
      firstPath,
      kind === "lnk" ? escape(this.system.readlinkAt(directory, name)) : "-",
      kind === "file" ? this.orError(() => this.digest(directory, name, shared ? ino : undefined)) : refusal,
    ];
    for (const text of this.xattrs(`/proc/self/fd/${directory}/${name}`)) fields.push(text);
    this.write(fields.join(" "));
  }

  private digest(directory: number, name: string, shared: string | undefined): string {
    const known = shared === undefined ? undefined : this.digests.get(shared);
    if (known !== undefined) return known;
    const file = this.system.openAt(directory, name);
    const digest = this.system.sha256(file);
    this.system.close(file);
    if (shared !== undefined) this.digests.set(shared, digest);
    return digest;
  }

  private xattrs(path: string): string[] {
    const names = this.xattrNames(path).filter((name) => !isOfTheHost(name));
    names.sort();
    return names.map((name) => `${escape(name, true)}=${this.orError(() => escape(this.system.xattr(path, name)))}`);
  }

  /** FUSE may report for a tree without any attributes that it has none: then the kernel does not ask again. */
  private xattrNames(path: string): string[] {
    try {
      return this.system.xattrNames(path);
    } catch (error) {
      if (error instanceof SystemFailure && error.code === "EOPNOTSUPP") return [];
      throw error;
    }
  }
}

/** @throws SystemFailure; Error where two ways of asking disagree */
export function dumpMounted(
  system: System,
  root: string,
  write: (line: string) => void,
  settings: DumpSettings = {},
): void {
  new TreeDump(system, write, settings).run(root);
}
