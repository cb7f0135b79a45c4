/** Commands in Debian's root directory, in a mount namespace of their own. */
import { run } from "../support/programs.ts";
import { environment } from "./target.ts";

/** Binds pairs of FROM and AT below the root directory $1, then runs what follows `--` in it; the mounts end with it. */
const enter = [
  "root=$1; shift",
  'while [ "$1" != -- ]; do mkdir -p "$root$2"; mount --rbind "$1" "$root$2"; shift 2; done; shift',
  'mount -t tmpfs tmpfs "$root/tmp"; mount -t tmpfs tmpfs "$root/run"; mount -t proc proc "$root/proc"',
  'cd /; exec chroot "$root" "$@"',
].join("\n");

/** @param binds path here to path in the root directory */
export function chrootArguments(root: string, binds: ReadonlyMap<string, string>, command: string): string[] {
  const pairs = [...binds].flat();
  return [
    "--mount",
    "--",
    "sh",
    "-ec",
    enter,
    "sh",
    root,
    ...pairs,
    "--",
    ...environment.split(" "),
    "/bin/sh",
    "-c",
    command,
  ];
}

/** Runs a command that must succeed in Debian's root directory. */
export function runInDebian(root: string, binds: ReadonlyMap<string, string>, command: string): void {
  run("unshare", chrootArguments(root, binds, command));
}
