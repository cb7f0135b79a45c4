import { readFileSync } from "node:fs";
import {
  checkMountpoint,
  effectOf,
  isOurs,
  MountError,
  type MountEntry,
  MountOptionError,
  mountOf,
  nameAndValue,
  splitOptions,
} from "@puzzlefs/fuse";
import { changeMount, hasCode, MOUNT_ATTR_RDONLY, reasonOf, SystemError, textOf } from "@puzzlefs/linux";
import { isKnownOption } from "./image-options.ts";

/**
 * `mount -o remount`: changes the attributes of a mount (nosuid, nodev, noexec, nosymfollow, access times); the others
 * stay. A writable overlay over an image can be made read-only and writable again; the image itself stays
 * read-only silently, because mount(8) passes "rw" whenever "ro" is not given. Throws MountError, and MountOptionError for
 * options that a remount cannot change.
 *
 * @param options all options but "remount" itself
 * @param sloppy unknown options are ignored
 */
export function remount(path: string, options: readonly string[], sloppy = false): void {
  using mountpoint = checkMountpoint(path);
  const mount = mountOf(mountpoint.descriptor);
  if (mount?.mountpoint !== mountpoint.path) throw new MountError(`${path}: not mounted`, "EINVAL");
  if (!isOurs(mount)) throw new MountError(`${path}: not an image but ${mount.type} is mounted there`, "EINVAL");
  const present = presentOptions(mount);
  let [set, clear] = [0, 0];
  for (const option of options.flatMap(splitOptions)) {
    const { name, value } = nameAndValue(option);
    const effect = effectOf(name, value);
    if (effect === undefined) {
      // mount(8) repeats the options that the kernel shows of the mount, and those of fstab.
      if (present.has(option) || (present.has(name) && !isKnownOption(option)) || (sloppy && !isKnownOption(option)))
        continue;
      throw new MountOptionError(
        isKnownOption(option)
          ? `${path}: ${option}: a remount cannot change that; unmount, and mount again`
          : `unknown mount option "${option}"`,
      );
    }
    set = (set & ~effect.clear) | effect.set;
    clear = (clear & ~effect.set) | effect.clear;
  }
  if (mount.type !== "overlay") clear &= ~MOUNT_ATTR_RDONLY;
  try {
    changeMount(mountpoint.descriptor, set, clear);
  } catch (error) {
    throw error instanceof SystemError
      ? new MountError(`${path}: remount failed: ${reasonOf(error)}`, error.code)
      : error;
  }
}

/** The options that the kernel shows of a mount, their names, and the options of its line in fstab. */
function presentOptions({ mountpoint, type, options, superOptions }: MountEntry): Set<string> {
  const shown = [...options.split(","), ...superOptions.split(",").map(unescape)];
  const names = shown.map((option) => nameAndValue(option).name);
  return new Set([
    ...shown,
    ...names,
    ...(type === "overlay" ? ["writable"] : []),
    ...(type === "puzzlefs" ? ["driver=kernel"] : []),
    ...(type === "fuse.puzzlefs" ? ["driver=fuse"] : []),
    ...fstabOptions(mountpoint),
  ]);
}

function fstabOptions(mountpoint: string): string[] {
  let text: string;
  try {
    text = readFileSync("/etc/fstab", "latin1");
  } catch (error) {
    if (hasCode(error, "ENOENT", "EACCES")) return [];
    throw error;
  }
  const lines = text.split("\n").map((line) => line.trim().split(/[ \t]+/));
  return lines.flatMap(([, at, , options]) =>
    at !== undefined && options !== undefined && unescape(at) === mountpoint ? splitOptions(unescape(options)) : [],
  );
}

/** Latin1 as a string. White space and the like are octal there. */
function unescape(text: string): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return textOf(Buffer.from(bytes, "latin1"));
}
