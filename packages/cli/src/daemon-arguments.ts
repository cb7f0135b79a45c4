import { realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseMountOptions, RESOURCE_DESCRIPTOR, type ServerOrder } from "@puzzlefs/fuse";
import { Directory } from "@puzzlefs/linux";
import { type FuseMount, type MountRequest, overlayPrefix, refuseOverlayMarks } from "@puzzlefs/mount";
import { BlobDirectory, type Layout } from "@puzzlefs/oci";
import { type ImageTree, openImageIn, type OpenImageOptions } from "@puzzlefs/reader";

/** What `puzzlefs mount` and mount.puzzlefs have been asked for. Paths are absolute. */
export interface MountOrder extends MountRequest {
  foreground: boolean;
  /** Log every request. */
  debug: boolean;
  /** Another process takes over when the one that serves dies. */
  supervise?: boolean;
  initPipe?: string;
  logFile?: string;
}

/** The image that a process serves, in its arguments. Its blobs are RESOURCE_DESCRIPTOR. */
export interface ServedImage {
  /** Path of the blobs, for messages. */
  store: string;
  /** sha256 of the manifest: the same image always, whatever becomes of its tag. */
  manifest: string;
  options: OpenImageOptions;
  /** Where an overlay will be over it that must show the image as it is. */
  overlay?: { at: string; prefix: string };
}

/** What a mount's daemon is told on its command line, as JSON. */
export interface DaemonOrder {
  server: ServerOrder;
  image: ServedImage;
}

export function servedImage(order: MountOrder, { reference, shownAt }: FuseMount, layout: Layout): ServedImage {
  const { options, verify, digest, overlayAttributes } = order;
  const { cache } = parseMountOptions(options);
  return {
    store: layout.blobs.path,
    manifest: reference,
    options: {
      verify,
      ...(digest !== undefined && { verity: digest }),
      ...(cache !== undefined && { frameCacheBytes: cache }),
    },
    ...(shownAt !== undefined && overlayAttributes !== true && { overlay: { at: shownAt, prefix: overlayPrefix() } }),
  };
}

/** Opens the image in the process that serves it. */
export function openServed({ store, manifest, options, overlay }: ServedImage): ImageTree {
  const tree = openImageIn(new BlobDirectory(new Directory(RESOURCE_DESCRIPTOR, store)), manifest, options);
  if (overlay !== undefined) refuseOverlayMarks(tree, overlay.at, overlay.prefix);
  return tree;
}

/** Arguments of Node that start the daemon's program. */
export function daemonArguments(server: ServerOrder, image: ServedImage): string[] {
  return [daemonProgram(), JSON.stringify({ server, image } satisfies DaemonOrder)];
}

const here = fileURLToPath(import.meta.url);
const isSource = here.endsWith(".ts");

/** Beside us, both as a source and in the bundle. */
function daemonProgram(): string {
  return join(dirname(here), isSource ? "daemon.ts" : "daemon.js");
}

/**
 * The directories that the daemon's program consists of: the checkout, or the bundle and its native add-ons, which in a
 * checkout are elsewhere.
 */
export function programFiles(): string[] {
  if (isSource) return [resolve(dirname(here), "../../..")];
  const home = dirname(dirname(here));
  const addOns = ["koffi", "zstd-napi"].map((name) => realpathSync(join(home, "node_modules", name)));
  return [home, ...addOns.map((path) => path.slice(0, path.indexOf("/node_modules/") + "/node_modules".length))];
}
