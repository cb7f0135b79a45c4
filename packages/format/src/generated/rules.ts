// Made from schema/rules.ts by `make codegen`: change that, not this.
/** Every rule that an image may break, and its number in both implementations. */
export const Rule = {
  /** A sum or product leaves the range of the format's numbers. */
  "arithmetic-overflow": 1,
  /** The message is larger than 4 GiB. */
  "message-too-large": 2,
  /** The message ends before its segments do. */
  "message-truncated": 3,
  /** The message has more than 512 segments. */
  "message-segments": 4,
  /** Bytes follow the last segment. */
  "message-trailing-bytes": 5,
  /** The message has no root struct. */
  "root-missing": 6,
  /** A pointer leads out of its segment. */
  "pointer-out-of-bounds": 7,
  /** A pointer is of another kind than its member. */
  "pointer-kind": 8,
  /** A far pointer names a segment that is not there. */
  "far-pointer-segment": 9,
  /** A far pointer's landing pad lies outside its segment. */
  "far-pointer-out-of-bounds": 10,
  /** A far pointer leads to another far pointer. */
  "far-pointer-chain": 11,
  /** The tag of a double far pointer has an offset of its own. */
  "far-pointer-tag": 12,
  /** A list's elements are not of the size that its member needs. */
  "list-element-size": 13,
  /** A list's tag does not agree with the list's size. */
  "list-tag": 14,
  /** The pointers of the message lead over more words than its size allows: objects are shared. */
  "traversal-limit": 15,
} as const;

export type RuleName = keyof typeof Rule;

/** Name and kind of each rule; the first is number 1. */
export const RULES: readonly (readonly [RuleName, "corrupt" | "unsupported"])[] = [
  ["arithmetic-overflow", "corrupt"],
  ["message-too-large", "unsupported"],
  ["message-truncated", "corrupt"],
  ["message-segments", "unsupported"],
  ["message-trailing-bytes", "corrupt"],
  ["root-missing", "corrupt"],
  ["pointer-out-of-bounds", "corrupt"],
  ["pointer-kind", "corrupt"],
  ["far-pointer-segment", "corrupt"],
  ["far-pointer-out-of-bounds", "corrupt"],
  ["far-pointer-chain", "corrupt"],
  ["far-pointer-tag", "corrupt"],
  ["list-element-size", "corrupt"],
  ["list-tag", "corrupt"],
  ["traversal-limit", "corrupt"],
];
