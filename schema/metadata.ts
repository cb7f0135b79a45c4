import type { Added, Bool, Data, I53, List, Ref, Struct, U16, U32, U53, Union, Void } from "./language.ts";

/** A character device. */
export interface Chr extends Struct {
  /** Major number, 0 to 4095. */
  major: U53<0>;
  /** Minor number, 0 to 1048575. */
  minor: U53<1>;
}

/** A name in a directory. */
export interface DirEntry extends Struct {
  /** Number of the inode that has this name. */
  ino: U53<0>;
  /** 1 to 255 bytes, any but NUL and '/'. */
  name: Data<1>;
}

/** The content of a directory. */
export interface Dir extends Struct {
  /** Names; builders write them in ascending byte order. */
  entries: List<DirEntry, 0>;
  /** Whether the names of this directory in older layers show through. */
  lookBelow: Bool<1>;
  /** Number of links of this directory, if the image records its tree: 2, and one for each directory in it. */
  links: Added<U32<2>>;
  /** Number of the directory that has this one, if the image records its tree; the root's is its own. */
  parent: Added<U53<3>>;
}

/** A block device. */
export interface Blk extends Struct {
  /** Major number, 0 to 4095. */
  major: U53<0>;
  /** Minor number, 0 to 1048575. */
  minor: U53<1>;
}

/** A run of a file's bytes. */
export interface FileChunk extends Struct {
  /** The position of the bytes. */
  blob: Ref<BlobRef, 0>;
  /** Number of bytes. */
  len: U53<1>;
}

/** A position in a blob. */
export interface BlobRef extends Struct {
  /** sha256 of the blob as stored, 32 bytes. */
  digest: Data<0>;
  /** Where the run starts in the uncompressed blob, bytes. */
  offset: U53<1>;
  /** Whether the blob is in the zstd seekable format. */
  compressed: Bool<2>;
}

/** An extended attribute. */
export interface Xattr extends Struct {
  /** Name with its namespace, 1 to 255 bytes without NUL. */
  key: Data<0>;
  /** Value, up to 65536 bytes. */
  val: Data<1>;
}

/** Members that few inodes have. */
export interface InodeAdditional extends Struct {
  /** Extended attributes; builders write them in ascending byte order of their names. */
  xattrs: List<Xattr, 0>;
  /** Target of a symbolic link, 1 to 4095 bytes without NUL. */
  symlinkTarget: Data<1>;
  /** Number of links of what is not a directory, if the image records its tree and there are several; otherwise absent. */
  links: Added<U32<2>>;
}

/** A file, directory, link, device or whiteout. */
export interface Inode extends Struct {
  /** Inode number; 1 is the root directory. */
  ino: U53<0>;
  /** The kind of file, and the members of that kind. */
  mode: Union<{
    /** Never written; readers refuse it. */
    unknown: Void<1>;
    fifo: Void<2>;
    chr: Ref<Chr, 3>;
    dir: Ref<Dir, 4>;
    blk: Ref<Blk, 5>;
    /** Content: the concatenation of these runs. */
    file: List<FileChunk, 6>;
    lnk: Void<7>;
    sock: Void<8>;
    /** Whiteout: the inode does not exist, and those of older layers with its number are hidden. */
    wht: Void<9>;
  }>;
  /** Owner. */
  uid: U32<10>;
  /** Group. */
  gid: U32<11>;
  /** rwx for user, group and others, set-user-id, set-group-id and sticky: 12 bits. */
  permissions: U16<12>;
  /** Extended attributes and the target of a symbolic link. */
  additional: Ref<InodeAdditional, 13>;
  /** Modification time, seconds since the epoch; absent means the epoch. */
  mtimeSeconds: Added<I53<14>>;
  /** Nanoseconds of the modification time, below 1000000000. */
  mtimeNanoseconds: Added<U32<15>>;
}

/** A layer: the inodes that it adds, changes or removes. */
export interface InodeVector extends Struct {
  /** In strictly ascending order of ino. */
  inodes: List<Inode, 0>;
}

/** The fs-verity digest of a blob. */
export interface VerityData extends Struct {
  /** sha256 of the blob, 32 bytes. */
  digest: Data<0>;
  /** fs-verity digest: SHA-256, blocks of 4096 bytes, no salt; 32 bytes. */
  verity: Data<1>;
}

/** The metadata of an image. */
export interface Rootfs extends Struct {
  /** Layers, newest first. */
  metadatas: List<InodeVector, 0>;
  /** fs-verity digests of the blobs, ascending by digest. */
  fsVerityData: List<VerityData, 1>;
  /** Version of the format: 3. */
  manifestVersion: U53<2>;
  /**
   * Number of visible inodes, if the image records its tree: this, the next two members, and `links` and `parent` of
   * every visible inode. Readers need not walk the tree of such an image.
   */
  inodes: Added<U53<3>>;
  /** Bytes of all visible files, each once, if the image records its tree. */
  contentBytes: Added<U53<4>>;
  /** What some visible inode has, if the image records its tree: the bits of schema/recorded.ts. */
  traits: Added<U32<5>>;
  // The third pointer was a table of chunks in images of early builders. Readers ignore it; no other member takes it.
}

/** A pack: chunks one after the other, each exactly as it would be stored in a blob of its own. */
export interface Pack extends Struct {
  /** sha256 of the pack, 32 bytes. */
  digest: Data<0>;
  /** fs-verity digest of the pack, 32 bytes. */
  verity: Data<1>;
  /** Bytes. */
  size: U53<2>;
}

/** All of a packed image but its packs; a message of its own. */
export interface Bundle extends Struct {
  /** The metadata blob. */
  metadata: Data<0>;
  /** The canonical manifest without the layers after the metadata blob. */
  manifest: Data<1>;
  /** The blob of the configuration. */
  config: Data<2>;
  /** The position of each chunk in the packs: schema/chunkindex.ts. */
  index: Data<3>;
  /** The packs, in the order of the packed manifest. */
  packs: List<Pack, 4>;
}
