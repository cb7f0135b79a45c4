import { type BaseSource, closeBlobs, type OpenedBase } from "@puzzlefs/builder/packed";
import { FormatError } from "@puzzlefs/format";
import { canonicalOf, type Layout, LayoutError } from "@puzzlefs/oci";
import { IntegrityError, readHeader } from "@puzzlefs/reader";
import type { RepositoryAccess } from "@puzzlefs/registry";
import { settleRemote } from "./bundle.ts";
import { findPacked } from "./remote-image.ts";

/**
 * An image of a registry to build on. Only its manifest is read, and its bundle, or a patch of it; not even that if the layout has the image.
 * Opening throws LayoutError (foreign, absent, refused, corrupt), FormatError, IntegrityError, RegistryError.
 *
 * @param repository opened for "pull"
 */
export function remoteBase(repository: RepositoryAccess, signal: AbortSignal): BaseSource {
  const { name, reference } = repository;
  return {
    name: `${name}${reference.startsWith("sha256:") ? "@" : ":"}${reference}`,
    async open(layout, choice) {
      const image = await findPacked(repository, choice, signal);
      const record = { name: image.name, digest: image.digest };
      const local = openStored(layout, canonicalOf(image.manifest) ?? image.digest);
      if (local !== undefined) return { ...local, record };
      const { header } = await settleRemote(image, layout, signal);
      // Of the packs none is there, and no image that has them is held.
      return { header: { ...header, blobs: layout.blobs }, record, [Symbol.dispose]: () => header.blobs.close() };
    },
  };
}

/** The image of the layout with this canonical manifest, held; undefined if there is none, or it is damaged. */
function openStored(layout: Layout, canonical: string): Omit<OpenedBase, "record"> | undefined {
  using opened = new DisposableStack();
  try {
    const header = readHeader(layout, opened.use(layout.use(canonical)).digest);
    opened.defer(() => closeBlobs(header));
    const use = opened.move();
    return { header, [Symbol.dispose]: () => use.dispose() };
  } catch (error) {
    if (error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError)
      return undefined;
    throw error;
  }
}
