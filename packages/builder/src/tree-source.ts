import { FileStatus, realPath } from "@puzzlefs/linux";
import type { Layout } from "@puzzlefs/oci";

import { DirectorySource } from "./directory-source.ts";
import { FileCache } from "./file-cache.ts";
import type { ResolvedOptions } from "./options.ts";
import { storedFormOf } from "./seekable.ts";
import type { Source, StoredContent } from "./source.ts";

/** The tree to build from. */
export function sourceOf({ rootfs, crossing, verify }: ResolvedOptions, layout: Layout, cache?: FileCache): Source {
  if (typeof rootfs !== "string") return rootfs;
  const options = { crossing, written: writtenBy(layout) };
  if (cache?.stored === undefined || verify) return new DirectorySource(rootfs, options);
  const known = (fingerprint: string, size: number): StoredContent | undefined => cache.find(fingerprint, size);
  return new DirectorySource(rootfs, { ...options, known, stored: cache.stored });
}

/** The cache of files, if the options ask for it. */
export function cacheOf(options: ResolvedOptions, layout: Layout): FileCache | undefined {
  const { rootfs, fileCache, chunkSizes } = options;
  if (!fileCache || typeof rootfs !== "string") return undefined;
  const { min, avg, max } = chunkSizes;
  const parameters = `${storedFormOf(options)} ${min} ${avg} ${max} ${realPath(rootfs)}`;
  return new FileCache(layout, parameters, min);
}

/** Identities of the directories that are written. */
export function writtenBy({ directory, blobs }: Layout): Set<string> {
  const status = new FileStatus();
  return new Set(
    [directory, blobs.directory].map(({ descriptor }) => {
      status.readDescriptor(descriptor);
      return status.identity;
    }),
  );
}
