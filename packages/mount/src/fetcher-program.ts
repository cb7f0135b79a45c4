import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MountError } from "@puzzlefs/fuse";
import { startFetcher } from "@puzzlefs/lazy";
import { commandOfBytes, type Directory, keepDescriptorsFromChildren, socketpair } from "@puzzlefs/linux";
import { fsVerityDigest, forgetLazy, Layout, lazyState, openLazy, ownsLazy } from "@puzzlefs/oci";
import type { LazyOptions } from "./lazy-options.ts";
import type { OpensOrder } from "./opens/order.ts";

/** The parts of a MountRequest that matter for a lazy image. */
interface LazyRequest {
  ociDir: string;
  mountpoint: string;
  driver: string;
  digest?: string;
  lazy?: Partial<LazyOptions>;
}

const isSource = import.meta.url.endsWith(".ts");

function beside(name: string): string {
  return fileURLToPath(new URL(`./${name}.${isSource ? "ts" : "js"}`, import.meta.url));
}

/** Node's arguments that start a fetcher. */
export function fetcherProgram(): string[] {
  return [beside("fetcher")];
}

/** Those that start the processes behind a lazy mount of the driver. */
export function listenerArguments(order: OpensOrder): string[] {
  return [beside("listener"), JSON.stringify(order)];
}

/**
 * Whether chunks of an image must be fetched when they are read. One that has all of them by now is no longer lazy.
 * Throws MountError for a request that a lazy image cannot have.
 */
export function isLazy(request: LazyRequest, { digest, bytes }: { digest: string; bytes: Uint8Array }): boolean {
  using layout = Layout.open(request.ociDir);
  const state = lazyState(layout, digest);
  if (state === undefined) return false;
  using directory = openLazy(layout);
  if (directory === undefined || !ownsLazy(directory)) {
    if (state.isWhole) return false;
    throw new MountError(
      `${request.ociDir}: the image is lazy, and only the owner of ${layout.path}/lazy can fetch it`,
    );
  }
  if (state.isWhole) {
    forgetLazy(layout, digest);
    return false;
  }
  if (request.driver === "kernel" && request.lazy?.byDriver !== true)
    throw new MountError(
      `${request.mountpoint}: the image is lazy: by the kernel driver only with --lazy, then opens wait for whole files; or mount it by FUSE`,
    );
  if (request.digest !== undefined && request.digest === fsVerityDigest(bytes).toString("hex")) {
    const problem = "the kernel enforces no fs-verity digest of chunks that are not fetched yet";
    throw new MountError(
      `${request.mountpoint}: ${problem}: demand the digest of the canonical manifest, or pull all of it`,
    );
  }
  return true;
}

/**
 * Starts the fetcher of a layout, and a process through which a server that is confined to its store reaches it: a shell, a twentieth of another
 * Node. Returns the server's end of a socket to that; it ends when all have closed it.
 */
export function startConnector(layout: Layout): number {
  using directory = openLazy(layout) as Directory;
  startFetcher(directory, fetcherProgram());
  const [ours, theirs] = socketpair();
  const script = fileURLToPath(new URL("./connector.sh", import.meta.url));
  const command = [script, process.execPath, ...process.execArgv, beside("connect-fetcher")];
  const [shell, argv] = commandOfBytes("/bin/sh", command);
  keepDescriptorsFromChildren();
  const child = spawn(shell, argv, {
    stdio: [theirs, "ignore", "ignore", directory.descriptor],
    detached: true,
    cwd: "/",
  });
  child.on("error", () => undefined);
  child.unref();
  closeSync(theirs);
  return ours;
}
