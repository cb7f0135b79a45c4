import { fchmodSync, fchownSync } from "node:fs";
import {
  Directory,
  FileStatus,
  fremovexattr,
  fsetxattr,
  futimens,
  hasCode,
  lgetxattr,
  llistxattr,
  printable,
} from "@puzzlefs/linux";
import { overlayPrefix } from "./overlay-marks.ts";

/** ACLs, which a directory may have inherited from its parent. */
const ACLS = ["system.posix_acl_access", "system.posix_acl_default"];

/**
 * Copies all attributes of the lower root to an upper directory, because an overlay shows those of the upper one: owner, mode, ACLs, extended
 * attributes, and modification time.
 *
 * @param lower path of the lower root, which only we can change
 * @param warn called for attributes that the upper directory's file system or our privileges do not allow
 */
export function copyRootAttributes(lower: string, upper: Directory, warn: (message: string) => void): void {
  const status = new FileStatus();
  using root = Directory.open(lower);
  status.readDescriptor(root.descriptor);
  const attempt = (what: string, change: () => void): void => {
    try {
      change();
    } catch (error) {
      if (!hasCode(error, "EPERM", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSPC", "E2BIG", "ERANGE")) throw error;
      warn(`${upper.path}: the root directory does not get the image's ${what}: ${(error as Error).message}`);
    }
  };
  upper.opened((opened) => {
    attempt("owner", () => fchownSync(opened, status.uid, status.gid));
    for (const name of ACLS) removeIfPresent(opened, name);
    attempt("mode", () => fchmodSync(opened, status.mode & 0o7777));
    for (const name of llistxattr(lower)) {
      const text = printable(name);
      if (text.startsWith(overlayPrefix())) continue;
      attempt(`attribute ${text}`, () => {
        const value = lgetxattr(lower, name);
        if (value !== undefined) fsetxattr(opened, name, value);
      });
    }
    futimens(opened, { seconds: status.mtimeSeconds, nanoseconds: status.mtimeNanoseconds });
  });
}

function removeIfPresent(descriptor: number, name: string): void {
  try {
    fremovexattr(descriptor, name);
  } catch (error) {
    if (!hasCode(error, "ENODATA", "ENOTSUP", "EOPNOTSUPP")) throw error;
  }
}
