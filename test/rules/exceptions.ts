/** Files of the product that may open something by a path, and what for. An exception that is not needed is an error. */

export interface Exception {
  file: string;
  /** As detours() names them. */
  names: readonly string[];
  /** What is opened, and why no other user can put something else there. */
  why: string;
}

export const exceptions: readonly Exception[] = [
  { file: "packages/fuse/src/daemon/serve.ts", names: ["openSync"], why: "/dev/null" },
  { file: "packages/fuse/src/mount/kernel-mount.ts", names: ["openSync"], why: "/dev/fuse" },
  { file: "packages/fuse/src/mount/mountinfo.ts", names: ["readFileSync"], why: "/proc/self/mountinfo" },
  {
    file: "packages/fuse/src/mount/readahead.ts",
    names: ["writeFileSync"],
    why: "/sys/class/bdi of our own device number",
  },
  { file: "packages/reader/src/extract-warnings.ts", names: ["readFileSync"], why: "/proc/self/uid_map" },
  { file: "packages/mount/src/overlay.ts", names: ["readFileSync"], why: "/proc/self/uid_map" },
  {
    file: "packages/fuse/src/mount/libc.ts",
    names: ["koffi"],
    why: "calls that wait in other threads, and views of memory: bind() has neither",
  },
  {
    file: "packages/mount/src/file-system-context.ts",
    names: ["bind", "AT_FDCWD"],
    why: "fsopen(2), fsmount(2), move_mount(2): descriptors, and the mount point",
  },
  {
    file: "packages/mount/src/remount.ts",
    names: ["bind"],
    why: "mount(2) with MS_REMOUNT: flags of the mount on a mount point",
  },
  { file: "packages/reader/src/extract.ts", names: ["bind"], why: "close(2)" },
];

/** TO BE REMOVED, with everything in it: files that do not use packages/linux yet. */
export const pending: Readonly<Record<string, readonly string[]>> = {
  "packages/builder/src/base.ts": ["readFileSync"],
  "packages/builder/src/build.ts": ["readdirSync", "realpathSync"],
  "packages/builder/src/chunk-work.ts": ["openSync", "statSync"],
  "packages/builder/src/content.ts": ["openSync"],
  "packages/builder/src/pack-file.ts": ["openSync"],
  "packages/builder/src/walk.ts": ["openSync", "readdirSync", "readlinkSync"],
  "packages/cli/src/commands/build.ts": ["existsSync"],
  "packages/cli/src/commands/verify.ts": ["existsSync"],
  "packages/cli/src/config-file.ts": ["openSync"],
  "packages/cli/src/size-scan.ts": ["lstatSync", "readdirSync"],
  "packages/fuse/src/daemon/init-pipe.ts": ["openSync", "statSync"],
  "packages/fuse/src/daemon/log.ts": ["openSync"],
  "packages/fuse/src/daemon/supervisor.ts": ["openSync"],
  "packages/fuse/src/mount/fusermount.ts": [
    "openSync",
    "readFileSync",
    "unlinkSync",
    "spawnSync(PROGRAM)",
    "spawn(PROGRAM)",
    "execFile(PROGRAM)",
  ],
  "packages/fuse/src/mount/mount.ts": ["statSync"],
  "packages/fuse/src/mount/mountinfo.ts": ["realpathSync"],
  "packages/fuse/src/operations/xattr.ts": ["openSync", "readFileSync", "readlinkSync"],
  "packages/linux/src/verity.ts": ["openSync"],
  "packages/mount/src/file-system-context.ts": ["openSync"],
  "packages/mount/src/overlay.ts": [
    "chmodSync",
    "chownSync",
    "mkdirSync",
    "mkdtempSync",
    "readdirSync",
    "rmdirSync",
    "statSync",
  ],
  "packages/oci/src/files.ts": ["mkdirSync", "openSync", "renameSync", "statSync"],
  "packages/oci/src/layout.ts": ["existsSync", "open", "openSync", "statSync"],
  "packages/oci/src/lock.ts": ["openSync", "statSync"],
  "packages/oci/src/staging.ts": [
    "existsSync",
    "mkdtempSync",
    "openSync",
    "readdirSync",
    "rmdirSync",
    "rmSync",
    "unlinkSync",
  ],
  "packages/oci/src/transaction.ts": ["openSync", "readdirSync", "renameSync", "statSync", "unlinkSync"],
  "packages/reader/src/directory-tree.ts": ["lstatSync", "openSync", "readdirSync", "readlinkSync"],
  "packages/reader/src/verify.ts": ["readdirSync"],
};
