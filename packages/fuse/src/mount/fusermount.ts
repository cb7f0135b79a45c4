import { execFile, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, readSync } from "node:fs";
import { commandOfBytes, createMemory, errorCode, reasonOf, receiveDescriptor, socketpair } from "@puzzlefs/linux";
import { MountError } from "./errors.ts";
import type { MountOptions } from "./options.ts";

/** Directories of the set-uid program. PATH is not used: another user may have set it. */
const DIRECTORIES = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];
const NAME = "fusermount3";
const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

function findProgram(): string {
  return DIRECTORIES.map((directory) => `${directory}/${NAME}`).find((path) => existsSync(path)) ?? `/usr/bin/${NAME}`;
}

/**
 * Mounts through the set-uid program fusermount3, which an ordinary user needs, and returns the device's descriptor,
 * received over a socket. It forces nosuid and nodev.
 *
 * @param pair for auto_unmount: the socket pair; the program stays, and unmounts when all have closed the first of it
 */
export function fusermount(mountpoint: string, options: MountOptions, pair?: readonly [number, number]): number {
  const [ours, theirs] = pair ?? socketpair();
  const [program, argv] = commandOfBytes(findProgram(), ["-o", optionList(options).join(","), "--", mountpoint]);
  // The socket is the child's descriptor 3.
  const env = { ...ENVIRONMENT, _FUSE_COMMFD: "3" };
  try {
    return pair === undefined ? leaving() : staying();
  } finally {
    closeSync(ours);
  }

  function leaving(): number {
    const run = spawnSync(program, argv, { stdio: ["ignore", "ignore", "pipe", theirs], env });
    closeSync(theirs);
    if (run.error !== undefined) throw cannotRun(mountpoint, run.error);
    const device = run.status === 0 ? receiveDescriptor(ours) : undefined;
    if (device === undefined) throw refused(mountpoint, run.stderr.toString());
    return device;
  }

  function staying(): number {
    // Its stderr cannot be ours, whose end our own starter may wait for, nor a pipe, which would have no reader later.
    const output = createMemory("fusermount3", 0);
    try {
      const child = spawn(program, argv, { stdio: ["ignore", "ignore", output, theirs], env, detached: true });
      child.on("error", () => undefined);
      child.unref();
      closeSync(theirs);
      const device = child.pid === undefined ? undefined : receiveDescriptor(ours);
      if (device !== undefined) return device;
      const text = Buffer.alloc(4096);
      throw refused(mountpoint, text.toString("utf8", 0, readSync(output, text, 0, text.length, 0)));
    } finally {
      closeSync(output);
    }
  }
}

/**
 * Unmounts as the user that mounted. `lazy` detaches a busy mount, which ends with its last user. It does not block: the
 * daemon itself may be the caller, and must answer the requests that fusermount3 causes.
 */
export async function fusermountUnmount(mountpoint: string, lazy: boolean): Promise<void> {
  const [program, argv] = commandOfBytes(findProgram(), ["-u", ...(lazy ? ["-z"] : []), "--", mountpoint]);
  const text = await new Promise<string>((settle, reject) => {
    execFile(program, argv, { env: ENVIRONMENT }, (error, _stdout, stderr) => {
      if (error === null) settle("");
      else if (errorCode(error) !== undefined) reject(cannotRun(mountpoint, error));
      else settle(stderr.trim() || error.message);
    });
  });
  if (text === "") return;
  if (/busy/i.test(text)) throw new MountError(`${mountpoint}: busy: something still uses it`, "EBUSY");
  if (/not found in|not mounted|Invalid argument/i.test(text)) {
    throw new MountError(`${mountpoint}: not mounted`, "EINVAL");
  }
  throw new MountError(`${mountpoint}: ${text}`, /not permitted|permission/i.test(text) ? "EPERM" : undefined);
}

function optionList(options: MountOptions): string[] {
  const list = ["ro", ...options.flagNames, "default_permissions", `fsname=${escape(options.fsname)}`];
  list.push("subtype=puzzlefs");
  if (options.allowOther === true) list.push("allow_other");
  if (options.maxRead !== undefined) list.push(`max_read=${options.maxRead}`);
  if (options.autoUnmount) list.push("auto_unmount");
  return list;
}

/** fusermount3 takes a backslash before what would end the value. */
function escape(value: string): string {
  return value.replace(/[\\,]/g, "\\$&");
}

function cannotRun(mountpoint: string, error: Error): MountError {
  const code = errorCode(error);
  const what = code === "ENOENT" ? "is not installed (Debian: apt install fuse3)" : `cannot be run: ${reasonOf(error)}`;
  return new MountError(`${mountpoint}: an ordinary user needs ${NAME} to mount or unmount, which ${what}`, code);
}

function refused(mountpoint: string, text: string): MountError {
  const reason = text.trim().replace(/^fusermount3: /, "");
  const advice = /\/dev\/fuse: Permission denied/.test(text) ? " (it should have mode 0666, as udev makes it)" : "";
  return new MountError(`${mountpoint}: ${NAME} refused${reason === "" ? "" : `: ${reason}`}${advice}`);
}
