import { endianness } from "node:os";
import { constants } from "node:fs";

import { FileStatus, hasCode, nulTerminated, type Directory } from "@puzzlefs/linux";

import { isWhiteoutDevice } from "./overlay-attributes.ts";

/** A file handle as overlayfs stores it (struct ovl_fb): bytes of its head, then of the file system's own handle. */
const HEAD_BYTES = 21;
const MAGIC = 0xfb;
const BIG_ENDIAN_FLAG = 1;
const PATH_FLAG = 4;
/** The type of handle that FUSE and the driver of PuzzleFS use: an inode number in two words, and a generation. */
const INODE_64 = 0x81;
const HANDLE_BYTES = 12;

/**
 * The directory `index` of an overlay's work directory: each file that has hard links below and was changed, by its handle
 * below. The names below that were not changed themselves show that file.
 */
export class OverlayIndex {
  readonly #directory: Directory;
  readonly #names = new Map<number, Uint8Array>();

  /** @param isInode whether the image below has that inode */
  constructor(directory: Directory, isInode: (ino: number) => boolean) {
    this.#directory = directory;
    const status = new FileStatus();
    for (const { name } of directory.entries()) {
      const ino = inodeOf(name.toString("latin1"), isInode);
      if (ino === undefined || !directory.status(name, status)) continue;
      if (status.type !== constants.S_IFDIR && !isWhiteoutDevice(status)) this.#names.set(ino, nulTerminated(name));
    }
  }

  get descriptor(): number {
    return this.#directory.descriptor;
  }

  /** The name in the index of the file that an inode below is shown as. */
  name(ino: number): Uint8Array | undefined {
    return this.#names.get(ino);
  }
}

/** Opens the index in a work directory; undefined where there is none. */
export function openIndex(work: Directory): Directory | undefined {
  try {
    return work.directory("index");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** The inode number in a name of the index; undefined for names of another form. */
function inodeOf(name: string, isInode: (ino: number) => boolean): number | undefined {
  if (!/^[0-9a-f]+$/.test(name)) return undefined;
  const handle = Buffer.from(name, "hex");
  if (handle.length < HEAD_BYTES + HANDLE_BYTES || handle[1] !== MAGIC || handle[4] !== INODE_64) return undefined;
  const isBig = (handle[3] & BIG_ENDIAN_FLAG) !== 0;
  if ((handle[3] & PATH_FLAG) !== 0 || isBig !== (endianness() === "BE")) return undefined;
  const word = (index: number): number =>
    isBig ? handle.readUInt32BE(HEAD_BYTES + 4 * index) : handle.readUInt32LE(HEAD_BYTES + 4 * index);
  // FUSE has the higher word first, the driver the lower one.
  const [fuse, driver] = [word(0) * 2 ** 32 + word(1), word(0) + word(1) * 2 ** 32];
  return [fuse, driver].find((ino) => Number.isSafeInteger(ino) && isInode(ino));
}
