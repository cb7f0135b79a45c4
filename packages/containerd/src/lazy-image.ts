import type { Layout } from "@puzzlefs/oci";
import { Registry, type Reference, type RegistrySettings } from "@puzzlefs/registry";
import { pullLazy } from "@puzzlefs/transport";

/** Milliseconds in which a registry must have answered; otherwise containerd fetches the packs. */
const PATIENCE = 30_000;

export interface LazyReceipt {
  /** Hex sha256 of the canonical manifest. */
  image: string;
  source: Reference;
  tag: string;
  access: RegistrySettings;
  /** Runs a change of the layout. */
  exclusively: <T>(work: () => Promise<T>) => Promise<T>;
  log: (message: string) => void;
}

/**
 * Gets an image without its packs from its registry, with credentials of our own: the fetcher asks likewise. Throws LayoutError, FormatError, IntegrityError,
 * RegistryError, and TimeoutError.
 */
export async function receiveLazily(
  layout: Layout,
  { image, source, tag, access, exclusively, log }: LazyReceipt,
): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE);
  using registry = new Registry({ ...access, signal, warn: log });
  const request = { registry, access, source, ociDir: layout.path, tag, canonical: image };
  const { receivedBytes, state } = await pullLazy({ ...request, waiting: () => {}, exclusively, signal });
  const missing = state === undefined ? "" : `, ${state.missingBytes} of ${state.bytes} bytes are fetched later`;
  log(`image sha256:${image}: held, received ${receivedBytes} bytes${missing}`);
}
