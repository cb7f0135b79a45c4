import { constants, fchmodSync, fchownSync } from "node:fs";
import { basename, dirname } from "node:path";
import { MountError } from "@puzzlefs/fuse";
import { close, Directory, FileStatus, openat, SystemError } from "@puzzlefs/linux";

/** Owner and mode of the root of what an overlay is mounted over. */
export type RootAttributes = Pick<FileStatus, "uid" | "gid" | "mode">;

/** The two directories of an overlay that are written. They are used by their descriptors alone. */
export class Upper {
  readonly upper: Directory;
  readonly work: Directory;

  private constructor(upper: Directory, work: Directory) {
    this.upper = upper;
    this.work = work;
  }

  /** Makes both in a new directory of ours. */
  static make(place: Directory, root: RootAttributes): Upper {
    return new Upper(prepareUpper(place, "upper", root), place.makeDirectory("upper.work", 0o700));
  }

  /**
   * Opens `path` and `path`.work beside it, making what is missing; their parent must be there. An upper directory
   * that is made, or is empty and our own, begins like the lower root, whose place its attributes take. A link to it
   * must be root's or our own. The work directory, which overlayfs empties, must be a real directory of our own.
   * Throws MountError.
   */
  static open(path: string, root: RootAttributes): Upper {
    try {
      using parent = Directory.open(dirname(path));
      const upper = prepareUpper(parent, basename(path), root);
      try {
        return new Upper(upper, openWork(parent, `${basename(path)}.work`));
      } catch (error) {
        upper.close();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof SystemError || error instanceof Refusal)) throw error;
      throw new MountError(`${path}: no use as an upper directory: ${error.message}`);
    }
  }

  [Symbol.dispose](): void {
    this.upper.close();
    this.work.close();
  }
}

/** The message names what is refused. */
class Refusal extends Error {
  override readonly name = "Refusal";
}

function prepareUpper(parent: Directory, name: string, root: RootAttributes): Directory {
  const status = new FileStatus();
  const isThere = parent.status(name, status);
  if (isThere && status.type === constants.S_IFLNK && status.uid !== 0 && status.uid !== process.geteuid?.()) {
    throw new Refusal(`${parent.pathOf(name)} is a symbolic link of another user's`);
  }
  const upper = isThere ? parent.linkedDirectory(name) : parent.makeDirectory(name);
  try {
    status.readDescriptor(upper.descriptor);
    const ours = status.uid === process.geteuid?.();
    if ((!isThere || ours) && upper.entries().length === 0) giveAttributes(upper, root);
    return upper;
  } catch (error) {
    upper.close();
    throw error;
  }
}

function giveAttributes({ descriptor }: Directory, root: RootAttributes): void {
  const opened = openat(descriptor, ".", constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fchownSync(opened, root.uid, root.gid);
    fchmodSync(opened, root.mode & 0o7777);
  } finally {
    close(opened);
  }
}

function openWork(parent: Directory, name: string): Directory {
  const status = new FileStatus();
  const isThere = parent.status(name, status);
  if (isThere && status.type !== constants.S_IFDIR) throw new Refusal(`${parent.pathOf(name)} is not a directory`);
  const work = isThere ? parent.directory(name) : parent.makeDirectory(name, 0o700);
  status.readDescriptor(work.descriptor);
  if (status.uid === process.geteuid?.()) return work;
  work.close();
  throw new Refusal(`${parent.pathOf(name)}, its work directory, is another user's`);
}
