import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  parseMountOptions,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
  type ServerOrder,
  type SharedOrder,
} from "@puzzlefs/fuse";
import { FetchClient, type FetchOrder, LazyBlobs } from "@puzzlefs/lazy";
import { Directory } from "@puzzlefs/linux";
import { BlobDirectory, type Layout } from "@puzzlefs/oci";
import { type ImageTree, openImageIn, type OpenImageOptions } from "@puzzlefs/reader";
import { fetchOrder } from "./lazy-options.ts";
import type { FuseMount, MountRequest } from "./mount-request.ts";
import { overlayPrefix, refuseOverlayMarks } from "./overlay-marks.ts";

/** The image that a process serves, in its arguments. Its blobs are RESOURCE_DESCRIPTOR. */
export interface ServedImage {
  /** Path of the blobs, for messages. */
  store: string;
  /** sha256 of the stored manifest: a successor serves the same image, even if the tag has moved. */
  manifest: string;
  options: OpenImageOptions;
  /** The image is lazy. A connection to the fetcher comes over REQUEST_DESCRIPTOR. */
  lazy?: FetchOrder;
  /** An overlay that will be mounted over the image and must show it unchanged. */
  overlay?: { at: string; prefix: string };
}

/** The arguments of a FUSE server's program, as JSON. */
export type DaemonArguments = { server: ServerOrder; image: ServedImage } | { shared: SharedOrder };

export function servedImage(request: MountRequest, mount: FuseMount, layout: Layout): ServedImage {
  const { reference, shownAt, digest, isLazy } = mount;
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
    ...(isLazy === true && { lazy: fetchOrder(reference, request.lazy, false) }),
    ...(shownAt !== undefined && overlayAttributes !== true && { overlay: { at: shownAt, prefix: overlayPrefix() } }),
  };
}

/** Opens the image in a process that serves it alone. gc keeps it as long as it is open. */
export function openServed({ store, manifest, options, lazy, overlay }: ServedImage): ImageTree {
  const tree =
    lazy === undefined
      ? openImageIn(servedBlobs(store), manifest, options)
      : openFetched(store, options, new FetchClient(REQUEST_DESCRIPTOR, lazy), manifest);
  if (overlay !== undefined) refuseOverlayMarks(tree, overlay.at, overlay.prefix);
  return tree;
}

/** Opens a lazy image, with a connection to its fetcher, which it owns. */
export function openFetched(
  store: string,
  options: OpenImageOptions,
  client: FetchClient,
  manifest: string,
): ImageTree {
  const blobs = new LazyBlobs(servedBlobs(store), client);
  const tree = openImageIn(blobs, manifest, options);
  tree.own(blobs);
  client.start();
  return tree;
}

/** The same in a supervisor, for the time between two processes that serve. */
export function holdServed({ store, manifest }: ServedImage): Disposable {
  return servedBlobs(store).hold(manifest);
}

export function servedBlobs(store: string): BlobDirectory {
  return new BlobDirectory(new Directory(RESOURCE_DESCRIPTOR, store));
}

/** Arguments of Node that start the daemon's program. */
export function daemonArguments(given: DaemonArguments): string[] {
  return [daemonProgram(), JSON.stringify(given)];
}

/**
 * What distinguishes this program from another version, as text to compare: its first file, which has the names of the others with
 * digests of their content. Undefined for sources, where it has not.
 */
export function programVersion(): string | undefined {
  if (isSource) return undefined;
  const { dev, ino, mtimeNs, size } = statSync(daemonProgram(), { bigint: true });
  return [process.version, dev, ino, mtimeNs, size].join(" ");
}

const here = fileURLToPath(import.meta.url);
const isSource = here.endsWith(".ts");

/** In the directory of this module: in the checkout, the bundle, and the package. */
function daemonProgram(): string {
  return join(dirname(here), isSource ? "daemon.ts" : "daemon.js");
}

/**
 * The directories that the daemon's program consists of: the checkout; the directory in which a package manager has
 * installed this package and those that it needs; or the bundle and its native add-ons, which in a checkout are elsewhere. `replaced`: of
 * these, the directories that an upgrade of the bundle removes.
 */
export function programFiles(): { program: string[]; replaced: string[] } {
  if (isSource) return { program: [resolve(dirname(here), "../../..")], replaced: [] };
  const installed = packagesAround(here);
  if (installed !== undefined) return { program: [installed], replaced: [] };
  const home = dirname(dirname(here));
  const addOns = ["koffi", "zstd-napi"].map((name) => realpathSync(join(home, "node_modules", name)));
  const replaced = ["lib", "node_modules", "compile-cache"].map((name) => join(home, name));
  const elsewhere = addOns.map((path) => packagesAround(path) ?? path).filter((path) => !path.startsWith(`${home}/`));
  // By it Node knows that the program consists of modules; a checkout has none there.
  const description = join(home, "package.json");
  return { program: [...replaced, ...elsewhere, ...(existsSync(description) ? [description] : [])], replaced };
}

/** The outermost node_modules that a path is in: packages inside refer to each other. */
function packagesAround(path: string): string | undefined {
  const end = path.indexOf("/node_modules/");
  return end === -1 ? undefined : path.slice(0, end + "/node_modules".length);
}
