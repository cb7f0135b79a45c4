// Code generated from schema/rules.ts by make codegen. DO NOT EDIT.
/** Every rule that the input may break, and its number in both implementations. */
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
  /** The target of a pointer is outside its segment. */
  "pointer-out-of-bounds": 7,
  /** A pointer is of another kind than its member. */
  "pointer-kind": 8,
  /** A far pointer names a segment that does not exist. */
  "far-pointer-segment": 9,
  /** A far pointer's landing pad is outside its segment. */
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
  /** The manifest is larger than 64 MiB. */
  "manifest-too-large": 16,
  /** The manifest is not well-formed JSON. */
  "manifest-syntax": 17,
  /** A string of the manifest has a bad escape, a control character or bytes that are not UTF-8. */
  "manifest-string": 18,
  /** An object of the manifest has a key twice. */
  "manifest-key-twice": 19,
  /** An object of the manifest has more than 64 keys. */
  "manifest-object-too-large": 20,
  /** The manifest's objects and arrays are more than 32 deep. */
  "manifest-too-deep": 21,
  /** A layer's digest is missing or not sha256 and 64 lower-case hexadecimal digits. */
  "manifest-digest": 22,
  /** No layer is the metadata blob: not a PuzzleFS image. */
  "manifest-rootfs-missing": 23,
  /** Two layers are the metadata blob. */
  "manifest-rootfs-twice": 24,
  /** The image is of a version of the format that this reader does not know. */
  "manifest-version": 25,
  /** The image has more than 128 layers. */
  "too-many-layers": 26,
  /** An inode number is 0 or above 2^53 - 1. */
  "ino-range": 27,
  /** The inode numbers of a layer do not ascend, or one is a duplicate. */
  "ino-order": 28,
  /** An inode is of a kind that this reader does not know. */
  "inode-kind": 29,
  /** An inode has permission bits beyond the twelve. */
  "permissions-range": 30,
  /** The nanoseconds of a time are a second or more. */
  "mtime-nanoseconds": 31,
  /** A device number does not fit Linux' 12 and 20 bits. */
  "device-number": 32,
  /** A symbolic link's target is empty, longer than 4095 bytes, or has a NUL. */
  "symlink-target": 33,
  /** The name of an extended attribute is empty, longer than 255 bytes, or has a NUL. */
  "xattr-name": 34,
  /** The value of an extended attribute is longer than 64 KiB. */
  "xattr-value": 35,
  /** A digest is not 32 bytes. */
  "digest-length": 36,
  /** A file's runs add up to more than 2^53 - 1 bytes, or one ends beyond that in its blob. */
  "chunk-list-overflow": 37,
  /** A name is empty or longer than 255 bytes. */
  "dir-entry-name-length": 38,
  /** A name has a slash. */
  "dir-entry-name-slash": 39,
  /** A name has a NUL. */
  "dir-entry-name-nul": 40,
  /** A name is "." or "..". */
  "dir-entry-name-dots": 41,
  /** A directory has a name twice. */
  "dir-entry-duplicate": 42,
  /** A name leads to the root directory. */
  "dir-entry-root": 43,
  /** A name leads to an inode that is in no layer. */
  "dir-entry-dangling": 44,
  /** A directory that looks below has names that are not sorted. */
  "look-below-unsorted": 45,
  /** Inode 1 is missing or not a directory. */
  "root-inode": 46,
  /** A directory has two names, or contains itself. */
  "dir-parents": 47,
  /** A directory of the newest layer has no name. */
  "dir-unreachable": 48,
  /** A seek table ends before its entries do, or is larger than its blob. */
  "seek-table-truncated": 49,
  /** A compressed blob does not end with a seek table. */
  "seek-table-magic": 50,
  /** A seek table has flags that this reader does not know. */
  "seek-table-flags": 51,
  /** A seek table has more than 2^27 frames. */
  "seek-table-frames": 52,
  /** A seek table's skippable frame has another size than its entries. */
  "seek-table-size": 53,
  /** A frame has more than 16 MiB of content. */
  "seek-table-frame-too-large": 54,
  /** The frames of a seek table do not add up to the blob. */
  "seek-table-sum": 55,
  /** A run of a file ends outside its blob: its blob is shorter than the image records. */
  "chunk-outside-blob": 56,
  /** A directory looks below more than 16 times: its names are in too many layers. */
  "look-below-depth": 57,
  /** A frame is stored in more bytes than zstd needs for its content. */
  "seek-table-stored-too-large": 58,
  /** The manifest is that of a packed image: the canonical one is rebuilt from its bundle. */
  "manifest-packed": 59,
  /** No layer is a bundle. */
  "manifest-bundle-missing": 60,
  /** Two layers are bundles. */
  "manifest-bundle-twice": 61,
  /** A packed manifest does not record the sha256 of the canonical manifest. */
  "manifest-canonical-missing": 62,
  /** A bundle is larger than 64 MiB, or than 1 GiB when it is decompressed. */
  "bundle-too-large": 63,
  /** A bundle has more than 1000 packs. */
  "bundle-packs": 64,
  /** The packs of a bundle add up to more than 2^53 - 1 bytes. */
  "bundle-pack-sizes": 65,
  /** A packed manifest lists other packs than its bundle, or in another order. */
  "bundle-pack-descriptor": 66,
  /** The fs-verity digests of a packed image do not ascend by blob. */
  "bundle-verity-order": 67,
  /** A file of a packed image refers to a chunk that has no fs-verity digest. */
  "bundle-chunk-unlisted": 68,
  /** The index of a bundle ends before it has all chunks. */
  "index-truncated": 69,
  /** The index of a bundle has more than the chunks of the image. */
  "index-length": 70,
  /** A number of an index has more than 49 bits. */
  "index-number": 71,
  /** An index names a pack that the bundle does not have. */
  "index-pack": 72,
  /** A run of an index has no chunks. */
  "index-run": 73,
  /** A chunk of an index is empty, or larger than 4 GiB. */
  "index-chunk-size": 74,
  /** A chunk of an index is not inside its pack. */
  "index-outside-pack": 75,
  /** The chunks of a pack add up to more than the pack: some overlap. */
  "index-overlap": 76,
  /** A place table ends before its records do, or is longer. */
  "place-table-size": 77,
  /** A file is not a place table, or one of another version. */
  "place-table-magic": 78,
  /** A place table has more than 1000 packs. */
  "place-table-packs": 79,
  /** A place table has more than 512 MiB. */
  "place-table-too-large": 80,
  /** The records of a place table do not ascend by digest. */
  "place-table-order": 81,
  /** A record of a place table is not inside its pack, or is empty. */
  "place-table-slice": 82,
  /** The records of a place table add up to more than their pack: some overlap. */
  "place-table-overlap": 83,
  /** The image has other numbers of inodes or bytes, or other traits, than it records. */
  "recorded-totals": 84,
  /** An inode has another number of links than the image records. */
  "recorded-links": 85,
  /** A directory is in another one than the image records. */
  "recorded-parent": 86,
  /** A directory of an image that records its tree has names that are not sorted. */
  "recorded-unsorted": 87,
  /** A list has structs without members: its bytes would not bound its length. */
  "list-empty-structs": 88,
  /** The layers have more inodes than the message has room for, 16 bytes each. */
  "too-many-inodes": 89,
  /** A file has more than 2^24 runs. */
  "too-many-runs": 90,
  /** The names of an inode's extended attributes have more than 64 KiB, each with a NUL: Linux lists no more. */
  "xattr-names": 91,
  /** A frame is stored in fewer than 9 bytes, the header of a frame and of a block. */
  "seek-table-frame-too-small": 92,
  /** A frame that is not the last one has no content. */
  "seek-table-empty-frame": 93,
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
  ["manifest-too-large", "unsupported"],
  ["manifest-syntax", "corrupt"],
  ["manifest-string", "corrupt"],
  ["manifest-key-twice", "corrupt"],
  ["manifest-object-too-large", "unsupported"],
  ["manifest-too-deep", "unsupported"],
  ["manifest-digest", "corrupt"],
  ["manifest-rootfs-missing", "corrupt"],
  ["manifest-rootfs-twice", "corrupt"],
  ["manifest-version", "unsupported"],
  ["too-many-layers", "unsupported"],
  ["ino-range", "corrupt"],
  ["ino-order", "corrupt"],
  ["inode-kind", "unsupported"],
  ["permissions-range", "corrupt"],
  ["mtime-nanoseconds", "corrupt"],
  ["device-number", "corrupt"],
  ["symlink-target", "corrupt"],
  ["xattr-name", "corrupt"],
  ["xattr-value", "corrupt"],
  ["digest-length", "corrupt"],
  ["chunk-list-overflow", "corrupt"],
  ["dir-entry-name-length", "corrupt"],
  ["dir-entry-name-slash", "corrupt"],
  ["dir-entry-name-nul", "corrupt"],
  ["dir-entry-name-dots", "corrupt"],
  ["dir-entry-duplicate", "corrupt"],
  ["dir-entry-root", "corrupt"],
  ["dir-entry-dangling", "corrupt"],
  ["look-below-unsorted", "corrupt"],
  ["root-inode", "corrupt"],
  ["dir-parents", "corrupt"],
  ["dir-unreachable", "corrupt"],
  ["seek-table-truncated", "corrupt"],
  ["seek-table-magic", "corrupt"],
  ["seek-table-flags", "unsupported"],
  ["seek-table-frames", "unsupported"],
  ["seek-table-size", "corrupt"],
  ["seek-table-frame-too-large", "unsupported"],
  ["seek-table-sum", "corrupt"],
  ["chunk-outside-blob", "corrupt"],
  ["look-below-depth", "unsupported"],
  ["seek-table-stored-too-large", "corrupt"],
  ["manifest-packed", "unsupported"],
  ["manifest-bundle-missing", "corrupt"],
  ["manifest-bundle-twice", "corrupt"],
  ["manifest-canonical-missing", "corrupt"],
  ["bundle-too-large", "unsupported"],
  ["bundle-packs", "unsupported"],
  ["bundle-pack-sizes", "corrupt"],
  ["bundle-pack-descriptor", "corrupt"],
  ["bundle-verity-order", "corrupt"],
  ["bundle-chunk-unlisted", "corrupt"],
  ["index-truncated", "corrupt"],
  ["index-length", "corrupt"],
  ["index-number", "corrupt"],
  ["index-pack", "corrupt"],
  ["index-run", "corrupt"],
  ["index-chunk-size", "corrupt"],
  ["index-outside-pack", "corrupt"],
  ["index-overlap", "corrupt"],
  ["place-table-size", "corrupt"],
  ["place-table-magic", "unsupported"],
  ["place-table-packs", "unsupported"],
  ["place-table-too-large", "unsupported"],
  ["place-table-order", "corrupt"],
  ["place-table-slice", "corrupt"],
  ["place-table-overlap", "corrupt"],
  ["recorded-totals", "corrupt"],
  ["recorded-links", "corrupt"],
  ["recorded-parent", "corrupt"],
  ["recorded-unsorted", "corrupt"],
  ["list-empty-structs", "corrupt"],
  ["too-many-inodes", "corrupt"],
  ["too-many-runs", "unsupported"],
  ["xattr-names", "unsupported"],
  ["seek-table-frame-too-small", "corrupt"],
  ["seek-table-empty-frame", "corrupt"],
];
