import { closeSync, openSync, constants } from "node:fs";
import { errorCode, FileSystemContext, MOUNT_ATTR_RDONLY, reasonOf } from "@puzzlefs/linux";
import { MountError } from "./errors.ts";
import { setLabels } from "./labels.ts";
import type { Mountpoint } from "./mountpoint.ts";
import type { MountOptions } from "./options.ts";

/** Mounts as root or as root of a user namespace, and returns the device's descriptor. */
export function kernelMount(mountpoint: Mountpoint, options: MountOptions): number {
  const device = openDevice(mountpoint.path);
  try {
    using context = new FileSystemContext("fuse");
    configure(context, device, options);
    context.mountOn(mountpoint.descriptor, options.attributes | MOUNT_ATTR_RDONLY);
    return device;
  } catch (error) {
    closeSync(device);
    throw explain(mountpoint.path, error);
  }
}

function configure(context: FileSystemContext, device: number, options: MountOptions): void {
  context.set("source", options.fsname);
  context.set("subtype", "puzzlefs");
  context.set("fd", String(device));
  context.set("rootmode", "40000");
  context.set("user_id", String(process.geteuid?.() ?? 0));
  context.set("group_id", String(process.getegid?.() ?? 0));
  for (const flag of ["ro", "default_permissions"]) context.setFlag(flag);
  if (options.allowOther !== false) context.setFlag("allow_other");
  if (options.maxRead !== undefined) context.set("max_read", String(options.maxRead));
  setLabels(context, options.labels);
}

function openDevice(mountpoint: string): number {
  try {
    return openSync("/dev/fuse", constants.O_RDWR);
  } catch (error) {
    const code = errorCode(error);
    const advice =
      code === "ENOENT" || code === "ENODEV"
        ? "the kernel has no FUSE; try `modprobe fuse`"
        : "the user that mounts needs permission to read and write it";
    throw new MountError(`${mountpoint}: cannot open /dev/fuse (${reasonOf(error)}): ${advice}`, code);
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
      return new MountError(`${mountpoint}: the kernel refused the mount options: ${reasonOf(error)}`, code);
    default:
      return new MountError(`${mountpoint}: mount failed: ${reasonOf(error)}`, code);
  }
}
