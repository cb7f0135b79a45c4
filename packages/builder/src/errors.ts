import { printable, reasonOf } from "@puzzlefs/linux";

/**
 * A source tree that cannot be built: a file that cannot be read, that changed while it was read, or that the
 * format cannot hold. The message begins with the path as the user would find it, bytes that do not print escaped.
 */
export class BuildError extends Error {
  override readonly name = "BuildError";
  /** As in the message. */
  readonly path: string;

  constructor(path: string, what: string, cause?: unknown) {
    super(`${path}: ${what}`, { cause });
    this.path = path;
  }
}

/** Turns what a system call on `path` (latin1) threw into a BuildError that names the operation. */
export function readFailure(path: string, doing: string, cause: unknown): BuildError {
  const code = (cause as NodeJS.ErrnoException).code;
  const reason = (code === undefined ? undefined : changes[code]) ?? reasonOf(cause);
  return new BuildError(printable(Buffer.from(path, "latin1")), `cannot ${doing}: ${reason}`, cause);
}

/** Turns what was thrown by opening the tree itself into a BuildError. */
export function rootFailure(rootfs: string, cause: unknown): BuildError {
  return new BuildError(printable(rootfs), `cannot read the tree: ${reasonOf(cause)}`, cause);
}

/** The file at `path` (latin1) was replaced while it was read. */
export function changed(path: string): BuildError {
  const what = "it changed while it was being read; build from a tree at rest";
  return new BuildError(printable(Buffer.from(path, "latin1")), what);
}

/** Meanings of error numbers for a name that was listed just before. */
const changes: Record<string, string> = {
  ENOENT: "it vanished while the tree was being read",
  ENOTDIR: "it was replaced while the tree was being read",
  ELOOP: "it was replaced by a symbolic link while the tree was being read",
};
