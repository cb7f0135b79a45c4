import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from "@puzzlefs/linux";
import { MountOptionError } from "./errors.ts";

/** What `-o` asked for. */
export interface MountOptions {
  /** MS_* flags; MS_RDONLY always. */
  flags: number;
  /** The same as words, for fusermount3. */
  flagWords: string[];
  /** What /proc/mounts shows as the device. */
  fsname: string;
  /** Undefined: whoever mounts decides (root does, for a root file system that only root may see is of little use). */
  allowOther: boolean | undefined;
  /** Owner shown for every inode instead of the image's. */
  uid: number | undefined;
  gid: number | undefined;
  /** Bytes; undefined: as much as the protocol allows. */
  maxRead: number | undefined;
  /** Readahead of the mount, KiB; undefined: this program's choice. */
  readAhead: number | undefined;
  /** Bytes of decompressed content kept in memory; undefined: the reader's choice. Whoever opens the tree sees to it. */
  cache: number | undefined;
  /** fusermount3 stays and unmounts when the daemon dies. */
  autoUnmount: boolean;
  /** Those given that only FUSE can do. */
  fuseOnly: string[];
}

const FLAGS = new Map([
  ["nosuid", MS_NOSUID],
  ["nodev", MS_NODEV],
  ["noexec", MS_NOEXEC],
]);

/** The opposites, each of which takes its flag back: the last one given counts. */
const CLEARED = new Map([
  ["suid", "nosuid"],
  ["dev", "nodev"],
  ["exec", "noexec"],
]);

/** Flags of a mount unless one of these is given: an image is anybody's. */
const DEFAULTS = [
  { flag: "nosuid", unless: ["suid", "allow_suid"] },
  { flag: "nodev", unless: ["dev", "allow_dev"] },
];

/** mount(8) keeps "suid" and "dev" to itself, as to it they are the absence of flags; these it passes on. */
const ALLOWING = new Set(["allow_suid", "allow_dev"]);

/** Without meaning for a read-only file system that is mounted now, but usual in fstab and mount(8). */
const IGNORED = new Set([
  ..."ro rw defaults default_permissions atime noatime diratime nodiratime relatime norelatime strictatime lazytime".split(
    " ",
  ),
  ..."nolazytime sync async dirsync auto noauto nofail _netdev user nouser users owner group".split(" "),
]);
const IGNORED_PREFIX = /^(x-|X-|comment=|context=|fscontext=|defcontext=|rootcontext=)/;

/** The kernel driver shows a mount to everybody, and under any name. */
const EVERYWHERE = new Set(["allow_other", "fsname"]);

/**
 * Reads mount options; each string may hold several, separated by commas. Throws MountOptionError for one that is
 * unknown or whose value is not a number.
 */
export function parseMountOptions(given: readonly string[], fsname = "puzzlefs"): MountOptions {
  const words = given.flatMap((list) => list.split(","));
  const flags = new Set(
    DEFAULTS.filter(({ unless }) => !unless.some((word) => words.includes(word))).map(({ flag }) => flag),
  );
  const options: MountOptions = {
    flags: MS_RDONLY,
    flagWords: [],
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
  for (const word of words) {
    if (word === "" || ALLOWING.has(word) || IGNORED.has(word) || IGNORED_PREFIX.test(word)) continue;
    const cleared = CLEARED.get(word);
    if (FLAGS.has(word)) flags.add(word);
    else if (cleared !== undefined) flags.delete(cleared);
    else {
      const name = applyOption(options, word);
      if (!EVERYWHERE.has(name)) options.fuseOnly.push(name);
    }
  }
  for (const word of flags) options.flags |= FLAGS.get(word) ?? 0;
  options.flagWords = [...flags];
  return options;
}

/** Returns the option's name. */
function applyOption(options: MountOptions, word: string): string {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const value = equals < 0 ? undefined : word.slice(equals + 1);
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
      options.fsname = value ?? "";
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
      throw new MountOptionError(`unknown mount option "${word}"`);
  }
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
