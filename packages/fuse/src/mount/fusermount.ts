import { execFile, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode } from "../wire/errno.ts";
import { MountError } from "./errors.ts";
import { libc } from "./libc.ts";
import type { MountOptions } from "./options.ts";

const PROGRAM = "fusermount3";

/**
 * Mounts through the set-uid program fusermount3, which an ordinary user needs, and returns the device's descriptor,
 * received over a socket. It forces nosuid and nodev.
 */
export function fusermount(mountpoint: string, options: MountOptions): number {
  const [ours, theirs] = libc().socketpair();
  const argv = ["-o", mountWords(options).join(","), "--", mountpoint];
  // The socket is the child's descriptor 3.
  const environment = { ...process.env, _FUSE_COMMFD: "3" };
  try {
    // With auto_unmount the program stays, waiting for our end of the socket to close: then that must stay open.
    return options.autoUnmount ? staying() : leaving();
  } finally {
    if (!options.autoUnmount) closeSync(ours);
  }

  function leaving(): number {
    const run = spawnSync(PROGRAM, argv, { stdio: ["ignore", "ignore", "pipe", theirs], env: environment });
    closeSync(theirs);
    if (run.error !== undefined) throw cannotRun(mountpoint, run.error);
    const device = run.status === 0 ? libc().receiveDescriptor(ours) : undefined;
    if (device === undefined) throw refused(mountpoint, run.stderr.toString());
    return device;
  }

  function staying(): number {
    // Its stderr cannot be ours, which our own starter may be waiting on, nor a pipe, which nobody would read later.
    const stderr = join(tmpdir(), `puzzlefs-fusermount-${process.pid}`);
    const output = openSync(stderr, "wx", 0o600);
    try {
      const child = spawn(PROGRAM, argv, {
        stdio: ["ignore", "ignore", output, theirs],
        env: environment,
        detached: true,
      });
      child.on("error", () => undefined);
      child.unref();
      closeSync(theirs);
      const device = child.pid === undefined ? undefined : libc().receiveDescriptor(ours);
      if (device !== undefined) return device;
      closeSync(ours);
      throw refused(mountpoint, readFileSync(stderr, "utf8"));
    } finally {
      closeSync(output);
      unlinkSync(stderr);
    }
  }
}

/**
 * Unmounts as the user who mounted. `lazy` detaches a busy mount, which ends with its last user. It does not block:
 * the daemon itself may be the caller, and has to answer what the program asks of the mount.
 */
export async function fusermountUnmount(mountpoint: string, lazy: boolean): Promise<void> {
  const argv = ["-u", ...(lazy ? ["-z"] : []), "--", mountpoint];
  const text = await new Promise<string>((settle, reject) => {
    execFile(PROGRAM, argv, (error, _stdout, stderr) => {
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

function mountWords(options: MountOptions): string[] {
  const words = ["ro", ...options.flagWords, "default_permissions", `fsname=${escape(options.fsname)}`];
  words.push(`subtype=${escape(options.subtype)}`);
  if (options.allowOther === true) words.push("allow_other");
  if (options.maxRead !== undefined) words.push(`max_read=${options.maxRead}`);
  if (options.autoUnmount) words.push("auto_unmount");
  return words;
}

/** fusermount3 takes a backslash before what would end the value. */
function escape(value: string): string {
  return value.replace(/[\\,]/g, "\\$&");
}

function cannotRun(mountpoint: string, error: Error): MountError {
  const code = errorCode(error);
  const what = code === "ENOENT" ? "is not installed (Debian: apt install fuse3)" : `cannot run: ${error.message}`;
  return new MountError(`${mountpoint}: an ordinary user needs ${PROGRAM} to mount or unmount, which ${what}`, code);
}

function refused(mountpoint: string, text: string): MountError {
  const reason = text.trim().replace(/^fusermount3: /, "");
  const advice = /\/dev\/fuse: Permission denied/.test(text) ? " (it should have mode 0666, as udev makes it)" : "";
  return new MountError(`${mountpoint}: ${PROGRAM} refused${reason === "" ? "" : `: ${reason}`}${advice}`);
}
