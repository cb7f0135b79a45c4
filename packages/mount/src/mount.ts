import { type StartedMount, unmount, type UnmountOptions } from "@puzzlefs/fuse";
import { absolutePath } from "@puzzlefs/linux";
import type { Driver } from "./driver.ts";
import { mountImage, type MountRequest } from "./mount-image.ts";
import { type ServerRequest, startServer } from "./start-server.ts";

/** What mount() takes: the layout, the image, the mount point; the rest has defaults. Paths may be relative. */
export interface MountOptions
  extends
    Pick<MountRequest, "ociDir" | "reference" | "mountpoint">,
    Partial<Omit<MountRequest, "ociDir" | "reference" | "mountpoint">>,
    Partial<Pick<ServerRequest, "supervise" | "logFile">> {
  /** Gets what may be unexpected, as text. Default: process.emitWarning(). */
  warn?: (message: string) => void;
}

/** A mount. It outlives this process unless unmount() is called. */
export class MountedImage {
  readonly mountpoint: string;
  readonly driver: Driver;
  #isMounted = true;

  constructor(mountpoint: string, driver: Driver) {
    this.mountpoint = mountpoint;
    this.driver = driver;
  }

  /** Rejects with MountError: EBUSY while a process uses the mount, unless `lazy`. A second call does nothing. */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    if (!this.#isMounted) return;
    await unmount(this.mountpoint, options);
    this.#isMounted = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
  }
}

/**
 * Mounts an image and resolves once the mount is usable. By default the kernel driver is used if it is there, else a FUSE
 * server is started; the mount is read-only; options are those of mount(8).
 *
 * Rejects with MountError, DaemonError (the server could not start), LayoutError, FormatError or IntegrityError.
 */
export async function mount(options: MountOptions): Promise<MountedImage> {
  const { ociDir, reference, mountpoint, persist, warn = (text) => process.emitWarning(text), ...rest } = options;
  const layout = absolutePath(ociDir);
  const request: ServerRequest = {
    source: `${layout}:${reference}`,
    options: [],
    driver: "auto",
    verify: "none",
    writable: false,
    ...rest,
    foreground: false,
    debug: false,
    ociDir: layout,
    reference,
    mountpoint: absolutePath(mountpoint),
    ...(persist !== undefined && { persist: absolutePath(persist) }),
  };
  let started: StartedMount | undefined;
  const driver = await mountImage(
    request,
    async (served) => {
      started = await startServer(request, served);
    },
    warn,
  );
  started?.release();
  return new MountedImage(request.mountpoint, driver);
}
