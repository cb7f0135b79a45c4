import { type StartedMount, startMount } from "@puzzlefs/fuse";
import { Layout } from "@puzzlefs/oci";
import type { FuseMount, MountRequest } from "./mount-image.ts";
import { startConnector } from "./fetcher-program.ts";
import { daemonArguments, programFiles, servedImage } from "./server-program.ts";

/** A request that may be served by FUSE. Paths are absolute. */
export interface ServerRequest extends MountRequest {
  /** The calling process stays until the mount ends, and gets the server's messages on stderr. */
  foreground: boolean;
  /** Log every request. */
  debug: boolean;
  /** If the process that serves dies, another one takes over. */
  supervise?: boolean;
  logFile?: string;
}

/** Starts the process that serves the image by FUSE. It inherits the store as a descriptor, and nothing else. */
export async function startServer(request: ServerRequest, mount: FuseMount): Promise<StartedMount> {
  using layout = Layout.open(request.ociDir);
  const image = servedImage(request, mount, layout);
  return await startMount(mount.mountpoint, {
    options: request.options,
    fsname: request.source,
    debug: request.debug,
    attached: request.foreground,
    supervised: request.supervise === true,
    resource: { descriptor: layout.blobs.directory.descriptor, isStore: true },
    argv: (server) => daemonArguments(server, image),
    program: programFiles(),
    ...(image.lazy !== undefined && { requests: startConnector(layout) }),
    ...(mount.shownAt !== undefined && { shownAt: mount.shownAt }),
    ...(mount.lock !== undefined && { kept: mount.lock }),
    ...(request.logFile !== undefined && { logFile: request.logFile }),
  });
}
