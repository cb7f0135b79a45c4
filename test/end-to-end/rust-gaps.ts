/** What of an image the Rust tool does not show or restore, by design or by omission: not compared. */
export interface Gap {
  /** A field of the dump. */
  field: keyof typeof fields;
  /** Kinds of inodes concerned. Default: all. */
  kinds?: readonly string[];
  reason: string;
}

/** Positions in a line of the dump. */
const fields = { mode: 2, uid: 3, gid: 4, size: 5, links: 6, device: 7, mtime: 8, firstPath: 9 } as const;

/** Of its FUSE mount (reader/fuse.rs, `_getattr`). */
export const mountGaps: readonly Gap[] = [
  { field: "links", reason: "every inode has a link count of 0" },
  { field: "firstPath", reason: "is known only from link counts" },
  { field: "device", reason: "st_rdev is always 0" },
  { field: "mtime", reason: "is always 1970" },
  { field: "size", kinds: ["lnk"], reason: "the length of a symbolic link is always 0" },
];

/** Of its `extract`, run by an ordinary user: as root it follows symbolic links when it sets owners, and fails. */
export const extractGaps: readonly Gap[] = [
  { field: "uid", reason: "an ordinary user owns what he extracts" },
  { field: "gid", reason: "an ordinary user owns what he extracts" },
  { field: "mtime", reason: "is not restored" },
];

/** What its `extract` stops at: not in the trees that it is given. */
export const notExtracted: readonly { kind: string; reason: string }[] = [
  { kind: "sock", reason: "its code for sockets is `todo!()`" },
  { kind: "chr", reason: "an ordinary user makes no devices" },
  { kind: "blk", reason: "an ordinary user makes no devices" },
];

/** A dump with question marks for what is not to be compared. */
export function setAside(dump: string, gaps: readonly Gap[]): string {
  const mask = (line: string): string => {
    const words = line.split(" ");
    for (const { field, kinds } of gaps) {
      if (kinds?.includes(words[1] ?? "") !== false) words[fields[field]] = "?";
    }
    return words.join(" ");
  };
  return dump
    .split("\n")
    .map((line) => (line === "" ? "" : mask(line)))
    .join("\n");
}
