/**
 * Every rule that an image may break: its name, and whether breaking it means a corrupt image or one that is
 * newer than this reader. The order gives the numbers: add at the end.
 */
export const rules = {
  /** A sum or product leaves the range of the format's numbers. */
  "arithmetic-overflow": "corrupt",
  /** The message is larger than 4 GiB. */
  "message-too-large": "unsupported",
  /** The message ends before its segments do. */
  "message-truncated": "corrupt",
  /** The message has more than 512 segments. */
  "message-segments": "unsupported",
  /** Bytes follow the last segment. */
  "message-trailing-bytes": "corrupt",
  /** The message has no root struct. */
  "root-missing": "corrupt",
  /** A pointer leads out of its segment. */
  "pointer-out-of-bounds": "corrupt",
  /** A pointer is of another kind than its member. */
  "pointer-kind": "corrupt",
  /** A far pointer names a segment that is not there. */
  "far-pointer-segment": "corrupt",
  /** A far pointer's landing pad lies outside its segment. */
  "far-pointer-out-of-bounds": "corrupt",
  /** A far pointer leads to another far pointer. */
  "far-pointer-chain": "corrupt",
  /** The tag of a double far pointer has an offset of its own. */
  "far-pointer-tag": "corrupt",
  /** A list's elements are not of the size that its member needs. */
  "list-element-size": "corrupt",
  /** A list's tag does not agree with the list's size. */
  "list-tag": "corrupt",
  /** The pointers of the message lead over more words than its size allows: objects are shared. */
  "traversal-limit": "corrupt",
} as const satisfies Record<string, "corrupt" | "unsupported">;
