export interface Count {
  blobs: number;
  bytes: number;
}

/** What gc has removed and kept, or would in a dry run. Each blob is in one of them. */
export interface GarbageReport {
  dryRun: boolean;
  /** Entries of index.json. */
  entries: number;
  /** Needed by an entry. */
  needed: Count;
  /** Needed only by images in use that no entry names. */
  inUse: Count;
  /** Needed by nothing, but changed within the grace period, or needed by a manifest that was. */
  young: Count;
  /** Removed. */
  freed: Count;
  /** Removed though lazy images have them: they can be fetched again. */
  evicted: Count;
  /** Needed by nothing, but builds at work may rely on them: the first gc after their end removes them. */
  pending: Count;
  /** Left by writers that died. */
  temporaries: { directories: number; bytes: number };
  /** Builds at work. */
  writers: number;
}

export function emptyReport(dryRun: boolean): GarbageReport {
  const none = (): Count => ({ blobs: 0, bytes: 0 });
  return {
    dryRun,
    entries: 0,
    needed: none(),
    inUse: none(),
    young: none(),
    freed: none(),
    evicted: none(),
    pending: none(),
    temporaries: { directories: 0, bytes: 0 },
    writers: 0,
  };
}

export function addCount(sum: Count, { blobs, bytes }: Count): void {
  sum.blobs += blobs;
  sum.bytes += bytes;
}
