/**
 * Whether two mounts would write the same directories. For overlayfs this is undefined behavior; with index=off it only
 * logs a warning.
 */
import { listMounts, type MountEntry } from "@puzzlefs/fuse";
import {
  Directory,
  FileStatus,
  FileSystemContext,
  hasCode,
  inInitialNamespace,
  KernelRefusal,
  MissingProcError,
  textOf,
} from "@puzzlefs/linux";

/** A directory cannot be used; the message names it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** A directory that the writable ones must not overlap, and its name in messages. */
export interface NamedDirectory {
  what: string;
  directory: Directory;
}

/** The file itself, as text to compare. */
export function identityOf({ descriptor }: Directory): string {
  const status = new FileStatus();
  status.readDescriptor(descriptor);
  return status.identity;
}

/** A directory and all directories above it, up to the root of this process, as identityOf(). */
export function chainOf(directory: Directory): Set<string> {
  const chain = new Set<string>();
  let at = directory;
  try {
    for (let identity = identityOf(at); !chain.has(identity); identity = identityOf(at)) {
      chain.add(identity);
      const above = at.directory("..");
      if (at !== directory) at.close();
      at = above;
    }
  } finally {
    if (at !== directory) at.close();
  }
  return chain;
}

/** Throws Refusal if `directory` is one of `others`, is in one of them, or one of them is in it. */
export function refuseOverlap(directory: Directory, others: readonly NamedDirectory[]): void {
  const own = identityOf(directory);
  const chain = chainOf(directory);
  for (const { what, directory: other } of others) {
    const identity = identityOf(other);
    if (own === identity) throw new Refusal(`${directory.path} is ${what}`);
    if (chain.has(identity)) throw new Refusal(`${directory.path} is inside ${what}, ${other.path}`);
    if (chainOf(other).has(own)) throw new Refusal(`${directory.path} has ${what} inside, ${other.path}`);
  }
}

/**
 * Throws Refusal if another mount of this mount namespace writes one of `directories`, a directory in them or above
 * them. Before Linux 6.13 the kernel does not show the directories of mounts that we made.
 */
export function refuseShownMount(directories: readonly Directory[]): void {
  for (const entry of mounts()) {
    for (const [, path = ""] of entry.superOptions.matchAll(/(?:^|,)(?:upper|work)dir=((?:\\.|[^,\\])+)/g)) {
      const other = openShown(path);
      if (other === undefined) continue;
      try {
        refuseOverlap(
          other,
          directories.map((directory) => ({ what: "that", directory })),
        );
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        throw new Refusal(shownOn(entry.mountpoint));
      } finally {
        other.close();
      }
    }
  }
}

const HARM = "with two mounts of one upper directory changes would be lost";

/** @param at the other mount point */
function shownOn(at: string): string {
  return `the mount on ${at} uses it, and ${HARM}`;
}

/** @param at where it was last mounted, if that is known */
export function inUse(at: string | undefined): string {
  const which = at === undefined ? "another mount" : `the mount that was made on ${at}`;
  return `${which} uses it, perhaps in another mount namespace, and ${HARM}`;
}

function mounts(): MountEntry[] {
  try {
    return listMounts().filter(({ type }) => type === "overlay");
  } catch (error) {
    if (error instanceof MissingProcError) return [];
    throw error;
  }
}

/** Paths are as overlayfs and mountinfo escape them. */
function openShown(shown: string): Directory | undefined {
  const plain = shown
    .replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
    .replace(/\\(.)/g, "$1");
  const path = textOf(Buffer.from(plain, "latin1"));
  // A path of another process: here the same descriptor number is another file.
  if (!plain.startsWith("/") || plain.startsWith("/proc/")) return undefined;
  try {
    return Directory.open(path);
  } catch (error) {
    // In another root directory, or renamed or removed since.
    if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENOTCONN")) return undefined;
    throw error;
  }
}

/**
 * Asks the kernel whether any overlay, in any mount namespace and by any path, has one of `directories` or a
 * directory above them as its upper or work directory: with index=on it refuses such directories as lower ones.
 * Configuring the overlay changes nothing in them. False also where this is not possible: in a user namespace, without /proc,
 * on a file system without file handles.
 *
 * @param scratch a directory for the writable layer of that overlay, on a file system that can have one
 */
export function isInUse(directories: readonly Directory[], scratch: Directory): boolean {
  if (!inInitialNamespace("user")) return false;
  using own = scratch.makeTemporary("probe-").directory;
  using upper = own.makeDirectory("upper");
  using work = own.makeDirectory("work");
  try {
    using context = new FileSystemContext("overlay");
    context.set("lowerdir", directories.map(({ descriptor }) => `/proc/self/fd/${descriptor}`).join(":"));
    context.setDirectory("upperdir", upper.descriptor);
    context.setDirectory("workdir", work.descriptor);
    context.set("index", "on");
    context.create();
    return false;
  } catch (error) {
    if (!(error instanceof KernelRefusal || error instanceof MissingProcError)) throw error;
    return hasCode(error, "EBUSY");
  }
}
