import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { MountError } from "@puzzlefs/fuse";
import {
  Directory,
  FileSystemContext,
  hasCode,
  inInitialNamespace,
  KernelRefusal,
  MNT_DETACH,
  umountAt,
} from "@puzzlefs/linux";

/** A tmpfs on a temporary directory, for mount points, and for what is written meanwhile. It goes with this object, and with the process. */
export class ScratchMount {
  /** Its root. */
  readonly directory: Directory;
  readonly #parent = Directory.open(temporaryDirectory());
  readonly #name: string;
  readonly #mountpoint: Directory;
  readonly #remove = (): void => this.#detach();

  /**
   * Throws MountError.
   *
   * @param prefix of its name
   * @param what cannot be done without it, for the error message
   */
  constructor(prefix: string, what: string) {
    const { name, directory } = this.#parent.makeTemporary(prefix);
    this.#name = name;
    this.#mountpoint = directory;
    // A second signal ends this process at once.
    process.once("exit", this.#remove);
    try {
      mountTmpfs(directory, what);
      // The mount that is there now.
      this.directory = Directory.open(directory.path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#remove);
    try {
      this.directory?.close();
      this.#detach();
    } finally {
      this.#parent.close();
    }
  }

  #detach(): void {
    try {
      umountAt(this.#parent.descriptor, this.#name, MNT_DETACH);
    } catch (error) {
      // Nothing has been mounted there.
      if (!hasCode(error, "EINVAL", "EPERM")) throw error;
    } finally {
      this.#mountpoint.close();
      this.#parent.removeDirectory(this.#name);
    }
  }
}

/**
 * The directory for temporary mounts. For root it does not depend on the environment, which a container's image may set,
 * and only root can rename what is in it. Root of a user namespace may not write to /run.
 */
function temporaryDirectory(): string {
  if (process.geteuid?.() !== 0) {
    // Node replaces bytes that are not UTF-8: it would be another directory.
    const chosen = tmpdir();
    return chosen.includes("\ufffd") ? "/tmp" : chosen;
  }
  return !inInitialNamespace("user") || !existsSync("/run") ? "/tmp" : "/run";
}

function mountTmpfs(scratch: Directory, what: string): void {
  try {
    using context = new FileSystemContext("tmpfs");
    context.set("source", "puzzlefs");
    context.set("mode", "0700");
    context.mountOn(scratch.descriptor, 0);
  } catch (error) {
    if (!(error instanceof KernelRefusal) || error.code !== "EPERM") throw error;
    const advice = "an ordinary user can do it in a user namespace (unshare --user --map-root-user --mount)";
    throw new MountError(`${what}; ${advice}`, error.code);
  }
}
