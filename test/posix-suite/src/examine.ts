/**
 * Many images mounted one after the other, each looked at a little: the driver's message, or a part of its tree.
 * Mounts are not attached to a directory (fsopen(2)), so that they take little time and have messages of their own.
 */
import { errorName } from "./calls.ts";
import type { Memory } from "./environment.ts";
import type { Status } from "./status.ts";
import { O_RDONLY, type RawEntry, type System, SystemFailure } from "./system.ts";
import { littleEndian } from "./little-endian.ts";

export interface ExamineSettings {
  /** An OCI layout. */
  store: string;
  /** More mount options, "a=b,c=d". */
  more: string;
  /** Names that are looked at in each image. */
  names: number;
}

const SET_FLAG = 0;
const SET_STRING = 1;
const CREATE = 6;
const PAGE = 4096;

/** A directory that is still to be listed. */
interface OpenDirectory {
  descriptor: number;
  path: string;
}

export class Examiner {
  private readonly system: System;
  private readonly settings: ExamineSettings;
  private readonly print: (line: string) => void;
  private readonly page: Memory;

  constructor(system: System, settings: ExamineSettings, print: (line: string) => void) {
    this.system = system;
    this.settings = settings;
    this.print = print;
    this.page = system.environment.memory(PAGE);
  }

  /**
   * One image, by its manifest and perhaps more options, "sha256,a=b": a line with these, `mounted` or the name of the error, and the
   * driver's message; then a line for each name, breadth first, with what is there or the name of the error.
   */
  examine(manifest: string): void {
    const { system } = this;
    const context = system.call("fsopen", "puzzlefs", "puzzlefs", 0);
    const failed = this.configure(context, manifest);
    if (failed < 0) {
      this.print(`${manifest} ${errorName(-failed)} ${this.message(context)}`);
      system.close(context);
      return;
    }
    const mount = system.call("fsmount", manifest, context, 0, 0);
    system.close(context);
    this.print(`${manifest} mounted`);
    const root = system.openAt(mount, ".");
    this.walk(root);
    system.close(root);
    system.close(mount);
  }

  /** 0, or minus the number of the error. */
  private configure(context: number, manifest: string): number {
    const options = [`oci_root_dir=${this.settings.store}`];
    const given = `image_manifest=${manifest},${this.settings.more}`;
    for (const option of given.split(",")) if (option !== "") options.push(option);
    for (const option of options) {
      const equals = option.indexOf("=");
      const result =
        equals < 0
          ? this.system.raw("fsconfig", context, SET_FLAG, option, undefined, 0)
          : this.system.raw("fsconfig", context, SET_STRING, option.slice(0, equals), option.slice(equals + 1), 0);
      if (result < 0) return result;
    }
    return this.system.raw("fsconfig", context, CREATE, undefined, undefined, 0);
  }

  /** The first of the messages that the context has. */
  private message(context: number): string {
    const room = 1024;
    const memory = this.system.environment.memory(room);
    const length = this.system.raw("read", context, memory, room);
    return length > 0 ? this.system.environment.bytes(memory, 0, length).split("\n")[0] : "";
  }

  private walk(root: number): void {
    const pending: OpenDirectory[] = [{ descriptor: root, path: "" }];
    let left = this.settings.names;
    for (let at = 0; at < pending.length; at++) {
      const { descriptor, path } = pending[at];
      for (const entry of left > 0 ? this.names(descriptor) : []) {
        if (left <= 0) break;
        left--;
        const name = `${path}/${hex(entry.name)}`;
        const status = this.statusOf(descriptor, entry.name);
        const shown = status instanceof SystemFailure ? status.code : this.look(descriptor, entry, status);
        this.print(`${name} ${shown}`);
        if (entry.kind === "dir" && !(status instanceof SystemFailure))
          pending.push({ descriptor: this.system.openAt(descriptor, entry.name), path: name });
      }
      if (at > 0) this.system.close(descriptor);
    }
  }

  /** Enough names of a directory, in the order in which it lists them. */
  private names(directory: number): RawEntry[] {
    const names: RawEntry[] = [];
    while (names.length < this.settings.names) {
      const more = this.system.entries(directory, PAGE);
      if (more.length === 0) break;
      for (const entry of more) if (entry.name !== "." && entry.name !== "..") names.push(entry);
    }
    return names;
  }

  /** An inode that breaks a rule is refused when its name is looked up. */
  private statusOf(directory: number, name: string): Status | SystemFailure {
    try {
      return this.system.statusAt(directory, name);
    } catch (error) {
      if (error instanceof SystemFailure) return error;
      throw error;
    }
  }

  private look(directory: number, entry: RawEntry, status: Status): string {
    const { system } = this;
    const { kind, mode, nlink, uid, gid, size, major, minor } = status;
    if (kind !== entry.kind) throw new Error(`${hex(entry.name)}: listed as ${entry.kind}, is ${kind}`);
    if (status.ino !== entry.ino) throw new Error(`${hex(entry.name)}: d_ino is not st_ino`);
    const length = kind === "file" || kind === "lnk" ? size : 0;
    let text = `${kind} ${mode} ${nlink} ${uid} ${gid} ${length} ${major}:${minor}`;
    if (kind === "lnk") text += ` ${hex(system.readlinkAt(directory, entry.name))}`;
    if (kind === "file") text += this.ends(directory, entry.name, size);
    return text + this.xattrs(`/proc/self/fd/${directory}/${entry.name}`);
  }

  /** The first page of a file, and its last. */
  private ends(directory: number, name: string, size: number): string {
    const descriptor = this.system.openAt(directory, name, O_RDONLY);
    const last = size - (size % PAGE === 0 ? PAGE : size % PAGE);
    let text = "";
    if (size > 0) text += ` ${this.digest(descriptor, 0)}`;
    if (size > PAGE) text += ` ${this.digest(descriptor, last)}`;
    this.system.close(descriptor);
    return text;
  }

  private digest(descriptor: number, offset: number): string {
    const count = this.system.raw("pread64", descriptor, this.page, PAGE, this.wide(offset));
    if (count < 0) return errorName(-count);
    const hash = this.system.environment.sha256();
    hash.update(this.page, count);
    return hash.digest().slice(0, 16);
  }

  /** Offsets go to the call as 64-bit integers, whatever numbers are here. */
  private wide(offset: number): ReturnType<System["environment"]["wide"]> {
    return this.system.environment.wide(littleEndian(offset, 8));
  }

  private xattrs(path: string): string {
    const { system } = this;
    let text = "";
    const names = system.xattrNames(path);
    names.sort();
    for (const name of names) {
      // The kernel decides the result: it has no user.* of devices, and reads access control lists itself.
      system.raw("lgetxattr", path, name, this.page, PAGE);
      if (!name.startsWith("system.")) text += ` ${hex(name)}`;
    }
    return text;
  }
}

const digits = "0123456789abcdef";

function hex(bytes: string): string {
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes.charCodeAt(at);
    text += digits.charAt(byte >>> 4) + digits.charAt(byte & 15);
  }
  return text;
}
