import { mayShare, type StartedMount, startMount, startSharedMount } from "@puzzlefs/fuse";
import { Layout } from "@puzzlefs/oci";
import { startConnector } from "./fetcher-program.ts";
import type { FuseMount, MountRequest } from "./mount-request.ts";
import { daemonArguments, programFiles, programVersion, servedImage } from "./server-program.ts";

/** A request that may be served by FUSE. Paths are absolute. */
export interface ServerRequest extends MountRequest {
  /** The calling process stays until the mount ends, and gets the server's messages on stderr. */
  foreground: boolean;
  /** Log every request. */
  debug: boolean;
  /** If the process that serves dies, another one takes over. */
  supervise?: boolean;
  /** By the server that mounts of the store share, where there can be one. */
  shared?: boolean;
}

/**
 * Has the image served by FUSE: by the server that mounts of its store share, or by a process of its own. It inherits the store as
 * a descriptor, and nothing else.
 */
export async function startServer(request: ServerRequest, mount: FuseMount): Promise<StartedMount> {
  using layout = Layout.open(request.ociDir);
  const image = servedImage(request, mount, layout);
  const { descriptor } = layout.blobs.directory;
  const common = {
    options: request.options,
    fsname: request.source,
    debug: request.debug,
    ...programFiles(),
    ...(mount.shownAt !== undefined && { shownAt: mount.shownAt }),
    ...(mount.lock !== undefined && { kept: mount.lock }),
    ...(request.logFile !== undefined && { logFile: request.logFile }),
  };
  const version = programVersion();
  // A server of a lazy image has a connection to the fetcher.
  const isAlone = request.foreground || image.lazy !== undefined;
  if (request.shared === true && !isAlone && version !== undefined && mayShare(request.options)) {
    const shared = await startSharedMount(mount.mountpoint, {
      ...common,
      store: { descriptor, path: layout.blobs.path },
      image,
      version,
      argv: (order) => daemonArguments({ shared: order }),
    });
    if (shared !== undefined) return shared;
  }
  return await startMount(mount.mountpoint, {
    ...common,
    attached: request.foreground,
    supervised: request.supervise === true,
    resource: { descriptor, isStore: true },
    argv: (server) => daemonArguments({ server, image }),
    ...(image.lazy !== undefined && { requests: startConnector(layout) }),
  });
}
