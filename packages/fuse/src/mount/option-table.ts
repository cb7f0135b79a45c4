/**
 * The options that mount(8) and fstab have for any file system. Those of FUSE are in options.ts, those of images in
 * packages/mount/src/image-options.ts; all others are refused by name.
 */
import {
  MOUNT_ATTR_ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
} from "@puzzlefs/linux";

/** Attributes of the mount (MOUNT_ATTR_*) that an option clears, and then sets. */
export interface Effect {
  clear: number;
  set: number;
}

const sets = (set: number, clear = 0): Effect => ({ clear, set });
const clears = (clear: number): Effect => ({ clear, set: 0 });
const NONE: Effect = { clear: 0, set: 0 };

const EFFECTS = new Map<string, Effect>([
  ["ro", sets(MOUNT_ATTR_RDONLY)],
  ["rw", clears(MOUNT_ATTR_RDONLY)],
  ["nosuid", sets(MOUNT_ATTR_NOSUID)],
  ["suid", clears(MOUNT_ATTR_NOSUID)],
  ["nodev", sets(MOUNT_ATTR_NODEV)],
  ["dev", clears(MOUNT_ATTR_NODEV)],
  ["noexec", sets(MOUNT_ATTR_NOEXEC)],
  ["exec", clears(MOUNT_ATTR_NOEXEC)],
  ["nosymfollow", sets(MOUNT_ATTR_NOSYMFOLLOW)],
  ["symfollow", clears(MOUNT_ATTR_NOSYMFOLLOW)],
  ["noatime", sets(MOUNT_ATTR_NOATIME, MOUNT_ATTR_ATIME)],
  ["atime", clears(MOUNT_ATTR_ATIME)],
  ["relatime", clears(MOUNT_ATTR_ATIME)],
  ["strictatime", sets(MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_ATIME)],
  ["nostrictatime", clears(MOUNT_ATTR_ATIME)],
  ["nodiratime", sets(MOUNT_ATTR_NODIRATIME)],
  ["diratime", clears(MOUNT_ATTR_NODIRATIME)],
  // mount(8) does not pass on "suid" and "dev", which are the absence of flags to it; these it passes on.
  ["allow_suid", NONE],
  ["allow_dev", NONE],
]);

/** Options about writing, which an image ignores, and options for mount(8) and other programs that read fstab. */
const WITHOUT_EFFECT = new Set(
  [
    "defaults async sync dirsync iversion noiversion mand nomand lazytime nolazytime norelatime silent loud",
    "auto noauto nofail user nouser users nousers owner noowner group nogroup _netdev default_permissions",
  ].flatMap((names) => names.split(" ")),
);
const WITHOUT_EFFECT_VALUED = new Set(["comment", "user", "helper", "uhelper"]);

/** Options of SELinux, for the kernel where it has that. */
const LABELS = new Set(["context", "fscontext", "defcontext", "rootcontext"]);

/** The effect of an option of every mount on the attributes of the mount; undefined for another option. */
export function effectOf(name: string, value: string | undefined): Effect | undefined {
  if (name === "" || /^[xX]-/.test(name)) return NONE;
  if (value !== undefined) return WITHOUT_EFFECT_VALUED.has(name) ? NONE : undefined;
  return WITHOUT_EFFECT.has(name) ? NONE : EFFECTS.get(name);
}

export function isLabel(name: string): boolean {
  return LABELS.has(name);
}
