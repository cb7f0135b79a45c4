/** Backends that show images on this machine, each in a mount namespace of its own. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackendName } from "@puzzlefs/posix-suite";
import { checkoutForOthers, hasUserNamespaces, namespaceRoot, nobody } from "../support/other-users.ts";
import { attempt, isRoot, missing, type Outcome } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";

export interface Backend {
  name: BackendName;
  /** Words before the command that runs the whole script. */
  script: readonly string[];
  /** Words before what mounts and unmounts, or extracts. */
  user: readonly string[];
  /** Shell commands that make the tree of `$image` appear on the empty directory `$at`, and vanish. */
  show: string;
  hide: string;
  /** Owner of what has no other owner in the tree that this backend's user reads. */
  owner: number;
  /** Why it cannot run here; empty if it can. */
  obstacle: string;
}

const EXT4 = 0xef53;
const NOBODY = 65534;

/** `puzzlefs umount` is done when nothing is mounted any more. */
const fuse = {
  show: '$user $puzzlefs mount --driver fuse $options "$image" "$at"',
  hide: '$user $puzzlefs umount "$at"\nif grep -q " $at " /proc/self/mountinfo; then echo "$at is still mounted" >&2; exit 9; fi',
};

function mountObstacle(): string {
  if (!isRoot) return "root";
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
  } catch {
    return "/dev/fuse";
  }
  return spawnSync("unshare", ["--mount", "true"]).status === 0 ? "" : "permission to mount";
}

const mounting = mountObstacle();

export const backends: readonly Backend[] = [
  {
    name: "extract",
    script: [],
    user: [],
    show: '$puzzlefs extract "$image" "$at" >/dev/null',
    hide: 'rm -rf "$at"',
    owner: 0,
    obstacle: !isRoot ? "root" : statfsSync(tmpdir()).type === EXT4 ? "" : "a temporary directory on ext4",
  },
  { name: "FUSE as root", script: [], user: [], ...fuse, owner: 0, obstacle: mounting },
  {
    name: "FUSE as nobody",
    script: [],
    user: nobody,
    ...fuse,
    owner: NOBODY,
    obstacle: mounting || missing("fusermount3").join(", "),
  },
  {
    name: "FUSE in a user namespace",
    script: namespaceRoot,
    user: [],
    ...fuse,
    owner: 0,
    obstacle: mounting || (hasUserNamespaces() ? "" : "user namespaces"),
  },
];

export interface LookSettings {
  /** Options for `puzzlefs mount`. */
  options?: string;
  /** Shell commands before the tree is shown, as root of this machine or of the user namespace; `$image` may be changed. */
  before?: string;
}

/**
 * Lets a backend show an image, and runs a shell command that looks at it. The outcome is the command's, unless showing
 * or hiding fails.
 *
 * @param command has `$node`, `$checkout`, `$user`, and `$at`, where the tree is
 */
export function look(
  scratch: Scratch,
  backend: Backend,
  image: string,
  command: string,
  { options = "", before = "" }: LookSettings = {},
): Outcome {
  const at = join(scratch.directory("shown"), "tree");
  mkdirSync(at);
  const script = [
    'puzzlefs="$node $checkout/build/lib/puzzlefs.js"',
    `user='${backend.user.join(" ")}' image=${image} at=${at} options='${options}'`,
    backend.user.length > 0 ? 'chown 65534:65534 "$at"' : "",
    before,
    backend.show,
    // Not in a list with ||, where the shell would not stop at failures.
    `set +e; (set -e\n${command}); status=$?; set -e`,
    backend.hide,
    "exit $status",
  ].join("\n");
  return attempt(...checkoutForOthers(scratch, backend.script, script));
}
