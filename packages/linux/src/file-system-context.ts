/**
 * The kernel's newer mount API: a file system is configured word by word, and reports by messages what it does not
 * accept, which mount(2) cannot. See fsopen(2), fsconfig(2), fsmount(2), move_mount(2).
 */
import { constants, readSync } from "node:fs";
import { openat } from "./at-calls.ts";
import { close } from "./descriptors.ts";
import { bytesOf, textOf } from "./encoding.ts";
import { hasCode, MissingProcError } from "./errors.ts";
import { bind, SystemError } from "./library.ts";
import { openNamed } from "./named-path.ts";
import { moveMount } from "./mounts.ts";
import { O_PATH } from "./open-flags.ts";
import { nulTerminated } from "./paths.ts";
import { hasProc } from "./privileges.ts";

// By number, the same on every architecture: the C library has names for them only since glibc 2.36.
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
const fsopen = bind("long syscall(long number, void *type, unsigned int flags)");
const fsconfig = bind("long syscall(long number, int context, unsigned int command, void *key, void *value, int aux)");
const fsmount = bind("long syscall(long number, int context, unsigned int flags, unsigned int attributes)");

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_SET_FD = 5;
const FSCONFIG_CMD_CREATE = 6;

/** Longest value that fsconfig(2) takes, bytes. */
const LONGEST_VALUE = 255;
const MESSAGE_BYTES = 4096;

/** A refusal of the kernel, with the message that it wrote. */
export class KernelRefusal extends Error {
  override readonly name = "KernelRefusal";
  /** "EPERM" */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function refusal(result: number, message: string): KernelRefusal {
  const { code } = new SystemError(-result, "mount");
  return new KernelRefusal(code, `${message} (${code})`);
}

/** A file system that is being configured, and mounted at last. Every call throws KernelRefusal. */
export class FileSystemContext {
  readonly #descriptor: number;
  readonly #type: string;
  /** Directories that options refer to by their descriptors. */
  readonly #directories: number[] = [];

  /** Loads the file system's module where there is one. ENODEV if the kernel has no such file system, EPERM, ENOSYS. */
  constructor(type: string) {
    this.#type = type;
    const result = fsopen(SYS_FSOPEN, nulTerminated(type), FSOPEN_CLOEXEC);
    if (result < 0) throw refusal(result, `${type}: the kernel does not have this file system`);
    this.#descriptor = result;
  }

  set(key: string, value: string): void {
    const [name, text] = [nulTerminated(key), nulTerminated(value)];
    this.#call(`${key}=`, () => fsconfig(SYS_FSCONFIG, this.#descriptor, FSCONFIG_SET_STRING, name, text, 0));
  }

  setFlag(key: string): void {
    const name = nulTerminated(key);
    this.#call(key, () => fsconfig(SYS_FSCONFIG, this.#descriptor, FSCONFIG_SET_FLAG, name, null, 0));
  }

  /** Sets an option whose value is a directory: a descriptor, or a path, whatever it consists of. */
  setDirectory(key: string, directory: string | number): void {
    if (typeof directory === "number") return this.#setDescriptor(key, directory);
    const plain = bytesOf(directory).length <= LONGEST_VALUE && !/[,:\\]/.test(directory);
    this.set(key, plain ? directory : `/proc/self/fd/${this.#open(directory)}`);
  }

  /** Makes the file system, which ends with this object unless it is mounted: mountOn() does both. */
  create(): void {
    this.#call("create", () => fsconfig(SYS_FSCONFIG, this.#descriptor, FSCONFIG_CMD_CREATE, null, null, 0));
  }

  /**
   * Mounts on an opened directory.
   *
   * @param attributes MOUNT_ATTR_*
   */
  mountOn(target: number, attributes: number): void {
    const mount = this.mountApart(attributes);
    try {
      this.attach(mount, target);
    } finally {
      close(mount);
    }
  }

  /** Makes the file system and a mount of it at no path, which ends when the returned descriptor is closed, unless it has been attached. */
  mountApart(attributes: number): number {
    this.create();
    return this.#call("fsmount", () => fsmount(SYS_FSMOUNT, this.#descriptor, FSMOUNT_CLOEXEC, attributes));
  }

  /** Puts what mountApart() returned on an opened directory. */
  attach(mount: number, target: number): void {
    try {
      moveMount(mount, target);
    } catch (error) {
      throw error instanceof SystemError ? refusal(-error.errno, `${this.#type}: move_mount failed`) : error;
    }
  }

  [Symbol.dispose](): void {
    close(this.#descriptor);
    for (const directory of this.#directories) close(directory);
  }

  /** The path that /proc/mounts shows is the directory's where the file system takes descriptors (overlayfs since 6.13). */
  #setDescriptor(key: string, directory: number): void {
    const descriptor = openat(directory, ".", constants.O_RDONLY | constants.O_DIRECTORY);
    this.#directories.push(descriptor);
    const name = nulTerminated(key);
    if (fsconfig(SYS_FSCONFIG, this.#descriptor, FSCONFIG_SET_FD, name, null, descriptor) === 0) return;
    this.#messages();
    if (!hasProc()) throw new MissingProcError(`this kernel takes ${key}= of ${this.#type} only as a path below it`);
    this.set(key, `/proc/self/fd/${descriptor}`);
  }

  #open(path: string): number {
    const descriptor = openNamed(path, O_PATH | constants.O_DIRECTORY);
    this.#directories.push(descriptor);
    return descriptor;
  }

  #call(what: string, call: () => number): number {
    const result = call();
    if (result >= 0) return result;
    const message = this.#messages();
    throw refusal(result, message === "" ? `${this.#type}: ${what} failed` : message);
  }

  /** The messages of the file system: each read(2) returns one, "e puzzlefs: …" for an error. */
  #messages(): string {
    const lines: string[] = [];
    const buffer = Buffer.alloc(MESSAGE_BYTES);
    try {
      for (;;)
        lines.push(
          textOf(buffer.subarray(0, readSync(this.#descriptor, buffer)))
            .trim()
            .replace(/^[ewi] /, ""),
        );
    } catch (error) {
      if (!hasCode(error, "ENODATA")) throw error;
    }
    return lines.join("; ");
  }
}
