/** Files of the product that may open something by a path, and what for. An exception that is not needed is an error. */

export interface Exception {
  file: string;
  /** As detours() names them. */
  names: readonly string[];
  /** The opened file, and the reason why no other user can replace it. */
  why: string;
}

export const exceptions: readonly Exception[] = [
  {
    file: "packages/mount/src/server-program.ts",
    names: ["existsSync", "realpathSync", "statSync"],
    why: "the program's own directories and files",
  },
  {
    file: "packages/fuse/src/daemon/program-copy.ts",
    names: ["readFileSync"],
    why: "a descriptor of the program's own file",
  },
  {
    file: "packages/fuse/src/shared/rendezvous.ts",
    names: ["readFileSync", "readlinkSync"],
    why: "/proc/self: status, limits, control group, label, namespaces",
  },
  { file: "packages/fuse/src/daemon/runtime.ts", names: ["realpathSync"], why: "the file of Node that runs this" },
  {
    file: "packages/fuse/src/daemon/server-process.ts",
    names: ["readlinkSync", "spawn(node)"],
    why: "/etc/localtime; the file of Node that runs this",
  },
  { file: "packages/fuse/src/daemon/unmounter.ts", names: ["spawn(shell)"], why: "/bin/sh" },
  { file: "packages/mount/src/fetcher-program.ts", names: ["spawn(shell)"], why: "/bin/sh" },
  {
    file: "packages/mount/src/opens/find-listener.ts",
    names: ["readFileSync"],
    why: "/proc: titles and descriptors of processes",
  },
  {
    file: "packages/fuse/src/mount/fusermount.ts",
    names: ["existsSync", "spawnSync(program)", "spawn(program)", "execFile(program)"],
    why: "fusermount3 in one of four directories of the system, by its absolute path; or /bin/sh, which becomes it",
  },
  { file: "packages/fuse/src/mount/kernel-mount.ts", names: ["openSync"], why: "/dev/fuse" },
  { file: "packages/fuse/src/mount/labels.ts", names: ["existsSync"], why: "whether SELinux runs" },
  {
    file: "packages/fuse/src/mount/mountinfo.ts",
    names: ["readFileSync"],
    why: "/proc/self/mountinfo, and /proc/self/fdinfo of an own descriptor",
  },
  {
    file: "packages/fuse/src/mount/readahead.ts",
    names: ["writeFileSync"],
    why: "/sys/class/bdi of our own device number",
  },
  { file: "packages/linux/src/arguments.ts", names: ["readFileSync"], why: "/proc/self/cmdline" },
  { file: "packages/linux/src/errors.ts", names: ["existsSync"], why: "whether there is /proc/self" },
  {
    file: "packages/linux/src/named-path.ts",
    names: ["realpathSync"],
    why: "compares two paths as text; what is read and written is opened apart from that",
  },
  { file: "packages/linux/src/privileges.ts", names: ["readlinkSync"], why: "/proc/self/ns" },
  { file: "packages/linux/src/xattrs.ts", names: ["existsSync"], why: "whether there is /proc/self" },
  { file: "packages/mount/src/scratch-mount.ts", names: ["existsSync"], why: "/run" },
  { file: "packages/mount/src/remount.ts", names: ["readFileSync"], why: "/etc/fstab" },
  {
    file: "packages/registry/src/credential-helper.ts",
    names: ["spawn(program)"],
    why: "docker-credential-NAME in the user's own PATH, as docker and podman find it; only for commands that talk to registries",
  },
];
