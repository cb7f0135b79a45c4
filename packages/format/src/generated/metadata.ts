// Code generated from schema/metadata.ts by make codegen. DO NOT EDIT.
import { type Bytes } from "../runtime.ts";
import { ABSENT, ABSENT_LIST, StructList } from "../struct-list.ts";
import {
  boolField,
  dataField,
  i53Field,
  listField,
  structField,
  type StructPart,
  u16Field,
  u32Field,
  u53Field,
} from "./wire.ts";

/** A character device. */
export class Chr {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Major number, 0 to 4095. */
  get major(): number {
    return u53Field(this.part, 0);
  }

  /** Minor number, 0 to 1048575. */
  get minor(): number {
    return u53Field(this.part, 8);
  }
}

/** A name in a directory. */
export class DirEntry {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Number of the inode that has this name. */
  get ino(): number {
    return u53Field(this.part, 0);
  }

  /** 1 to 255 bytes, any but NUL and '/'. */
  get name(): Bytes {
    return dataField(this.part, 0);
  }
}

/** The content of a directory. */
export class Dir {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Names; builders write them in ascending byte order. */
  get entries(): StructList<DirEntry> {
    return new StructList(listField(this.part, 0), DirEntry);
  }

  /** Whether the names of this directory in older layers show through. */
  get lookBelow(): boolean {
    return boolField(this.part, 0, 1);
  }

  /** Number of links of this directory, if the image records its tree: 2, and one for each directory in it. */
  get links(): number {
    return u32Field(this.part, 4);
  }

  /** Number of the directory that has this one, if the image records its tree; the root's is its own. */
  get parent(): number {
    return u53Field(this.part, 8);
  }
}

/** A block device. */
export class Blk {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Major number, 0 to 4095. */
  get major(): number {
    return u53Field(this.part, 0);
  }

  /** Minor number, 0 to 1048575. */
  get minor(): number {
    return u53Field(this.part, 8);
  }
}

/** A position in a blob. */
export class BlobRef {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** sha256 of the blob as stored, 32 bytes. */
  get digest(): Bytes {
    return dataField(this.part, 0);
  }

  /** Where the run starts in the uncompressed blob, bytes. */
  get offset(): number {
    return u53Field(this.part, 0);
  }

  /** Whether the blob is in the zstd seekable format. */
  get compressed(): boolean {
    return boolField(this.part, 8, 1);
  }
}

/** A run of a file's bytes. */
export class FileChunk {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** The position of the bytes. */
  get blob(): BlobRef {
    return new BlobRef(structField(this.part, 0));
  }

  /** Number of bytes. */
  get len(): number {
    return u53Field(this.part, 0);
  }
}

/** An extended attribute. */
export class Xattr {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Name with its namespace, 1 to 255 bytes without NUL. */
  get key(): Bytes {
    return dataField(this.part, 0);
  }

  /** Value, up to 65536 bytes. */
  get val(): Bytes {
    return dataField(this.part, 1);
  }
}

/** Members that few inodes have. */
export class InodeAdditional {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Extended attributes; builders write them in ascending byte order of their names. */
  get xattrs(): StructList<Xattr> {
    return new StructList(listField(this.part, 0), Xattr);
  }

  /** Target of a symbolic link, 1 to 4095 bytes without NUL. */
  get symlinkTarget(): Bytes {
    return dataField(this.part, 1);
  }

  /** Number of links of what is not a directory, if the image records its tree and there are several; otherwise absent. */
  get links(): number {
    return u32Field(this.part, 0);
  }
}

export type InodeModeKind = "unknown" | "fifo" | "chr" | "dir" | "blk" | "file" | "lnk" | "sock" | "wht" | "invalid";

const InodeMode_KINDS: readonly InodeModeKind[] = [
  "unknown",
  "fifo",
  "chr",
  "dir",
  "blk",
  "file",
  "lnk",
  "sock",
  "wht",
];

/** The kind of file, and the members of that kind. */
export class InodeMode {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Which member is present in the struct `part`. */
  static kindOf(part: StructPart): InodeModeKind {
    return InodeMode_KINDS[u16Field(part, 8)] ?? "invalid";
  }

  /** Which member is present. */
  get kind(): InodeModeKind {
    return InodeMode_KINDS[u16Field(this.part, 8)] ?? "invalid";
  }

  get chr(): Chr {
    return this.kind === "chr" ? new Chr(structField(this.part, 0)) : new Chr(ABSENT);
  }

  get dir(): Dir {
    return this.kind === "dir" ? new Dir(structField(this.part, 0)) : new Dir(ABSENT);
  }

  get blk(): Blk {
    return this.kind === "blk" ? new Blk(structField(this.part, 0)) : new Blk(ABSENT);
  }

  /** Content: the concatenation of these runs. */
  get file(): StructList<FileChunk> {
    return this.kind === "file"
      ? new StructList(listField(this.part, 0), FileChunk)
      : new StructList(ABSENT_LIST, FileChunk);
  }
}

/** A file, directory, link, device or whiteout. */
export class Inode {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Inode number; 1 is the root directory. */
  get ino(): number {
    return u53Field(this.part, 0);
  }

  /** Owner. */
  get uid(): number {
    return u32Field(this.part, 12);
  }

  /** Group. */
  get gid(): number {
    return u32Field(this.part, 16);
  }

  /** rwx for user, group and others, set-user-id, set-group-id and sticky: 12 bits. */
  get permissions(): number {
    return u16Field(this.part, 10);
  }

  /** Extended attributes and the target of a symbolic link. */
  get additional(): InodeAdditional {
    return new InodeAdditional(structField(this.part, 1));
  }

  /** Modification time, seconds since the epoch; absent means the epoch. */
  get mtimeSeconds(): number {
    return i53Field(this.part, 24);
  }

  /** Nanoseconds of the modification time, below 1000000000. */
  get mtimeNanoseconds(): number {
    return u32Field(this.part, 20);
  }

  /** The kind of file, and the members of that kind. */
  get mode(): InodeMode {
    return new InodeMode(this.part);
  }
}

/** A layer: the inodes that it adds, changes or removes. */
export class InodeVector {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** In strictly ascending order of ino. */
  get inodes(): StructList<Inode> {
    return new StructList(listField(this.part, 0), Inode);
  }
}

/** The fs-verity digest of a blob. */
export class VerityData {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** sha256 of the blob, 32 bytes. */
  get digest(): Bytes {
    return dataField(this.part, 0);
  }

  /** fs-verity digest: SHA-256, blocks of 4096 bytes, no salt; 32 bytes. */
  get verity(): Bytes {
    return dataField(this.part, 1);
  }
}

/** The metadata of an image. */
export class Rootfs {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** Layers, newest first. */
  get metadatas(): StructList<InodeVector> {
    return new StructList(listField(this.part, 0), InodeVector);
  }

  /** fs-verity digests of the blobs, ascending by digest. */
  get fsVerityData(): StructList<VerityData> {
    return new StructList(listField(this.part, 1), VerityData);
  }

  /** Version of the format: 3. */
  get manifestVersion(): number {
    return u53Field(this.part, 0);
  }

  /**
   * Number of visible inodes, if the image records its tree: this, the next two members, and `links` and `parent` of
   * every visible inode. Readers need not walk the tree of such an image.
   */
  get inodes(): number {
    return u53Field(this.part, 8);
  }

  /** Bytes of all visible files, each once, if the image records its tree. */
  get contentBytes(): number {
    return u53Field(this.part, 16);
  }

  /** What some visible inode has, if the image records its tree: the bits of schema/recorded.ts. */
  get traits(): number {
    return u32Field(this.part, 24);
  }
}

/** A pack: chunks one after the other, each exactly as it would be stored in a blob of its own. */
export class Pack {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** sha256 of the pack, 32 bytes. */
  get digest(): Bytes {
    return dataField(this.part, 0);
  }

  /** fs-verity digest of the pack, 32 bytes. */
  get verity(): Bytes {
    return dataField(this.part, 1);
  }

  /** Bytes. */
  get size(): number {
    return u53Field(this.part, 0);
  }
}

/** All of a packed image but its packs; a message of its own. */
export class Bundle {
  readonly part: StructPart;

  constructor(part: StructPart) {
    this.part = part;
  }

  /** The metadata blob. */
  get metadata(): Bytes {
    return dataField(this.part, 0);
  }

  /** The canonical manifest without the layers after the metadata blob. */
  get manifest(): Bytes {
    return dataField(this.part, 1);
  }

  /** The blob of the configuration. */
  get config(): Bytes {
    return dataField(this.part, 2);
  }

  /** The position of each chunk in the packs: schema/chunkindex.ts. */
  get index(): Bytes {
    return dataField(this.part, 3);
  }

  /** The packs, in the order of the packed manifest. */
  get packs(): StructList<Pack> {
    return new StructList(listField(this.part, 4), Pack);
  }
}
