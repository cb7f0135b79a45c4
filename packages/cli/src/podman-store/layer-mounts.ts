import { isOurs, listMounts, type MountEntry, nameAndValue, splitOptions, unmount } from "@puzzlefs/fuse";
import { absolutePath, Directory, fileSystemType, hasCode } from "@puzzlefs/linux";
import { type Driver, mount, readImageOptions, type ImageOptions } from "@puzzlefs/mount";
import { UsageError } from "../errors.ts";
import { signatureSettings } from "../key-files.ts";
import { warning } from "../terminal/messages.ts";
import type { StoreLayer } from "./store-index.ts";

/** Options that name the image, or that the store decides. */
const OURS = ["ociRootDir", "imageManifest", "tag", "platform", "verity", "writable", "persist", "remount"] as const;

/** Options whose value is a path. They are kept for later mounts, which may have another working directory. */
const PATHS = ["require_signature", "log_file"];

/** Mount options of a layer, from lists after -o. Throws UsageError. */
export function layerOptions(lists: readonly string[]): string[] {
  const options = lists.flatMap(splitOptions);
  const read = readImageOptions(options);
  const wrong = OURS.find((name) => read[name] !== undefined);
  if (wrong !== undefined) throw new UsageError(`mount option for ${wrong}: the store decides that for each image`);
  return options.map((option) => {
    const { name, value } = nameAndValue(option);
    return PATHS.includes(name) && value !== undefined ? `${name}="${absolutePath(value)}"` : option;
  });
}

/** The device of a layer's mount: the image by its canonical digest. */
export function sourceOf({ id, origin }: StoreLayer): string {
  return `${origin.ociDir}@sha256:${id}`;
}

/** Mounts a layer on its directory. Rejects with the errors of mount(). */
export async function mountLayer(layer: StoreLayer, mountpoint: string): Promise<void> {
  const read: ImageOptions = readImageOptions(layer.origin.options);
  const { options, driver, supervise, shared, overlayAttributes, logFile } = read;
  await mount({
    ociDir: layer.origin.ociDir,
    reference: layer.id,
    mountpoint,
    source: sourceOf(layer),
    options,
    warn: warning,
    ...(driver !== undefined && { driver }),
    ...signatureSettings(read.requireSignature, read.verify, undefined),
    ...(supervise === true && { supervise }),
    ...(shared === true && { shared }),
    ...(overlayAttributes === true && { overlayAttributes }),
    ...(logFile !== undefined && { logFile }),
  });
}

/** How a directory is mounted: by which driver, or by a server that is dead; undefined if it is not. */
export type MountState = Driver | "dead" | undefined;

/** `mounts` from listMounts(). */
export function stateOf(mountpoint: string, mounts: readonly MountEntry[] = listMounts()): MountState {
  const found = mounts.findLast((entry) => entry.mountpoint === mountpoint);
  if (found === undefined || !isOurs(found)) return undefined;
  return isDead(mountpoint) ? "dead" : found.type === "puzzlefs" ? "kernel" : "fuse";
}

function isDead(mountpoint: string): boolean {
  try {
    using directory = Directory.open(mountpoint);
    // A request that the kernel answers from no cache.
    fileSystemType(directory.descriptor);
    return false;
  } catch (error) {
    if (hasCode(error, "ENOTCONN", "ECONNABORTED")) return true;
    throw error;
  }
}

/** Detaches all mounts of images on a directory; containers that use them keep them. */
export async function detach(mountpoint: string): Promise<boolean> {
  const mounts = listMounts().filter((entry) => entry.mountpoint === mountpoint && isOurs(entry));
  for (let left = mounts.length; left > 0; left--) await unmount(mountpoint, { lazy: true });
  return mounts.length > 0;
}

/** The line of /etc/fstab that mounts a layer. */
export function fstabLine(layer: StoreLayer, mountpoint: string): string {
  const { ociDir, options } = layer.origin;
  const needs = `x-systemd.requires-mounts-for=${/[,"]/.test(ociDir) ? JSON.stringify(ociDir) : ociDir}`;
  const fields = [sourceOf(layer), mountpoint, "puzzlefs", [...options, "nofail", needs].join(",")];
  return `${fields.map(fstabField).join("  ")}  0 0`;
}

function fstabField(text: string): string {
  return text.replace(/[ \t\n\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
