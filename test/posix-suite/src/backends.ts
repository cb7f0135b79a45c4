import type { Feature } from "./case.ts";

/** The ways to show a tree. */
export type BackendName = "extract" | "FUSE as root" | "FUSE as nobody" | "FUSE in a user namespace" | "kernel";

/** Features that a backend lacks. */
export interface Lack {
  features: readonly Feature[];
  reason: string;
}

const noHandles: Lack = { features: ["handles"], reason: "open_by_handle_at(2) needs CAP_DAC_READ_SEARCH" };

/**
 * Features that a backend lacks; cases that need none of them run. The cases run on extracted trees and on FUSE mounts in test/posix, and
 * on the kernel driver, in virtual machines, in test/kernel/posix.test.ts.
 */
export const lacks: Readonly<Record<BackendName, readonly Lack[]>> = {
  kernel: [],
  extract: [
    {
      features: ["read-only", "statfs", "synthetic-times"],
      reason: "what is extracted is the disk's: it can be written to, and its space and times of change are its own",
    },
  ],
  "FUSE as root": [],
  "FUSE as nobody": [
    { features: ["privileged-xattrs"], reason: "trusted.* is for CAP_SYS_ADMIN" },
    { features: ["other-users"], reason: "only the mount's user may enter, unless /etc/fuse.conf permits allow_other" },
    noHandles,
  ],
  "FUSE in a user namespace": [
    { features: ["owners"], reason: "users that the namespace does not know are all shown as nobody" },
    { features: ["acls"], reason: "the kernel refuses to show lists with users that the namespace does not know" },
    { features: ["privileged-xattrs"], reason: "trusted.* is for CAP_SYS_ADMIN outside of it" },
    { features: ["other-users"], reason: "the namespace has but one user" },
    noHandles,
  ],
};

/** A key for each, or this does not compile. */
const everyFeature: Record<Feature, true> = {
  "read-only": true,
  owners: true,
  devices: true,
  "directory-links": true,
  statfs: true,
  "synthetic-times": true,
  holes: true,
  xattrs: true,
  "privileged-xattrs": true,
  acls: true,
  "other-users": true,
  handles: true,
};

export function featuresOf(backend: BackendName): Set<Feature> {
  const lacking = new Set(lacks[backend].flatMap(({ features }) => features));
  return new Set((Object.keys(everyFeature) as Feature[]).filter((feature) => !lacking.has(feature)));
}
