import { MountOptionError, nameAndValue, parseMountOptions, splitOptions } from "@puzzlefs/fuse";
import { parsePlatform, type Platform } from "@puzzlefs/oci";

/** The mount options of images, after those that every mount has: fstab has no other way than -o. */
export interface ImageOptions {
  ociRootDir?: string;
  imageManifest?: string;
  tag?: string;
  platform?: Platform;
  verity?: string;
  verify?: "none" | "blob";
  driver?: "auto" | "kernel" | "fuse";
  writable?: true;
  persist?: string;
  logFile?: string;
  supervise?: true;
  overlayAttributes?: true;
  remount?: true;
  /** The rest, for parseMountOptions(). */
  options: string[];
}

const FLAGS = new Set(["writable", "overlay_attributes", "supervise", "remount"]);
const VALUED = new Set([
  "oci_root_dir",
  "image_manifest",
  "tag",
  "platform",
  "verity",
  "verify",
  "driver",
  "persist",
  "log_file",
]);
const DIGEST = /^[0-9a-f]{64}$/i;

/** Sorts mount options; the last of several with one name counts. Throws MountOptionError for a value that cannot be. */
export function readImageOptions(given: readonly string[]): ImageOptions {
  const words: ImageOptions = { options: [] };
  for (const word of given.flatMap(splitOptions)) {
    const { name, value } = nameAndValue(word);
    const known = FLAGS.has(name) ? value === undefined : value !== undefined || VALUED.has(name);
    if (!known || !apply(words, name, value ?? "")) words.options.push(word);
  }
  return words;
}

/** Whether it is an option of this product, of any kind. */
export function isKnownOption(word: string): boolean {
  try {
    parseMountOptions(readImageOptions([word]).options);
    return true;
  } catch (error) {
    if (error instanceof MountOptionError) return !error.message.startsWith("unknown");
    throw error;
  }
}

/** False for a word that is no option of images. */
function apply(words: ImageOptions, name: string, value: string): boolean {
  switch (name) {
    case "oci_root_dir":
      words.ociRootDir = filled(name, value);
      break;
    case "image_manifest":
      words.imageManifest = digest(name, value);
      break;
    case "tag":
      words.tag = filled(name, value);
      break;
    case "platform":
      words.platform = platform(name, value);
      break;
    case "verity":
      words.verity = digest(name, value);
      break;
    case "verify":
      words.verify = oneOf(name, value, ["none", "blob"]);
      break;
    case "driver":
      words.driver = oneOf(name, value, ["auto", "kernel", "fuse"]);
      break;
    case "persist":
      words.persist = filled(name, value);
      break;
    case "log_file":
      words.logFile = filled(name, value);
      break;
    case "writable":
      words.writable = true;
      break;
    case "overlay_attributes":
      words.overlayAttributes = true;
      break;
    case "supervise":
      words.supervise = true;
      break;
    case "remount":
      words.remount = true;
      break;
    default:
      return false;
  }
  return true;
}

function filled(name: string, value: string): string {
  if (value === "") throw new MountOptionError(`mount option ${name}= needs a value`);
  return value;
}

function digest(name: string, value: string): string {
  if (!DIGEST.test(value)) throw new MountOptionError(`mount option ${name}= needs 64 hex digits, not "${value}"`);
  return value.toLowerCase();
}

function platform(name: string, value: string): Platform {
  const found = parsePlatform(value);
  if (found === undefined)
    throw new MountOptionError(`mount option ${name}= is OS/ARCHITECTURE[/VARIANT], not "${value}"`);
  return found;
}

function oneOf<const Word extends string>(name: string, value: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found === undefined) throw new MountOptionError(`mount option ${name}= is one of ${words.join(", ")}`);
  return found;
}
