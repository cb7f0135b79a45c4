import type { BaseRecord } from "@puzzlefs/oci";
import { parseReference, type RegistryAccess, RegistryError, type RepositoryAccess } from "@puzzlefs/registry";
import type { Base } from "@puzzlefs/transport";

/** An image whose packs a push keeps; those of another repository of the same registry can be mounted. */
export function baseOf(repository: RepositoryAccess, target: RepositoryAccess): Base {
  const { name } = repository;
  return { repository, mountFrom: isBeside(name, target.name) ? withoutHost(name) : undefined };
}

/**
 * An image that a layout records, if the registry of the target has it. Other registries are not asked: a layout does not decide with which
 * hosts this program talks.
 */
export function recordedBase(
  registries: RegistryAccess,
  { name, digest }: BaseRecord,
  target: RepositoryAccess,
): Base | undefined {
  try {
    const { host, repository } = parseReference(name);
    const opened = registries.open({ host, repository, digest: `sha256:${digest}` }, "pull");
    return opened.name === target.name || isBeside(opened.name, target.name) ? baseOf(opened, target) : undefined;
  } catch (error) {
    // Another tool may record anything.
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
}

/** Whether they are two repositories of one registry. */
function isBeside(one: string, other: string): boolean {
  return one !== other && hostOf(one) === hostOf(other);
}

function hostOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

function withoutHost(name: string): string {
  return name.slice(name.indexOf("/") + 1);
}
