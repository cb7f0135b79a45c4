import { becomeOpaque, CAP_SYS_CHROOT, changeRoot, dropCapabilities, messageOf } from "@puzzlefs/linux";
import type { Log } from "./log-level.ts";

/** From here on, only files below `root` can be opened. */
export function confine(root: number | undefined, log: Log): void {
  if (root !== undefined) {
    try {
      changeRoot(root);
    } catch (error) {
      log("error", `not confined to its store: ${messageOf(error)}`);
    }
    dropCapabilities([CAP_SYS_CHROOT]);
  }
  becomeOpaque();
}
