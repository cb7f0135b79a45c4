import { type Directory, hasCode } from "@puzzlefs/linux";
import { readRegular, writeNew } from "./files.ts";
import { openOwn, removeEmpty, stagedBytes } from "./staging.ts";

/**
 * Blobs that gc takes out of a layout while writers are at work, which may have found them there and have stored no copies. They
 * are moved into a directory inside the layout. A commit moves back what its image needs. When all writers that lived at that
 * time have ended, no process relies on the rest, and the next gc removes it. No writer that begins later finds them.
 *
 * Another user's replacement of such a directory is not used: see staging.ts.
 */
const PREFIX = ".puzzlefs-gc-";
/** Names of the staging directories of these writers. */
const WRITERS = "writers";
const LIMIT = 1 << 20;

/** A directory of blobs that are set aside. Close it. */
export interface SetAside {
  name: string;
  directory: Directory;
}

/** Makes one. The caller holds the layout's lock, and these are all writers that live. */
export function makeSetAside(layout: Directory, writers: readonly string[]): SetAside {
  const made = layout.makeTemporary(PREFIX);
  // Before any blob: after a kill the list is whole, or there are no blobs.
  writeNew(made.directory, WRITERS, Buffer.from(writers.join("\n")));
  return made;
}

/** Those of this user. */
export function* findSetAside(layout: Directory): Generator<SetAside> {
  for (const name of layout.names()) {
    const directory = name.startsWith(PREFIX) ? openOwn(layout, name) : undefined;
    if (directory === undefined) continue;
    using _ = directory;
    yield { name, directory };
  }
}

/** Moves a blob back, if it is set aside. Returns its size. */
export function recoverBlob(layout: Directory, blobs: Directory, digest: string): number | undefined {
  for (const { directory } of findSetAside(layout)) {
    const size = directory.fileSize(digest);
    if (size === undefined) continue;
    try {
      directory.rename(digest, blobs, digest);
    } catch (error) {
      // Another build has moved it back.
      if (!hasCode(error, "ENOENT")) throw error;
    }
    return size;
  }
  return undefined;
}

/** Whether one of the writers that `live` may rely on blobs that are set aside. */
export function isWaitedFor({ directory }: SetAside, live: readonly string[]): boolean {
  const list = readRegular(directory, WRITERS, LIMIT)?.toString("latin1") ?? "";
  return list.split("\n").some((writer) => live.includes(writer));
}

/** Files and bytes in one. */
export function sizeOfSetAside({ directory }: SetAside): { blobs: number; bytes: number } {
  const files = directory.names().filter((name) => name !== WRITERS);
  return { blobs: files.length, bytes: stagedBytes({ directory }) - (directory.fileSize(WRITERS) ?? 0) };
}

/** Removes one, the list of writers last. The caller holds the layout's lock. */
export function removeSetAside(layout: Directory, { name, directory }: SetAside): void {
  for (const file of directory.names()) if (file !== WRITERS) directory.removeFile(file);
  directory.removeFile(WRITERS);
  removeEmpty(layout, name);
}
