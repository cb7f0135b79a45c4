import { metadataOf, type PackSource } from "@puzzlefs/builder/packed";
import { FormatError } from "@puzzlefs/format";
import { type Layout, LayoutError, type PlatformChoice } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import { RegistryError, type RegistryFailure, type RepositoryAccess } from "@puzzlefs/registry";
import { settleRemote } from "./bundle.ts";
import { findPacked } from "./remote-image.ts";

/** A packed image of a registry, from which packs are kept or a patch is made. */
export interface RemoteBase extends PackSource {
  repository: RepositoryAccess;
  /** sha256 of its manifest in the registry, and of the canonical one, hex. */
  digest: string;
  canonical: string;
  metadata: Uint8Array;
}

/** Reads a base: manifest and bundle. Throws LayoutError, FormatError, IntegrityError, RegistryError. */
export async function readBase(
  repository: RepositoryAccess,
  choice: PlatformChoice,
  layout: Layout,
  signal: AbortSignal,
): Promise<RemoteBase> {
  const image = await findPacked(repository, choice, signal);
  const { header } = await settleRemote(image, layout, signal);
  const { table } = header.packed;
  return {
    repository,
    digest: image.digest,
    canonical: header.manifestDigest,
    metadata: metadataOf(header),
    packs: table.packs,
    find: (digest) => table.find(digest),
  };
}

/** The image that a push replaces; undefined if there is none, or none that can be a base, of which `warn` is called. */
export async function readReplaced(
  repository: RepositoryAccess,
  choice: PlatformChoice,
  layout: Layout,
  signal: AbortSignal,
  warn: (message: string) => void,
): Promise<RemoteBase | undefined> {
  try {
    return await readBase(repository, choice, layout, signal);
  } catch (error) {
    if (error instanceof RegistryError && error.kind === "absent") return undefined;
    warnUnusable("the image that is replaced", error, ["missing"], warn);
    return undefined;
  }
}

/** A base that the layout records; undefined if it cannot be one any more, of which `warn` is called. */
export async function readRecorded(
  repository: RepositoryAccess,
  choice: PlatformChoice,
  layout: Layout,
  signal: AbortSignal,
  warn: (message: string) => void,
): Promise<RemoteBase | undefined> {
  try {
    return await readBase(repository, choice, layout, signal);
  } catch (error) {
    warnUnusable("the image that this one was built on", error, ["absent", "missing", "denied"], warn);
    return undefined;
  }
}

/** Throws what is no reason to go on without the base. */
function warnUnusable(
  what: string,
  error: unknown,
  kinds: readonly RegistryFailure[],
  warn: (message: string) => void,
): void {
  const isDamaged = error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError;
  if (!isDamaged && !(error instanceof RegistryError && kinds.includes(error.kind))) throw error;
  warn(`no packs of ${what} are kept: ${error.message}`);
}
