/** What of the suites is not run, and why. */
import { imageNames } from "./place.ts";
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
      "wants directories of the lower layer to be renamed, which this setup switches off; rename-exdev is its counterpart",
  })),
  ...others.map((setUp) => ({
    suite: "unionmount",
    name: `${setUp}: rename-exdev`,
    reason: "wants renaming a directory of the lower layer to fail, which it does without redirects only",
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

export const exclusions: readonly Exclusion[] = [...unionmount, ...xfstests];
