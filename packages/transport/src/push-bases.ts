import { metadataOf, type PackSource } from "@puzzlefs/builder/packed";
import { FormatError } from "@puzzlefs/format";
import { type Layout, LayoutError, type PlatformChoice, sha256Hex } from "@puzzlefs/oci";
import { IntegrityError } from "@puzzlefs/reader";
import { RegistryError, type RegistryFailure, type RepositoryAccess } from "@puzzlefs/registry";
import { settleRemote } from "./bundle.ts";
import type { PushOptions } from "./push-options.ts";
import type { PackOrigin, PacksThere } from "./push-packs.ts";
import type { PushSource } from "./push-source.ts";
import { findPacked } from "./remote-image.ts";

/** A packed image of a registry, from which packs are kept or a patch is made. */
export interface RemoteBase extends PackSource {
  repository: RepositoryAccess;
  /** sha256 of its manifest in the registry, and of the canonical one, hex. */
  digest: string;
  canonical: string;
  metadata: Uint8Array;
}

/** What a push knows of other images. */
export interface Bases {
  replaced: RemoteBase | undefined;
  /** The others whose packs may be kept. */
  bases: (RemoteBase & PackOrigin)[];
  /** Those of whose metadata a patch is made. */
  patchBases: RemoteBase[];
}

/** Reads the image that is replaced, those that the options name, and the one that the layout records. */
export async function readBases(
  { target, bases = [], patchFrom = [], independent = false, openRecorded, warn = () => {} }: PushOptions,
  { platform, base, manifest }: PushSource,
  layout: Layout,
  signal: AbortSignal,
): Promise<Bases> {
  const choice = { platform };
  const replaced = await readReplaced(target, choice, layout, signal, warn);
  const read: Bases["bases"] = [];
  for (const { repository, mountFrom } of bases)
    read.push({ ...(await readBase(repository, choice, layout, signal)), mountFrom });
  const isRead = independent || [replaced, ...read].some((one) => one?.digest === base?.digest);
  const recorded = base === undefined || isRead ? undefined : openRecorded?.(base);
  if (recorded !== undefined) {
    const { repository, mountFrom } = recorded;
    const found = await readRecorded(repository, choice, layout, signal, warn);
    if (found !== undefined) read.push({ ...found, mountFrom });
  }
  const patched: RemoteBase[] = [];
  for (const repository of patchFrom) patched.push(await readBase(repository, choice, layout, signal));
  // Nothing but the image and the arguments decides what an independent push makes.
  const all = [...(replaced === undefined || independent ? [] : [replaced]), ...read, ...patched];
  const own = sha256Hex(manifest);
  const patchBases = new Map(all.filter(({ canonical }) => canonical !== own).map((one) => [one.canonical, one]));
  return { replaced, bases: read, patchBases: [...patchBases.values()] };
}

/**
 * What packs may be kept of. Without a base, the packs of the layout that the registry has already, from a push of another tag. Of a lazy image
 * they come first: nothing else can take the place of chunks that have not been fetched.
 */
export async function packOrigins(
  { openRecorded }: PushOptions,
  { own, lazy }: PushSource,
  { replaced, bases }: Bases,
  there: PacksThere,
): Promise<PackOrigin[]> {
  const origins = [...(replaced === undefined ? [] : [replaced]), ...bases];
  if (own !== undefined && lazy !== undefined) {
    const [, digest = ""] = lazy.reference.split("@sha256:");
    const mountFrom = openRecorded?.({ name: lazy.reference, digest })?.mountFrom;
    return [{ ...own, mountFrom }, ...origins];
  }
  if (origins.length > 0 || own === undefined) return origins;
  await there.ask(own.packs);
  return [own];
}

/** Reads a base: manifest and bundle. Throws LayoutError, FormatError, IntegrityError, RegistryError. */
async function readBase(
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
async function readReplaced(
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
async function readRecorded(
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
