/** The text of a failed system call for users: "cannot open /x: permission denied". */

/** The action of system calls on a path. Calls of one purpose have one text. */
const PURPOSES: readonly [purpose: string, calls: string][] = [
  ["open", "open openat openat2 opendir"],
  ["read", "read pread preadv readv getdents64 scandir"],
  ["write", "write pwrite pwritev writev"],
  ["close", "close"],
  ["look at", "stat lstat fstat statx access faccessat realpath"],
  ["make", "mkdir mkdirat mkdtemp mknod mknodat"],
  ["link", "link linkat symlink symlinkat"],
  ["follow", "readlink readlinkat"],
  ["rename", "rename renameat renameat2"],
  ["remove", "unlink unlinkat rmdir"],
  ["set the mode of", "chmod fchmod fchmodat fchmodat2"],
  ["set the owner of", "chown fchown lchown fchownat"],
  ["set the times of", "utime utimensat futimens futime"],
  ["set the size of", "ftruncate truncate fallocate"],
  ["read extended attributes of", "llistxattr flistxattr listxattrat lgetxattr fgetxattr"],
  ["set an extended attribute of", "lsetxattr fsetxattr"],
  ["remove an extended attribute of", "lremovexattr fremovexattr"],
  ["write to the disk:", "fsync fdatasync syncfs"],
  ["lock", "flock"],
  ["mount", "mount open_tree move_mount mount_setattr fsopen fsconfig fsmount"],
  ["unmount", "umount umount2"],
  ["run", "spawn spawnSync"],
  ["map memory", "mmap"],
];

const purposes = new Map(PURPOSES.flatMap(([purpose, calls]) => calls.split(" ").map((call) => [call, purpose])));

/**
 * @param syscall its name; of those that Node reports for a program that it cannot run, with the program after it
 * @param reason what the error number means
 */
export function describeFailure(syscall: string, reason: string, path?: string): string {
  const [call, program] = syscall.split(/ (.*)/s) as [string, string | undefined];
  const what = path ?? program;
  const purpose = purposes.get(call);
  if (purpose === undefined) return `${what === undefined ? "" : `${what}: `}${call} failed: ${reason}`;
  return `cannot ${[purpose, ...(what === undefined ? [] : [what])].join(" ").replace(/:$/, "")}: ${reason}`;
}
