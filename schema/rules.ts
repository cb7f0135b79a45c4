/**
 * Every rule that an image may break: its name, and whether a broken one means a corrupt image or one that is
 * newer than this reader. The position is the rule's number: add at the end.
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
  /** The target of a pointer is outside its segment. */
  "pointer-out-of-bounds": "corrupt",
  /** A pointer is of another kind than its member. */
  "pointer-kind": "corrupt",
  /** A far pointer names a segment that does not exist. */
  "far-pointer-segment": "corrupt",
  /** A far pointer's landing pad is outside its segment. */
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
  /** The manifest is larger than 64 MiB. */
  "manifest-too-large": "unsupported",
  /** The manifest is not well-formed JSON. */
  "manifest-syntax": "corrupt",
  /** A string of the manifest has a bad escape, a control character or bytes that are not UTF-8. */
  "manifest-string": "corrupt",
  /** An object of the manifest has a key twice. */
  "manifest-key-twice": "corrupt",
  /** An object of the manifest has more than 64 keys. */
  "manifest-object-too-large": "unsupported",
  /** The manifest's objects and arrays are more than 32 deep. */
  "manifest-too-deep": "unsupported",
  /** A layer's digest is missing or not sha256 and 64 lower-case hexadecimal digits. */
  "manifest-digest": "corrupt",
  /** No layer is the metadata blob: not a PuzzleFS image. */
  "manifest-rootfs-missing": "corrupt",
  /** Two layers are the metadata blob. */
  "manifest-rootfs-twice": "corrupt",
  /** The image is of a version of the format that this reader does not know. */
  "manifest-version": "unsupported",
  /** The image has more than 128 layers. */
  "too-many-layers": "unsupported",
  /** An inode number is 0 or above 2^53 - 1. */
  "ino-range": "corrupt",
  /** The inode numbers of a layer do not ascend, or one is a duplicate. */
  "ino-order": "corrupt",
  /** An inode is of a kind that this reader does not know. */
  "inode-kind": "unsupported",
  /** An inode has permission bits beyond the twelve. */
  "permissions-range": "corrupt",
  /** The nanoseconds of a time are a second or more. */
  "mtime-nanoseconds": "corrupt",
  /** A device number does not fit Linux' 12 and 20 bits. */
  "device-number": "corrupt",
  /** A symbolic link's target is empty, longer than 4095 bytes, or has a NUL. */
  "symlink-target": "corrupt",
  /** The name of an extended attribute is empty, longer than 255 bytes, or has a NUL. */
  "xattr-name": "corrupt",
  /** The value of an extended attribute is longer than 64 KiB. */
  "xattr-value": "corrupt",
  /** A digest is not 32 bytes. */
  "digest-length": "corrupt",
  /** A file's runs add up to more than 2^53 - 1 bytes, or one ends beyond that in its blob. */
  "chunk-list-overflow": "corrupt",
  /** A name is empty or longer than 255 bytes. */
  "dir-entry-name-length": "corrupt",
  /** A name has a slash. */
  "dir-entry-name-slash": "corrupt",
  /** A name has a NUL. */
  "dir-entry-name-nul": "corrupt",
  /** A name is "." or "..". */
  "dir-entry-name-dots": "corrupt",
  /** A directory has a name twice. */
  "dir-entry-duplicate": "corrupt",
  /** A name leads to the root directory. */
  "dir-entry-root": "corrupt",
  /** A name leads to an inode that is in no layer. */
  "dir-entry-dangling": "corrupt",
  /** A directory that looks below has names that are not sorted. */
  "look-below-unsorted": "corrupt",
  /** Inode 1 is missing or not a directory. */
  "root-inode": "corrupt",
  /** A directory has two names, or contains itself. */
  "dir-parents": "corrupt",
  /** A directory of the newest layer has no name. */
  "dir-unreachable": "corrupt",
  /** A seek table ends before its entries do, or is larger than its blob. */
  "seek-table-truncated": "corrupt",
  /** A compressed blob does not end with a seek table. */
  "seek-table-magic": "corrupt",
  /** A seek table has flags that this reader does not know. */
  "seek-table-flags": "unsupported",
  /** A seek table has more than 2^27 frames. */
  "seek-table-frames": "unsupported",
  /** A seek table's skippable frame has another size than its entries. */
  "seek-table-size": "corrupt",
  /** A frame has more than 16 MiB of content. */
  "seek-table-frame-too-large": "unsupported",
  /** The frames of a seek table do not add up to the blob. */
  "seek-table-sum": "corrupt",
  /** A run of a file ends outside its blob: its blob is shorter than the image records. */
  "chunk-outside-blob": "corrupt",
  /** A directory looks below more than 16 times: its names are in too many layers. */
  "look-below-depth": "unsupported",
  /** A frame is stored in more bytes than zstd needs for its content. */
  "seek-table-stored-too-large": "corrupt",
  /** The manifest is that of a packed image: the canonical one is rebuilt from its bundle. */
  "manifest-packed": "unsupported",
  /** No layer is a bundle. */
  "manifest-bundle-missing": "corrupt",
  /** Two layers are bundles. */
  "manifest-bundle-twice": "corrupt",
  /** A packed manifest does not record the sha256 of the canonical manifest. */
  "manifest-canonical-missing": "corrupt",
  /** A bundle is larger than 64 MiB, or than 1 GiB when it is decompressed. */
  "bundle-too-large": "unsupported",
  /** A bundle has more than 1000 packs. */
  "bundle-packs": "unsupported",
  /** The packs of a bundle add up to more than 2^53 - 1 bytes. */
  "bundle-pack-sizes": "corrupt",
  /** A packed manifest lists other packs than its bundle, or in another order. */
  "bundle-pack-descriptor": "corrupt",
  /** The fs-verity digests of a packed image do not ascend by blob. */
  "bundle-verity-order": "corrupt",
  /** A file of a packed image refers to a chunk that has no fs-verity digest. */
  "bundle-chunk-unlisted": "corrupt",
  /** The index of a bundle ends before it has all chunks. */
  "index-truncated": "corrupt",
  /** The index of a bundle has more than the chunks of the image. */
  "index-length": "corrupt",
  /** A number of an index has more than 49 bits. */
  "index-number": "corrupt",
  /** An index names a pack that the bundle does not have. */
  "index-pack": "corrupt",
  /** A run of an index has no chunks. */
  "index-run": "corrupt",
  /** A chunk of an index is empty, or larger than 4 GiB. */
  "index-chunk-size": "corrupt",
  /** A chunk of an index is not inside its pack. */
  "index-outside-pack": "corrupt",
  /** The chunks of a pack add up to more than the pack: some overlap. */
  "index-overlap": "corrupt",
  /** A place table ends before its records do, or is longer. */
  "place-table-size": "corrupt",
  /** A file is not a place table, or one of another version. */
  "place-table-magic": "unsupported",
  /** A place table has more than 1000 packs. */
  "place-table-packs": "unsupported",
  /** A place table has more than 512 MiB. */
  "place-table-too-large": "unsupported",
  /** The records of a place table do not ascend by digest. */
  "place-table-order": "corrupt",
  /** A record of a place table is not inside its pack, or is empty. */
  "place-table-slice": "corrupt",
  /** The records of a place table add up to more than their pack: some overlap. */
  "place-table-overlap": "corrupt",
  /** The image has other numbers of inodes or bytes, or other traits, than it records. */
  "recorded-totals": "corrupt",
  /** An inode has another number of links than the image records. */
  "recorded-links": "corrupt",
  /** A directory is in another one than the image records. */
  "recorded-parent": "corrupt",
  /** A directory of an image that records its tree has names that are not sorted. */
  "recorded-unsorted": "corrupt",
  /** A list has structs without members: its bytes would not bound its length. */
  "list-empty-structs": "corrupt",
  /** The layers have more inodes than the message has room for, 16 bytes each. */
  "too-many-inodes": "corrupt",
  /** A file has more than 2^24 runs. */
  "too-many-runs": "unsupported",
  /** The names of an inode's extended attributes have more than 64 KiB, each with a NUL: Linux lists no more. */
  "xattr-names": "unsupported",
  /** A frame is stored in fewer than 9 bytes, the header of a frame and of a block. */
  "seek-table-frame-too-small": "corrupt",
  /** A frame that is not the last one has no content. */
  "seek-table-empty-frame": "corrupt",
} as const satisfies Record<string, "corrupt" | "unsupported">;
