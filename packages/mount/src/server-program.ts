import { realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseMountOptions, RESOURCE_DESCRIPTOR, type ServerOrder } from "@puzzlefs/fuse";
import { Directory } from "@puzzlefs/linux";
import { BlobDirectory, type Layout } from "@puzzlefs/oci";
import { type ImageTree, openImageIn, type OpenImageOptions } from "@puzzlefs/reader";
import type { FuseMount, MountRequest } from "./mount-image.ts";
import { overlayPrefix, refuseOverlayMarks } from "./overlay-marks.ts";

/** The image that a process serves, in its arguments. Its blobs are RESOURCE_DESCRIPTOR. */
export interface ServedImage {
  /** Path of the blobs, for messages. */
  store: string;
  /** sha256 of the stored manifest: a successor serves the same image, even if the tag has moved. */
  manifest: string;
  options: OpenImageOptions;
  /** An overlay that will be mounted over the image and must show it unchanged. */
  overlay?: { at: string; prefix: string };
}

/** The arguments of a FUSE server's program, as JSON. */
export interface DaemonArguments {
  server: ServerOrder;
  image: ServedImage;
}

export function servedImage(
  request: MountRequest,
  { reference, shownAt, digest }: FuseMount,
  layout: Layout,
): ServedImage {
  const { options, verify, overlayAttributes } = request;
  const { cache } = parseMountOptions(options);
  return {
    store: layout.blobs.path,
    manifest: reference,
    options: {
      verify,
      check: "used",
      ...(digest !== undefined && { verity: digest }),
      ...(cache !== undefined && { frameCacheBytes: cache }),
    },
    ...(shownAt !== undefined && overlayAttributes !== true && { overlay: { at: shownAt, prefix: overlayPrefix() } }),
  };
}

/** Opens the image in the process that serves it. gc keeps it as long as it is open. */
export function openServed({ store, manifest, options, overlay }: ServedImage): ImageTree {
  const tree = openImageIn(servedBlobs(store), manifest, options);
  if (overlay !== undefined) refuseOverlayMarks(tree, overlay.at, overlay.prefix);
  return tree;
}

/** The same in a supervisor, for the time between two processes that serve. */
export function holdServed({ store, manifest }: ServedImage): Disposable {
  return servedBlobs(store).hold(manifest);
}

function servedBlobs(store: string): BlobDirectory {
  return new BlobDirectory(new Directory(RESOURCE_DESCRIPTOR, store));
}

/** Arguments of Node that start the daemon's program. */
export function daemonArguments(server: ServerOrder, image: ServedImage): string[] {
  return [daemonProgram(), JSON.stringify({ server, image } satisfies DaemonArguments)];
}

const here = fileURLToPath(import.meta.url);
const isSource = here.endsWith(".ts");

/** In the directory of this module: in the checkout, the bundle, and the package. */
function daemonProgram(): string {
  return join(dirname(here), isSource ? "daemon.ts" : "daemon.js");
}

/**
 * The directories that the daemon's program consists of: the checkout; the directory in which a package manager has
 * installed this package and those that it needs; or the bundle and its native add-ons, which in a checkout are elsewhere.
 */
export function programFiles(): string[] {
  if (isSource) return [resolve(dirname(here), "../../..")];
  const installed = packagesAround(here);
  if (installed !== undefined) return [installed];
  const home = dirname(dirname(here));
  const addOns = ["koffi", "zstd-napi"].map((name) => realpathSync(join(home, "node_modules", name)));
  return [home, ...addOns.map((path) => packagesAround(path) ?? path)];
}

/** The outermost node_modules that a path is in: packages inside refer to each other. */
function packagesAround(path: string): string | undefined {
  const end = path.indexOf("/node_modules/");
  return end === -1 ? undefined : path.slice(0, end + "/node_modules".length);
}
