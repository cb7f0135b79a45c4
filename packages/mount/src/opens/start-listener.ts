import { constants } from "node:fs";
import {
  buildRuntime,
  detached,
  LOG_DESCRIPTOR,
  nodeFile,
  openLog,
  REQUEST_DESCRIPTOR,
  RESOURCE_DESCRIPTOR,
  ServerProcess,
} from "@puzzlefs/fuse";
import { close, KernelRefusal, messageOf, openNamed, OpenEvents, unmountDescriptor } from "@puzzlefs/linux";
import { Layout } from "@puzzlefs/oci";
import { listenerArguments, startConnector } from "../fetcher-program.ts";
import { fetchOrder } from "../lazy-options.ts";
import type { MountRequest } from "../mount-request.ts";
import { programFiles } from "../server-program.ts";
import { EVENTS_DESCRIPTOR, UNMOUNT_DESCRIPTOR } from "./order.ts";

/**
 * Has opens in a file system of the driver wait until the files have been fetched, by processes that end with it, or once all of the image has
 * been fetched. Resolves when they run, before the file system is visible.
 *
 * @param root of a mount of it, opened
 * @param shownAt the mount point as users see it
 * @returns the events, by which an overlay can be marked too
 * @throws {KernelRefusal} ENOTSUP: not permitted, or no such kernel
 * @throws {DaemonError} the image is not as it should be
 */
export async function startListener(request: MountRequest, root: number, shownAt: string): Promise<OpenEvents> {
  const { ociDir, reference: manifest, verify, digest } = request;
  using layout = Layout.open(ociDir);
  using opened = new DisposableStack();
  const own = (descriptor: number): number => {
    opened.defer(() => close(descriptor));
    return descriptor;
  };
  using events = new DisposableStack();
  const marked = events.use(markedEvents(root));
  const unmount = own(unmountDescriptor(root));
  const log = openLog(request.logFile, false);
  if (log.kind !== "stderr") own(log.descriptor);
  const nothing = own(openNamed("/dev/null", constants.O_RDWR));
  const runtime = buildRuntime(programFiles().program);
  if (runtime !== undefined) own(runtime);
  const store = detached(layout.blobs.directory.descriptor);
  if (store !== undefined) own(store);
  const options = { verify, check: "used" as const, ...(digest !== undefined && { verity: digest }) };
  const lazy = fetchOrder(manifest, request.lazy, true);
  const image = { store: layout.blobs.path, manifest, options, lazy };
  const more = { image, shownAt, log: log.kind, confined: store !== undefined, node: nodeFile() };
  const server = new ServerProcess({
    root: runtime,
    node: nodeFile(),
    argv: listenerArguments({ role: "listener", ...more }),
    descriptors: new Map([
      [0, nothing],
      [1, nothing],
      [2, nothing],
      [LOG_DESCRIPTOR, log.descriptor],
      [RESOURCE_DESCRIPTOR, store ?? layout.blobs.directory.descriptor],
      [REQUEST_DESCRIPTOR, own(startConnector(layout))],
      [EVENTS_DESCRIPTOR, marked.descriptor],
      [UNMOUNT_DESCRIPTOR, unmount],
    ]),
  });
  await server.opened;
  server.release();
  events.move();
  return marked;
}

/** Throws KernelRefusal. */
function markedEvents(root: number): OpenEvents {
  using stack = new DisposableStack();
  try {
    const events = stack.use(OpenEvents.create());
    events.mark(root);
    stack.move();
    return events;
  } catch (error) {
    const needs = "it needs CAP_SYS_ADMIN of the machine and a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS";
    throw new KernelRefusal(
      "ENOTSUP",
      `opens cannot wait for chunks of a lazy image: ${messageOf(error)}: ${needs}; by FUSE it does not`,
    );
  }
}
