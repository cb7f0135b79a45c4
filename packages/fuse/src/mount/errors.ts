/** Mounting or unmounting failed; the message names the mount point and what to do. */
export class MountError extends Error {
  override readonly name: string = "MountError";
  /** The system's error code ("EBUSY"), where there is one. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** The mount options make no sense; a mistake of the caller's. */
export class MountOptionError extends MountError {
  override readonly name = "MountOptionError";
}
