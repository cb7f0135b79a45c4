/** Privileges of a process: capabilities, the root directory, and whether other processes may inspect it. */
import { constants, readlinkSync } from "node:fs";
import { openat, openatFollowing } from "./at-calls.ts";
import { close } from "./descriptors.ts";
import { hasCode } from "./errors.ts";
import { bind, check } from "./library.ts";
import { AT_FDCWD, O_PATH } from "./open-flags.ts";

const PR_SET_DUMPABLE = 4;
const PR_SET_SECUREBITS = 28;
const PR_GET_SECUREBITS = 27;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** A program executed as root gets no capabilities for that. */
const SECBIT_NOROOT = 1;
const CAPABILITY_VERSION = 0x20080522;

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;

export const CAP_DAC_OVERRIDE = 1;
export const CAP_SETPCAP = 8;
export const CAP_SYS_CHROOT = 18;
export const CAP_SYS_ADMIN = 21;

const prctl = bind("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)");
const capget = bind("int capget(void *header, void *sets)");
const capset = bind("int capset(const void *header, const void *sets)");
const fchdirNative = bind("int fchdir(int fd)");
const chrootNative = bind("int chroot(const void *path)");
const unshareNative = bind("int unshare(int flags)");
const setnsNative = bind("int setns(int fd, int type)");
const dup2Native = bind("int dup2(int from, int to)");

/** Capability sets of the calling thread, as words of effective, permitted, inheritable for capabilities 0-31, then 32-63. */
class Capabilities {
  readonly #header = new Uint32Array([CAPABILITY_VERSION, 0]);
  readonly sets = new Uint32Array(6);

  /** @param pid 0: the calling thread */
  constructor(pid = 0) {
    this.#header[1] = pid;
    check(capget(new Uint8Array(this.#header.buffer), new Uint8Array(this.sets.buffer)), "capget");
  }

  apply(): void {
    check(capset(new Uint8Array(this.#header.buffer), new Uint8Array(this.sets.buffer)), "capset");
  }
}

/**
 * Runs `start`, which starts a process from this thread. Of the capabilities of this process the new one, all of its
 * threads and all of its descendants have at most `kept`, also as root. Without privileges there is nothing to take away.
 */
export function withCapabilities<T>(kept: readonly number[], start: () => T): T {
  const securebits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  const before = new Capabilities();
  // Without CAP_SETPCAP, and where root has no special rights (SECBIT_NOROOT), a new process gets what this one was given.
  const mayTake = (before.sets[0] & (1 << CAP_SETPCAP)) !== 0 && (securebits & SECBIT_NOROOT) === 0;
  if (process.geteuid?.() !== 0 || !mayTake) return start();
  const during = new Capabilities();
  const held = kept.filter((capability) => (before.sets[1] & (1 << capability)) !== 0);
  for (const capability of held) during.sets[2] |= 1 << capability;
  during.apply();
  try {
    for (const capability of held) check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "prctl");
    check(prctl(PR_SET_SECUREBITS, securebits | SECBIT_NOROOT, 0, 0, 0), "prctl");
    return start();
  } finally {
    check(prctl(PR_SET_SECUREBITS, securebits, 0, 0, 0), "prctl");
    check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "prctl");
    before.apply();
  }
}

/** Whether a process has a capability in effect, in its own user namespace; false if there is no such process. */
export function hasCapability(pid: number, capability: number): boolean {
  try {
    return (new Capabilities(pid).sets[0] & (1 << capability)) !== 0;
  } catch (error) {
    if (hasCode(error, "ESRCH")) return false;
    throw error;
  }
}

const INITIAL_NAMESPACES = { pid: "pid:[4026531836]", user: "user:[4026531837]" };

/** Whether this process is in the first namespace of its kind, that of the machine. Without /proc, it is taken to be. */
export function inInitialNamespace(kind: keyof typeof INITIAL_NAMESPACES): boolean {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`) === INITIAL_NAMESPACES[kind];
  } catch {
    return true;
  }
}

/** Whether there is /proc: not so in some chroots and initramfs images. */
export function hasProc(): boolean {
  try {
    readlinkSync("/proc/self");
    return true;
  } catch {
    return false;
  }
}

/** Takes capabilities from the calling thread, irrevocably. */
export function dropCapabilities(dropped: readonly number[]): void {
  const held = new Capabilities();
  for (const capability of dropped) for (const set of [0, 1, 2]) held.sets[set] &= ~(1 << capability);
  held.apply();
}

/**
 * Keeps other processes of the same user from reading this one's memory and descriptors, and core dumps from being
 * written. What it executes gains nothing.
 */
export function becomeOpaque(): void {
  check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl");
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
}

/** Makes an opened directory the root and the working directory of this process, of all its threads. */
export function changeRoot(directory: number): void {
  check(fchdirNative(directory), "fchdir");
  check(chrootNative(Buffer.from(".\0")), "chroot");
}

/**
 * Runs `start`, which starts a process, while an opened directory is the root and the working directory of this one, and
 * so of the new one. Nothing else may open paths meanwhile.
 */
export function withRoot<T>(root: number, start: () => T): T {
  const before = openat(AT_FDCWD, "/", O_PATH | constants.O_DIRECTORY);
  try {
    return withWorkingDirectory(root, () => {
      changeRoot(root);
      try {
        return start();
      } finally {
        changeRoot(before);
      }
    });
  } finally {
    close(before);
  }
}

/**
 * Runs `start`, which starts a process, while the calling thread is in a mount namespace, and so the new process. Nothing else may open paths
 * meanwhile. From the first call on, process.chdir() and chroot(2) do not concern the other threads of this process. Needs /proc.
 */
export function withMountNamespace<T>(namespace: number, start: () => T): T {
  const own = openatFollowing(AT_FDCWD, "/proc/thread-self/ns/mnt", constants.O_RDONLY);
  const root = openat(AT_FDCWD, "/", O_PATH | constants.O_DIRECTORY);
  const directory = openat(AT_FDCWD, ".", O_PATH | constants.O_DIRECTORY);
  try {
    // setns(2) refuses a thread that shares its root directory with others.
    check(unshareNative(CLONE_FS), "unshare");
    check(setnsNative(namespace, CLONE_NEWNS), "setns");
    try {
      return start();
    } finally {
      check(setnsNative(own, CLONE_NEWNS), "setns");
      changeRoot(root);
      check(fchdirNative(directory), "fchdir");
    }
  } finally {
    for (const descriptor of [own, root, directory]) close(descriptor);
  }
}

/**
 * Runs `call` while an opened directory is the working directory: for system calls that take a path and have no form with
 * a descriptor. Unlike a path below /proc/self/fd it needs no /proc. Nothing else may open relative paths meanwhile.
 */
export function withWorkingDirectory<T>(directory: number, call: () => T): T {
  const before = openat(AT_FDCWD, ".", O_PATH | constants.O_DIRECTORY);
  try {
    check(fchdirNative(directory), "fchdir");
    try {
      return call();
    } finally {
      check(fchdirNative(before), "fchdir");
    }
  } finally {
    close(before);
  }
}

/** dup2(2): makes `to` a descriptor of the open file of `from`. */
export function dup2(from: number, to: number): void {
  check(dup2Native(from, to), "dup2");
}
