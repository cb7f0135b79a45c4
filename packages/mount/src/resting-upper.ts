import { basename, dirname } from "node:path";
import { MountError } from "@puzzlefs/fuse";
import {
  close,
  Directory,
  FileStatus,
  flock,
  hasCode,
  inInitialNamespace,
  LOCK_EX,
  LOCK_NB,
  realPathOf,
  SystemError,
} from "@puzzlefs/linux";
import { overlayPrefix } from "./overlay-marks.ts";
import { ScratchMount } from "./scratch-mount.ts";
import { recordWith } from "./upper-record.ts";
import { identityOf, inUse, isInUse, Refusal, refuseShownMount } from "./upper-use.ts";
import { LOCK, patiently } from "./upper.ts";

/** Prefixes of the attributes of overlayfs; the second is that of mounts with userxattr. */
const PREFIXES = ["trusted.overlay.", "user.overlay."] as const;

export interface RestingOptions {
  /** The work directory of the overlay. Default: beside the upper directory, its name with .work, where there is one. */
  work?: string;
  /** The overlay was mounted with userxattr. Default: as puzzlefs mounted it, or would mount it. */
  userxattr?: boolean;
}

/** An upper directory that no mount uses. */
export class RestingUpper {
  readonly directory: Directory;
  readonly work: Directory | undefined;
  readonly prefix: (typeof PREFIXES)[number];
  /** sha256 of the manifest over which puzzlefs last mounted it; undefined if it did not. */
  readonly image: string | undefined;
  readonly #opened: DisposableStack;

  private constructor(
    directory: Directory,
    work: Directory | undefined,
    userxattr: boolean | undefined,
    opened: DisposableStack,
  ) {
    const found = PREFIXES.map((prefix) => ({ prefix, record: recordWith(directory, prefix) }));
    const known = found.find(({ record }) => record !== undefined);
    const chosen = userxattr === undefined ? undefined : PREFIXES[userxattr ? 1 : 0];
    this.directory = directory;
    this.work = work;
    this.image = known?.record?.image;
    this.prefix = chosen ?? known?.prefix ?? overlayPrefix();
    this.#opened = opened;
  }

  /**
   * Opens it. No mount of puzzlefs can begin to use it until it is disposed of. Rejects with MountError if it does not exist, or
   * if a mount uses it, as far as the kernel shows that to the caller.
   */
  static async open(path: string, { work, userxattr }: RestingOptions = {}): Promise<RestingUpper> {
    using opened = new DisposableStack();
    try {
      const directory = opened.use(Directory.open(path));
      const beside = work === undefined ? openBeside(directory, path) : Directory.open(work);
      if (beside !== undefined) opened.use(beside);
      const directories = beside === undefined ? [directory] : [directory, beside];
      const busy = inUse(PREFIXES.map((prefix) => recordWith(directory, prefix)?.at).find((at) => at !== undefined));
      refuseShownMount(directories);
      if (process.geteuid?.() === 0 && inInitialNamespace("user")) {
        using scratch = new ScratchMount("puzzlefs-mount-", "only root can ask the kernel whether a mount uses it");
        await patiently(() => !isInUse(directories, scratch.directory), busy);
      }
      const lock = beside?.openFile(LOCK);
      if (lock !== undefined) {
        opened.defer(() => close(lock));
        await patiently(() => flock(lock, LOCK_EX | LOCK_NB), busy);
      }
      return new RestingUpper(directory, beside, userxattr, opened.move());
    } catch (error) {
      if (!(error instanceof SystemError || error instanceof Refusal)) throw error;
      throw new MountError(`${path}: not used as an upper directory: ${error.message}`);
    }
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
  }
}

/** The work directory that mounts of puzzlefs use; undefined where there is none. */
function openBeside(upper: Directory, path: string): Directory | undefined {
  const real = realPathOf(upper.descriptor, path);
  using parent = Directory.open(dirname(real));
  const status = new FileStatus();
  // The directory may have been moved meanwhile; then what is beside that name is not its own.
  if (!parent.status(basename(real), status) || status.identity !== identityOf(upper)) return undefined;
  try {
    return parent.directory(`${basename(real)}.work`);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
