// Code generated from schema/metadata.ts by make codegen. DO NOT EDIT.
import { MessageBuilder } from "../writer.ts";
import type { Layout } from "../writer.ts";

/** A character device. */
export interface ChrValue {
  /** Major number, 0 to 4095. */
  major: number;
  /** Minor number, 0 to 1048575. */
  minor: number;
}

/** A name in a directory. */
export interface DirEntryValue {
  /** Number of the inode that has this name. */
  ino: number;
  /** 1 to 255 bytes, any but NUL and '/'. */
  name?: Uint8Array;
}

/** The content of a directory. */
export interface DirValue {
  /** Names; builders write them in ascending byte order. */
  entries?: readonly DirEntryValue[];
  /** Whether the names of this directory in older layers show through. */
  lookBelow?: boolean;
  /** Number of links of this directory, if the image records its tree: 2, and one for each directory in it. */
  links?: number;
  /** Number of the directory that has this one, if the image records its tree; the root's is its own. */
  parent?: number;
}

/** A block device. */
export interface BlkValue {
  /** Major number, 0 to 4095. */
  major: number;
  /** Minor number, 0 to 1048575. */
  minor: number;
}

/** A position in a blob. */
export interface BlobRefValue {
  /** sha256 of the blob as stored, 32 bytes. */
  digest?: Uint8Array;
  /** Where the run starts in the uncompressed blob, bytes. */
  offset: number;
  /** Whether the blob is in the zstd seekable format. */
  compressed?: boolean;
}

/** A run of a file's bytes. */
export interface FileChunkValue {
  /** The position of the bytes. */
  blob?: BlobRefValue;
  /** Number of bytes. */
  len: number;
}

/** An extended attribute. */
export interface XattrValue {
  /** Name with its namespace, 1 to 255 bytes without NUL. */
  key?: Uint8Array;
  /** Value, up to 65536 bytes. */
  val?: Uint8Array;
}

/** Members that few inodes have. */
export interface InodeAdditionalValue {
  /** Extended attributes; builders write them in ascending byte order of their names. */
  xattrs?: readonly XattrValue[];
  /** Target of a symbolic link, 1 to 4095 bytes without NUL. */
  symlinkTarget?: Uint8Array;
  /** Number of links of what is not a directory, if the image records its tree and there are several; otherwise absent. */
  links?: number;
}

/** The kind of file, and the members of that kind. */
export type InodeModeValue =
  | { kind: "unknown" }
  | { kind: "fifo" }
  | { kind: "chr"; chr: ChrValue }
  | { kind: "dir"; dir: DirValue }
  | { kind: "blk"; blk: BlkValue }
  | { kind: "file"; file: readonly FileChunkValue[] }
  | { kind: "lnk" }
  | { kind: "sock" }
  | { kind: "wht" };

/** A file, directory, link, device or whiteout. */
export interface InodeValue {
  /** Inode number; 1 is the root directory. */
  ino: number;
  /** Owner. */
  uid: number;
  /** Group. */
  gid: number;
  /** rwx for user, group and others, set-user-id, set-group-id and sticky: 12 bits. */
  permissions: number;
  /** Extended attributes and the target of a symbolic link. */
  additional?: InodeAdditionalValue;
  /** Modification time, seconds since the epoch; absent means the epoch. */
  mtimeSeconds?: number;
  /** Nanoseconds of the modification time, below 1000000000. */
  mtimeNanoseconds?: number;
  /** The kind of file, and the members of that kind. */
  mode: InodeModeValue;
}

/** A layer: the inodes that it adds, changes or removes. */
export interface InodeVectorValue {
  /** In strictly ascending order of ino. */
  inodes?: readonly InodeValue[];
}

/** The fs-verity digest of a blob. */
export interface VerityDataValue {
  /** sha256 of the blob, 32 bytes. */
  digest?: Uint8Array;
  /** fs-verity digest: SHA-256, blocks of 4096 bytes, no salt; 32 bytes. */
  verity?: Uint8Array;
}

/** The metadata of an image. */
export interface RootfsValue {
  /** Layers, newest first. */
  metadatas?: readonly InodeVectorValue[];
  /** fs-verity digests of the blobs, ascending by digest. */
  fsVerityData?: readonly VerityDataValue[];
  /** Version of the format: 3. */
  manifestVersion: number;
  /**
   * Number of visible inodes, if the image records its tree: this, the next two members, and `links` and `parent` of
   * every visible inode. Readers need not walk the tree of such an image.
   */
  inodes?: number;
  /** Bytes of all visible files, each once, if the image records its tree. */
  contentBytes?: number;
  /** What some visible inode has, if the image records its tree: the bits of schema/recorded.ts. */
  traits?: number;
}

/** A pack: chunks one after the other, each exactly as it would be stored in a blob of its own. */
export interface PackValue {
  /** sha256 of the pack, 32 bytes. */
  digest?: Uint8Array;
  /** fs-verity digest of the pack, 32 bytes. */
  verity?: Uint8Array;
  /** Bytes. */
  size: number;
}

/** All of a packed image but its packs; a message of its own. */
export interface BundleValue {
  /** The metadata blob. */
  metadata?: Uint8Array;
  /** The canonical manifest without the layers after the metadata blob. */
  manifest?: Uint8Array;
  /** The blob of the configuration. */
  config?: Uint8Array;
  /** The position of each chunk in the packs: schema/chunkindex.ts. */
  index?: Uint8Array;
  /** The packs, in the order of the packed manifest. */
  packs?: readonly PackValue[];
}

/** How Chr is encoded. */
export const ChrLayout: Layout<ChrValue> = {
  words: () => {
    return 2;
  },
  pointers: () => {
    return 0;
  },
  write: (message, at, _pointers, value) => {
    message.u53(at + 0, value.major);
    message.u53(at + 8, value.minor);
  },
};

/** How DirEntry is encoded. */
export const DirEntryLayout: Layout<DirEntryValue> = {
  words: () => {
    return 1;
  },
  pointers: () => {
    return 1;
  },
  write: (message, at, pointers, value) => {
    message.u53(at + 0, value.ino);
    if (value.name !== undefined) message.data(pointers + 0, value.name);
  },
};

/** How Dir is encoded. */
export const DirLayout: Layout<DirValue> = {
  words: (value) => {
    if ((value.parent ?? 0) !== 0) return 2;
    if ((value.links ?? 0) !== 0) return 1;
    return 1;
  },
  pointers: () => {
    return 1;
  },
  write: (message, at, pointers, value, words) => {
    if (value.lookBelow ?? false) message.setBit(at, 0);
    if (words > 0) message.u32(at + 4, value.links ?? 0);
    if (words > 1) message.u53(at + 8, value.parent ?? 0);
    if (value.entries !== undefined) message.list(pointers + 0, value.entries, DirEntryLayout);
  },
};

/** How Blk is encoded. */
export const BlkLayout: Layout<BlkValue> = {
  words: () => {
    return 2;
  },
  pointers: () => {
    return 0;
  },
  write: (message, at, _pointers, value) => {
    message.u53(at + 0, value.major);
    message.u53(at + 8, value.minor);
  },
};

/** How BlobRef is encoded. */
export const BlobRefLayout: Layout<BlobRefValue> = {
  words: () => {
    return 2;
  },
  pointers: () => {
    return 1;
  },
  write: (message, at, pointers, value) => {
    message.u53(at + 0, value.offset);
    if (value.compressed ?? false) message.setBit(at, 64);
    if (value.digest !== undefined) message.data(pointers + 0, value.digest);
  },
};

/** How FileChunk is encoded. */
export const FileChunkLayout: Layout<FileChunkValue> = {
  words: () => {
    return 1;
  },
  pointers: () => {
    return 1;
  },
  write: (message, at, pointers, value) => {
    message.u53(at + 0, value.len);
    if (value.blob !== undefined) message.struct(pointers + 0, value.blob, BlobRefLayout);
  },
};

/** How Xattr is encoded. */
export const XattrLayout: Layout<XattrValue> = {
  words: () => {
    return 0;
  },
  pointers: () => {
    return 2;
  },
  write: (message, _at, pointers, value) => {
    if (value.key !== undefined) message.data(pointers + 0, value.key);
    if (value.val !== undefined) message.data(pointers + 8, value.val);
  },
};

/** How InodeAdditional is encoded. */
export const InodeAdditionalLayout: Layout<InodeAdditionalValue> = {
  words: (value) => {
    if ((value.links ?? 0) !== 0) return 1;
    return 0;
  },
  pointers: () => {
    return 2;
  },
  write: (message, at, pointers, value, words) => {
    if (words > 0) message.u32(at + 0, value.links ?? 0);
    if (value.xattrs !== undefined) message.list(pointers + 0, value.xattrs, XattrLayout);
    if (value.symlinkTarget !== undefined) message.data(pointers + 8, value.symlinkTarget);
  },
};

/** How Inode is encoded. */
export const InodeLayout: Layout<InodeValue> = {
  words: (value) => {
    if ((value.mtimeSeconds ?? 0) !== 0) return 4;
    if ((value.mtimeNanoseconds ?? 0) !== 0) return 3;
    return 3;
  },
  pointers: () => {
    return 2;
  },
  write: (message, at, pointers, value, words) => {
    message.u53(at + 0, value.ino);
    message.u32(at + 12, value.uid);
    message.u32(at + 16, value.gid);
    message.u16(at + 10, value.permissions);
    if (words > 3) message.i53(at + 24, value.mtimeSeconds ?? 0);
    if (words > 2) message.u32(at + 20, value.mtimeNanoseconds ?? 0);
    switch (value.mode.kind) {
      case "unknown":
        message.u16(at + 8, 0);
        break;
      case "fifo":
        message.u16(at + 8, 1);
        break;
      case "chr":
        message.u16(at + 8, 2);
        message.struct(pointers + 0, value.mode.chr, ChrLayout);
        break;
      case "dir":
        message.u16(at + 8, 3);
        message.struct(pointers + 0, value.mode.dir, DirLayout);
        break;
      case "blk":
        message.u16(at + 8, 4);
        message.struct(pointers + 0, value.mode.blk, BlkLayout);
        break;
      case "file":
        message.u16(at + 8, 5);
        message.list(pointers + 0, value.mode.file, FileChunkLayout);
        break;
      case "lnk":
        message.u16(at + 8, 6);
        break;
      case "sock":
        message.u16(at + 8, 7);
        break;
      case "wht":
        message.u16(at + 8, 8);
        break;
    }
    if (value.additional !== undefined) message.struct(pointers + 8, value.additional, InodeAdditionalLayout);
  },
};

/** How InodeVector is encoded. */
export const InodeVectorLayout: Layout<InodeVectorValue> = {
  words: () => {
    return 0;
  },
  pointers: () => {
    return 1;
  },
  write: (message, _at, pointers, value) => {
    if (value.inodes !== undefined) message.list(pointers + 0, value.inodes, InodeLayout);
  },
};

/** How VerityData is encoded. */
export const VerityDataLayout: Layout<VerityDataValue> = {
  words: () => {
    return 0;
  },
  pointers: () => {
    return 2;
  },
  write: (message, _at, pointers, value) => {
    if (value.digest !== undefined) message.data(pointers + 0, value.digest);
    if (value.verity !== undefined) message.data(pointers + 8, value.verity);
  },
};

/** How Rootfs is encoded. */
export const RootfsLayout: Layout<RootfsValue> = {
  words: (value) => {
    if ((value.traits ?? 0) !== 0) return 4;
    if ((value.contentBytes ?? 0) !== 0) return 3;
    if ((value.inodes ?? 0) !== 0) return 2;
    return 1;
  },
  pointers: () => {
    return 2;
  },
  write: (message, at, pointers, value, words) => {
    message.u53(at + 0, value.manifestVersion);
    if (words > 1) message.u53(at + 8, value.inodes ?? 0);
    if (words > 2) message.u53(at + 16, value.contentBytes ?? 0);
    if (words > 3) message.u32(at + 24, value.traits ?? 0);
    if (value.metadatas !== undefined) message.list(pointers + 0, value.metadatas, InodeVectorLayout);
    if (value.fsVerityData !== undefined) message.list(pointers + 8, value.fsVerityData, VerityDataLayout);
  },
};

/** How Pack is encoded. */
export const PackLayout: Layout<PackValue> = {
  words: () => {
    return 1;
  },
  pointers: () => {
    return 2;
  },
  write: (message, at, pointers, value) => {
    message.u53(at + 0, value.size);
    if (value.digest !== undefined) message.data(pointers + 0, value.digest);
    if (value.verity !== undefined) message.data(pointers + 8, value.verity);
  },
};

/** How Bundle is encoded. */
export const BundleLayout: Layout<BundleValue> = {
  words: () => {
    return 0;
  },
  pointers: () => {
    return 5;
  },
  write: (message, _at, pointers, value) => {
    if (value.metadata !== undefined) message.data(pointers + 0, value.metadata);
    if (value.manifest !== undefined) message.data(pointers + 8, value.manifest);
    if (value.config !== undefined) message.data(pointers + 16, value.config);
    if (value.index !== undefined) message.data(pointers + 24, value.index);
    if (value.packs !== undefined) message.list(pointers + 32, value.packs, PackLayout);
  },
};

/** Writes Rootfs: equal objects become equal bytes. Throws RangeError if a number or a list does not fit. */
export function encodeRootfs(value: RootfsValue): Uint8Array {
  const message = new MessageBuilder();
  message.root(value, RootfsLayout);
  return message.finish();
}

/** Writes Bundle: equal objects become equal bytes. Throws RangeError if a number or a list does not fit. */
export function encodeBundle(value: BundleValue): Uint8Array {
  const message = new MessageBuilder();
  message.root(value, BundleLayout);
  return message.finish();
}
