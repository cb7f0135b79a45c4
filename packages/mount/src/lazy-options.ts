import type { FetchOrder } from "@puzzlefs/lazy";

/** How a lazy image is fetched while it is mounted. */
export interface LazyOptions {
  /** Fetch the other chunks in the background. */
  fill: boolean;
  /** Bytes of free space that stay free. */
  reserve: number;
  /** Milliseconds for which a chunk is tried to be fetched; then its readers get EIO. */
  timeout: number;
  /** By the kernel driver too, if the driver is chosen: opens wait until a file has been fetched. */
  byDriver: boolean;
}

const LAZY_DEFAULTS: LazyOptions = {
  fill: true,
  reserve: 64 << 20,
  timeout: 60_000,
  byDriver: false,
};

/** How the chunks of an image are fetched. @param stored for readers of the layout */
export function fetchOrder(image: string, given: Partial<LazyOptions> | undefined, stored: boolean): FetchOrder {
  const { fill, reserve, timeout } = { ...LAZY_DEFAULTS, ...given };
  return { image, fill, reserve, timeout, stored };
}
