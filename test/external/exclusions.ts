/** What of the suites is not run, and why. */
import { imageNames } from "./target.ts";
import type { Exclusion } from "./report.ts";

/** In setups of unionmount: names of tests that presuppose something else. */
const withoutRedirects = ["rename-dir", "rename-empty-dir", "rename-move-dir", "rename-pop-dir"];
const noRedirects = "slashes at the end, no redirects";
const others = ["plain", "xino, index, inodes verified", "NFS export", "metacopy, layers rotated"];

const unionmount: Exclusion[] = [
  ...withoutRedirects.map((test) => ({
    suite: "unionmount",
    name: `${noRedirects}: ${test}`,
    reason:
      "needs directories of the lower layer to be renamed, which this setup switches off; rename-exdev is its counterpart",
  })),
  ...others.map((setUp) => ({
    suite: "unionmount",
    name: `${setUp}: rename-exdev`,
    reason: "needs renaming a directory of the lower layer to fail, which it does without redirects only",
  })),
  ...[noRedirects, ...others].map((setUp) => ({
    suite: "unionmount",
    name: `${setUp}: dir-weird-open-dir`,
    reason: "not in the suite's own list of tests",
  })),
];

const xfstests: Exclusion[] = imageNames.flatMap((image) => [
  {
    suite: "xfstests",
    name: `${image}: open_by_handle: handles outlive the mount`,
    driver: false,
    reason: "mounts again with mount(8), from inside; a FUSE mount is the daemon's",
  },
  {
    suite: "xfstests",
    name: `${image}: mount-idmapped: owners are moved`,
    driver: false,
    reason: "FUSE mounts can be idmapped from Linux 6.12 on, by daemons that ask for it; ours does not",
  },
]);

/** Programs that read, and still cannot run on an image. */
const programs: [names: string, reason: string][] = [
  ["t_readdir_3 rewinddir-test t_getcwd", "makes the directory entries that it then reads"],
  ["splice-test uring_read_fault t_mmap_dio seek_sanity_test", "writes the file that it then reads"],
  ["t_ofd_locks", "locks are the VFS's; nothing of a file system that has none of its own is reached"],
  ["file_attr", "sets attributes, by calls that are newer than the kernels here"],
];

/** Reported beside the cases of xfstests. */
export const unsuited: readonly Exclusion[] = programs.flatMap(([names, reason]) =>
  names.split(" ").map((name) => ({ suite: "xfstests", name, reason })),
);

export const exclusions: readonly Exclusion[] = [...unionmount, ...xfstests, ...unsuited];
