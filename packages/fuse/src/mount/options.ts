import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSYMFOLLOW } from "@puzzlefs/linux";
import { MountOptionError } from "./errors.ts";
import { nameAndValue, splitOptions } from "./option-list.ts";
import { effectOf, isLabel } from "./option-table.ts";

/** Mount options, parsed. */
export interface MountOptions {
  /** MOUNT_ATTR_*. An image is read-only whether or not that is among them. */
  attributes: number;
  /** Options of SELinux. */
  labels: [name: string, value: string][];
  /** Names of the attributes, for fusermount3. */
  flagNames: string[];
  /** Shown as the device by /proc/mounts. */
  fsname: string;
  /** Undefined: the default, which is true for root, because other users usually need a root file system too. */
  allowOther: boolean | undefined;
  /** Owner shown for every inode instead of the image's. */
  uid: number | undefined;
  gid: number | undefined;
  /** Bytes; undefined: as much as the protocol allows. */
  maxRead: number | undefined;
  /** Readahead of the mount, KiB; undefined: READ_AHEAD. */
  readAhead: number | undefined;
  /** Bytes of decompressed content kept in memory; undefined: the reader's default. For the code that opens the tree. */
  cache: number | undefined;
  /** fusermount3 stays and unmounts when the daemon dies. */
  autoUnmount: boolean;
  /** Given options that only FUSE supports. */
  fuseOnly: string[];
}

/** Attributes of a mount unless one of these options is given: an image is untrusted. */
const DEFAULTS = [
  { attribute: MOUNT_ATTR_NOSUID, unless: ["suid", "allow_suid"] },
  { attribute: MOUNT_ATTR_NODEV, unless: ["dev", "allow_dev"] },
];

/** Attributes that are passed to fusermount3: others have no effect on a read-only mount. */
const FUSERMOUNT_FLAGS = [
  ["nosuid", MOUNT_ATTR_NOSUID],
  ["nodev", MOUNT_ATTR_NODEV],
  ["noexec", MOUNT_ATTR_NOEXEC],
  ["nosymfollow", MOUNT_ATTR_NOSYMFOLLOW],
] as const;

/** FUSE options that have no effect on mounts of the kernel driver, which all users see. */
const EVERYWHERE = new Set(["allow_other", "fsname"]);

/**
 * Reads mount options; each string may hold several, separated by commas. Of opposites the last counts. Throws
 * MountOptionError for one that is unknown or has an impossible value.
 */
export function parseMountOptions(given: readonly string[], fsname = "puzzlefs"): MountOptions {
  const list = given.flatMap(splitOptions);
  const options: MountOptions = {
    attributes: 0,
    labels: [],
    flagNames: [],
    fsname,
    allowOther: undefined,
    uid: undefined,
    gid: undefined,
    maxRead: undefined,
    readAhead: undefined,
    cache: undefined,
    autoUnmount: false,
    fuseOnly: [],
  };
  for (const { attribute, unless } of DEFAULTS) {
    if (!unless.some((option) => list.includes(option))) options.attributes |= attribute;
  }
  for (const option of list) {
    const { name, value } = nameAndValue(option);
    const effect = effectOf(name, value);
    if (effect !== undefined) options.attributes = (options.attributes & ~effect.clear) | effect.set;
    else if (isLabel(name)) options.labels.push([name, textOf(name, value)]);
    else if (!EVERYWHERE.has(applyOption(options, option, name, value))) options.fuseOnly.push(name);
  }
  const { attributes } = options;
  options.flagNames = FUSERMOUNT_FLAGS.flatMap(([option, bit]) => ((attributes & bit) === 0 ? [] : [option]));
  return options;
}

/** Returns the option's name. */
function applyOption(options: MountOptions, option: string, name: string, value: string | undefined): string {
  switch (name) {
    case "allow_other":
      options.allowOther = true;
      return name;
    case "noallow_other":
      options.allowOther = false;
      return name;
    case "auto_unmount":
      options.autoUnmount = true;
      return name;
    case "fsname":
      options.fsname = textOf(name, value);
      return name;
    case "uid":
      options.uid = numberOf(name, value);
      return name;
    case "gid":
      options.gid = numberOf(name, value);
      return name;
    case "max_read":
      options.maxRead = numberOf(name, value);
      return name;
    case "readahead":
      options.readAhead = numberOf(name, value);
      return name;
    case "cache":
      options.cache = bytesOf(name, value);
      return name;
    default:
      throw new MountOptionError(`unknown mount option "${option}"`);
  }
}

function textOf(name: string, value = ""): string {
  if (value === "") throw new MountOptionError(`mount option ${name}= needs a value`);
  return value;
}

function numberOf(name: string, value: string | undefined): number {
  if (value === undefined || !/^\d{1,10}$/.test(value)) {
    throw new MountOptionError(`mount option ${name}= needs a number, not "${value ?? ""}"`);
  }
  return Number(value);
}

const UNITS = new Map([
  ["", 1],
  ["K", 2 ** 10],
  ["M", 2 ** 20],
  ["G", 2 ** 30],
]);

function bytesOf(name: string, value = ""): number {
  const [, number, unit] = /^(\d{1,10})([KMG]?)$/i.exec(value) ?? [];
  if (number === undefined) {
    throw new MountOptionError(`mount option ${name}= needs a number of bytes, as 8M, not "${value}"`);
  }
  return Number(number) * (UNITS.get(unit.toUpperCase()) ?? 1);
}
