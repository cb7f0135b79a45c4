# Code generated from schema/metadata.ts by make codegen. DO NOT EDIT.
@0x84ae5e6e88b7cbb7;

struct Chr {
  # A character device.
  major @0 :UInt64;
    # Major number, 0 to 4095.
  minor @1 :UInt64;
    # Minor number, 0 to 1048575.
}

struct DirEntry {
  # A name in a directory.
  ino @0 :UInt64;
    # Number of the inode that has this name.
  name @1 :Data;
    # 1 to 255 bytes, any but NUL and '/'.
}

struct Dir {
  # The content of a directory.
  entries @0 :List(DirEntry);
    # Names; builders write them in ascending byte order.
  lookBelow @1 :Bool;
    # Whether the names of this directory in older layers show through.
  links @2 :UInt32;
    # Number of links of this directory, if the image records its tree: 2, and one for each directory in it.
  parent @3 :UInt64;
    # Number of the directory that has this one, if the image records its tree; the root's is its own.
}

struct Blk {
  # A block device.
  major @0 :UInt64;
    # Major number, 0 to 4095.
  minor @1 :UInt64;
    # Minor number, 0 to 1048575.
}

struct BlobRef {
  # A position in a blob.
  digest @0 :Data;
    # sha256 of the blob as stored, 32 bytes.
  offset @1 :UInt64;
    # Where the run starts in the uncompressed blob, bytes.
  compressed @2 :Bool;
    # Whether the blob is in the zstd seekable format.
}

struct FileChunk {
  # A run of a file's bytes.
  blob @0 :BlobRef;
    # The position of the bytes.
  len @1 :UInt64;
    # Number of bytes.
}

struct Xattr {
  # An extended attribute.
  key @0 :Data;
    # Name with its namespace, 1 to 255 bytes without NUL.
  val @1 :Data;
    # Value, up to 65536 bytes.
}

struct InodeAdditional {
  # Members that few inodes have.
  xattrs @0 :List(Xattr);
    # Extended attributes; builders write them in ascending byte order of their names.
  symlinkTarget @1 :Data;
    # Target of a symbolic link, 1 to 4095 bytes without NUL.
  links @2 :UInt32;
    # Number of links of what is not a directory, if the image records its tree and there are several; otherwise absent.
}

struct Inode {
  # A file, directory, link, device or whiteout.
  ino @0 :UInt64;
    # Inode number; 1 is the root directory.
  mode :union {
    # The kind of file, and the members of that kind.
    unknown @1 :Void;
      # Never written; readers refuse it.
    fifo @2 :Void;
    chr @3 :Chr;
    dir @4 :Dir;
    blk @5 :Blk;
    file @6 :List(FileChunk);
      # Content: the concatenation of these runs.
    lnk @7 :Void;
    sock @8 :Void;
    wht @9 :Void;
      # Whiteout: the inode does not exist, and those of older layers with its number are hidden.
  }
  uid @10 :UInt32;
    # Owner.
  gid @11 :UInt32;
    # Group.
  permissions @12 :UInt16;
    # rwx for user, group and others, set-user-id, set-group-id and sticky: 12 bits.
  additional @13 :InodeAdditional;
    # Extended attributes and the target of a symbolic link.
  mtimeSeconds @14 :Int64;
    # Modification time, seconds since the epoch; absent means the epoch.
  mtimeNanoseconds @15 :UInt32;
    # Nanoseconds of the modification time, below 1000000000.
}

struct InodeVector {
  # A layer: the inodes that it adds, changes or removes.
  inodes @0 :List(Inode);
    # In strictly ascending order of ino.
}

struct VerityData {
  # The fs-verity digest of a blob.
  digest @0 :Data;
    # sha256 of the blob, 32 bytes.
  verity @1 :Data;
    # fs-verity digest: SHA-256, blocks of 4096 bytes, no salt; 32 bytes.
}

struct Rootfs {
  # The metadata of an image.
  metadatas @0 :List(InodeVector);
    # Layers, newest first.
  fsVerityData @1 :List(VerityData);
    # fs-verity digests of the blobs, ascending by digest.
  manifestVersion @2 :UInt64;
    # Version of the format: 3.
  inodes @3 :UInt64;
    # Number of visible inodes, if the image records its tree: this, the next two members, and `links` and `parent` of
    # every visible inode. Readers need not walk the tree of such an image.
  contentBytes @4 :UInt64;
    # Bytes of all visible files, each once, if the image records its tree.
  traits @5 :UInt32;
    # What some visible inode has, if the image records its tree: the bits of schema/recorded.ts.
}

struct Pack {
  # A pack: chunks one after the other, each exactly as it would be stored in a blob of its own.
  digest @0 :Data;
    # sha256 of the pack, 32 bytes.
  verity @1 :Data;
    # fs-verity digest of the pack, 32 bytes.
  size @2 :UInt64;
    # Bytes.
}

struct Bundle {
  # All of a packed image but its packs; a message of its own.
  metadata @0 :Data;
    # The metadata blob.
  manifest @1 :Data;
    # The canonical manifest without the layers after the metadata blob.
  config @2 :Data;
    # The blob of the configuration.
  index @3 :Data;
    # The position of each chunk in the packs: schema/chunkindex.ts.
  packs @4 :List(Pack);
    # The packs, in the order of the packed manifest.
}
