import {
  findMount,
  listMounts,
  type MountEntry,
  MountError,
  type StartedMount,
  unmount,
  type UnmountOptions,
} from "@puzzlefs/fuse";
import { absolutePath, FileStatus, hasProc, realPath } from "@puzzlefs/linux";
import type { Driver } from "./driver.ts";
import { mountImage } from "./mount-image.ts";
import type { MountRequest } from "./mount-request.ts";
import { type ServerRequest, startServer } from "./start-server.ts";

/** What mount() takes: the layout, the image, the mount point; the rest has defaults. Paths may be relative. */
export interface MountOptions
  extends
    Pick<MountRequest, "ociDir" | "reference" | "mountpoint">,
    Partial<Omit<MountRequest, "ociDir" | "reference" | "mountpoint">>,
    Partial<Pick<ServerRequest, "supervise" | "shared">> {
  /** Gets what may be unexpected, as text. Default: process.emitWarning(). */
  warn?: (message: string) => void;
}

/** A mount. It outlives this process unless unmount() is called. */
export class MountedImage {
  readonly mountpoint: string;
  readonly driver: Driver;
  /** Undefined without /proc: then whatever image is mounted there is taken for this one. */
  readonly #mount: MountEntry | undefined;
  /** The numbers in #mount may be given to another mount later. */
  readonly #uniqueId: bigint | undefined;
  #ending: Promise<void> | undefined;

  constructor(mountpoint: string, driver: Driver) {
    this.mountpoint = mountpoint;
    this.driver = driver;
    this.#mount = hasProc() ? findMount(realPath(mountpoint)) : undefined;
    this.#uniqueId = new FileStatus().uniqueMountId(mountpoint);
  }

  /**
   * Does nothing if the mount is gone already. Rejects with MountError: EBUSY while a process uses the mount, unless
   * `lazy`, and while another mount is on top of it; it may be called again then.
   */
  async unmount(options: UnmountOptions = {}): Promise<void> {
    this.#ending ??= this.#unmount(options).catch((error: unknown) => {
      this.#ending = undefined;
      throw error;
    });
    await this.#ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount();
  }

  async #unmount(options: UnmountOptions): Promise<void> {
    const own = this.#mount;
    if (own !== undefined) {
      const isOwn = ({ id, device }: MountEntry): boolean => id === own.id && device === own.device;
      if (!listMounts().some(isOwn)) return;
      const top = findMount(own.mountpoint);
      if (top !== undefined && isOwn(top)) {
        // Unknown if the server does not answer any more: that is no reason to leave the mount.
        const uniqueId = new FileStatus().uniqueMountId(this.mountpoint);
        if (uniqueId !== undefined && this.#uniqueId !== undefined && uniqueId !== this.#uniqueId) return;
      } else {
        throw new MountError(`${this.mountpoint}: another mount is on top of it: unmount that first`, "EBUSY");
      }
    }
    await unmount(this.mountpoint, options);
  }
}

/**
 * Mounts an image and resolves once the mount is usable. By default the kernel driver is used if it is there, else a FUSE
 * server is started; the mount is read-only; options are those of mount(8).
 *
 * From the first FUSE mount by root on Linux 7.3 on, process.chdir() does not concern the threads of Node: call it before, or use
 * absolute paths in asynchronous calls.
 *
 * Rejects with MountError, DaemonError (the server could not start), LayoutError, FormatError or IntegrityError.
 */
export async function mount(options: MountOptions): Promise<MountedImage> {
  const { reference, persist, warn = (text) => process.emitWarning(text), ...rest } = options;
  const layout = absolutePath(options.ociDir);
  const request: ServerRequest = {
    ...rest,
    source: options.source ?? `${layout}:${reference}`,
    options: options.options ?? [],
    driver: options.driver ?? "auto",
    // A signature is about all bytes; with a digest the kernel checks them.
    verify: options.verify ?? (options.signedBy !== undefined && options.digest === undefined ? "blob" : "none"),
    writable: options.writable ?? false,
    foreground: false,
    debug: false,
    ociDir: layout,
    reference,
    mountpoint: absolutePath(options.mountpoint),
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
