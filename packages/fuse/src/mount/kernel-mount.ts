import { closeSync, openSync, constants } from "node:fs";
import { mount } from "@puzzlefs/linux";
import { errorCode } from "../wire/errno.ts";
import { MountError } from "./errors.ts";
import type { Mountpoint } from "./mountpoint.ts";
import type { MountOptions } from "./options.ts";

/** Mounts with mount(2), as root or as root of a user namespace, and returns the device's descriptor. */
export function kernelMount({ path, reachable }: Mountpoint, options: MountOptions): number {
  const device = openDevice(path);
  try {
    mount(options.fsname, reachable, "fuse.puzzlefs", options.flags, mountData(device, options));
    return device;
  } catch (error) {
    closeSync(device);
    throw explain(path, error);
  }
}

function mountData(device: number, options: MountOptions): string {
  const data = [
    `fd=${device}`,
    "rootmode=40000",
    `user_id=${process.geteuid?.() ?? 0}`,
    `group_id=${process.getegid?.() ?? 0}`,
    "default_permissions",
  ];
  if (options.allowOther !== false) data.push("allow_other");
  if (options.maxRead !== undefined) data.push(`max_read=${options.maxRead}`);
  return data.join(",");
}

function openDevice(mountpoint: string): number {
  try {
    return openSync("/dev/fuse", constants.O_RDWR);
  } catch (error) {
    const code = errorCode(error);
    const advice =
      code === "ENOENT" || code === "ENODEV"
        ? "the kernel has no FUSE; try `modprobe fuse`"
        : "it must be readable and writable for the user who mounts";
    throw new MountError(`${mountpoint}: cannot open /dev/fuse (${code ?? error}): ${advice}`, code);
  }
}

function explain(mountpoint: string, error: unknown): MountError {
  const code = errorCode(error);
  switch (code) {
    case "EPERM":
      return new MountError(`${mountpoint}: not permitted to mount here (CAP_SYS_ADMIN is missing)`, code);
    case "ENODEV":
      return new MountError(`${mountpoint}: the kernel has no FUSE; try \`modprobe fuse\``, code);
    case "EINVAL":
      return new MountError(`${mountpoint}: the kernel refused the mount options`, code);
    default:
      return new MountError(`${mountpoint}: mount failed: ${code ?? error}`, code);
  }
}
