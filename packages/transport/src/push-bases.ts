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
  const readOne = (repository: RepositoryAccess): Promise<RemoteBase> =>
    readBase(repository, { platform }, layout, signal);
  const replaced = await readUnnamed(readOne(target), REPLACED, warn);
  const read: Bases["bases"] = [];
  for (const { repository, mountFrom } of bases) read.push({ ...(await readOne(repository)), mountFrom });
  const isRead = independent || [replaced, ...read].some((one) => one?.digest === base?.digest);
  const recorded = base === undefined || isRead ? undefined : openRecorded?.(base);
  if (recorded !== undefined) {
    const { repository, mountFrom } = recorded;
    const found = await readUnnamed(readOne(repository), RECORDED, warn);
    if (found !== undefined) read.push({ ...found, mountFrom });
  }
  const patched: RemoteBase[] = [];
  for (const repository of patchFrom) patched.push(await readOne(repository));
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

/** A base that the options do not name, and what is no reason to fail: without it, more is sent. */
interface Unnamed {
  what: string;
  /** Failures of which nothing is said, and those of which is warned. */
  silent: readonly RegistryFailure[];
  warned: readonly RegistryFailure[];
}

const REPLACED: Unnamed = { what: "the image that is replaced", silent: ["absent"], warned: ["missing"] };
const RECORDED: Unnamed = {
  what: "the image that this one was built on",
  silent: [],
  warned: ["absent", "missing", "denied"],
};

/** Undefined if it cannot be a base. */
async function readUnnamed(
  base: Promise<RemoteBase>,
  { what, silent, warned }: Unnamed,
  warn: (message: string) => void,
): Promise<RemoteBase | undefined> {
  try {
    return await base;
  } catch (error) {
    if (error instanceof RegistryError && silent.includes(error.kind)) return undefined;
    const isDamaged = error instanceof LayoutError || error instanceof IntegrityError || error instanceof FormatError;
    if (!isDamaged && !(error instanceof RegistryError && warned.includes(error.kind))) throw error;
    warn(`no packs of ${what} are kept: ${error.message}`);
    return undefined;
  }
}
