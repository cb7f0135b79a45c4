import { MountOptionError, nameAndValue, parseMountOptions, splitOptions } from "@puzzlefs/fuse";
import { parsePlatform, type Platform } from "@puzzlefs/oci";

/** The mount options of images. They exist because fstab can pass settings by options only. */
export interface ImageOptions {
  ociRootDir?: string;
  imageManifest?: string;
  tag?: string;
  platform?: Platform;
  /** Hex, or `signed`. */
  verity?: string;
  /** The file of a public key. */
  requireSignature?: string;
  verify?: "none" | "blob";
  driver?: "auto" | "kernel" | "fuse";
  writable?: true;
  persist?: string;
  logFile?: string;
  supervise?: true;
  shared?: true;
  overlayAttributes?: true;
  lazy?: true;
  remount?: true;
  /** The rest, for parseMountOptions(). */
  options: string[];
}

const FLAGS = new Set(["writable", "overlay_attributes", "supervise", "shared", "lazy", "remount"]);
const VALUED = new Set([
  "oci_root_dir",
  "image_manifest",
  "tag",
  "platform",
  "verity",
  "require_signature",
  "verify",
  "driver",
  "persist",
  "log_file",
]);
const DIGEST = /^[0-9a-f]{64}$/i;

/**
 * Separates the options of images from other mount options; the last of several with one name counts. Throws
 * MountOptionError for an impossible value.
 */
export function readImageOptions(given: readonly string[]): ImageOptions {
  const imageOptions: ImageOptions = { options: [] };
  for (const option of given.flatMap(splitOptions)) {
    const { name, value } = nameAndValue(option);
    const known = FLAGS.has(name) ? value === undefined : value !== undefined || VALUED.has(name);
    if (!known || !apply(imageOptions, name, value ?? "")) imageOptions.options.push(option);
  }
  return imageOptions;
}

/** Whether it is an option of this product, of any kind. */
export function isKnownOption(option: string): boolean {
  try {
    parseMountOptions(readImageOptions([option]).options);
    return true;
  } catch (error) {
    if (error instanceof MountOptionError) return !error.message.startsWith("unknown");
    throw error;
  }
}

/** Sets one option; false if it is not an option of images. */
function apply(imageOptions: ImageOptions, name: string, value: string): boolean {
  switch (name) {
    case "oci_root_dir":
      imageOptions.ociRootDir = filled(name, value);
      break;
    case "image_manifest":
      imageOptions.imageManifest = digest(name, value);
      break;
    case "tag":
      imageOptions.tag = filled(name, value);
      break;
    case "platform":
      imageOptions.platform = platform(name, value);
      break;
    case "verity":
      imageOptions.verity = value === "signed" ? value : digest(name, value);
      break;
    case "require_signature":
      imageOptions.requireSignature = filled(name, value);
      break;
    case "verify":
      imageOptions.verify = oneOf(name, value, ["none", "blob"]);
      break;
    case "driver":
      imageOptions.driver = oneOf(name, value, ["auto", "kernel", "fuse"]);
      break;
    case "persist":
      imageOptions.persist = filled(name, value);
      break;
    case "log_file":
      imageOptions.logFile = filled(name, value);
      break;
    case "writable":
      imageOptions.writable = true;
      break;
    case "overlay_attributes":
      imageOptions.overlayAttributes = true;
      break;
    case "shared":
      imageOptions.shared = true;
      break;
    case "supervise":
      imageOptions.supervise = true;
      break;
    case "lazy":
      imageOptions.lazy = true;
      break;
    case "remount":
      imageOptions.remount = true;
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

function oneOf<const Value extends string>(name: string, value: string, values: readonly Value[]): Value {
  const found = values.find((one) => one === value);
  if (found === undefined) throw new MountOptionError(`mount option ${name}= is one of ${values.join(", ")}`);
  return found;
}
