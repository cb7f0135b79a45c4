import type { Attributes } from "./tree.ts";

/** A name of a tree, and the fields of its line in a dump. */
export interface DumpEntry {
  path: Uint8Array;
  attributes: Attributes;
  /** First path, in order, of a file with several names. */
  firstPath: Uint8Array | undefined;
  target: Uint8Array | undefined;
  xattrs: { name: Uint8Array; value: Uint8Array }[];
  /** Hex sha256 of a regular file's content. */
  sha256: string | undefined;
}
