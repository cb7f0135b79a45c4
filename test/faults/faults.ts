/**
 * A table of faults: changes of the blobs of a store while an image of it is mounted. Shell commands have `$store`, `$blob`
 * (the path of one of its blobs), `$original` (that blob as it was), `$half` (half its size), and `$scratch`, a directory.
 */
import type { Way } from "./material.ts";

/** Which files cannot be read any more. */
export type Affected =
  | "none"
  /** All with content. */
  | "all"
  /** Those that need bytes of the blob. */
  | "users"
  /** Those that need bytes of the blob's second half. */
  | "users of the second half";

export interface Fault {
  name: string;
  ways: readonly Way[];
  /** Makes `$store` a copy of `$pristine` with a location of its own, and may choose another `$blob`. */
  prepare?: string;
  /** Whether that location is a loop device. */
  onLoopDevice?: boolean;
  /** For `puzzlefs mount`. */
  options?: string;
  /** Mounted by the user nobody. */
  asNobody?: boolean;
  /** Whether every file was read before, so that blobs are open. */
  warm?: boolean;
  damage: string;
  /** Undoes it: then all files are to be read again, through the same mount. */
  repair?: string;
  affected: Affected;
  /** Whether the log cannot be written. */
  withoutLog?: boolean;
}

const raw = ["raw", "raw-joined"] as const;
const compressed = ["zstd", "zstd-joined"] as const;
const both = ["raw", "zstd-joined"] as const;
const putBack = 'rm -rf "$blob" && cp "$original" "$blob"';
const otherBytes = 'head -c $((half * 2)) /dev/zero | tr "\\0" x >"$blob.new" && mv "$blob.new" "$blob"';

/** An ext4 on a loop device, read anew: nothing of the store is in memory. */
const onLoopDevice = `
disk=$scratch/disk; lower=$scratch/lower; mkdir $lower
truncate -s 64M $disk && mkfs.ext4 -q -F -b 4096 -O ^has_journal $disk
mount -o loop $disk $lower && cp -a $pristine $lower/store && umount $lower && mount -o loop,ro $disk $lower
store=$lower/store`;

/** Sets `$start` to the first block of a blob on the disk. */
const firstBlock = "awk '$1 == \"0:\" { print $4 + 0 }'";
/** The last of all chunks on the disk: a mount no longer needs the blocks behind it. */
const lastOnDisk = `${onLoopDevice}
start=0
for candidate in $chunks; do
  block=$(filefrag -v -b4096 $store/blobs/sha256/$candidate | ${firstBlock})
  if [ $block -gt $start ]; then start=$block; blob=$store/blobs/sha256/$candidate; fi
done`;

export const faults: readonly Fault[] = [
  { name: "deleted", ways: both, damage: 'rm "$blob"', repair: putBack, affected: "users" },
  { name: "deleted while it is open", ways: both, warm: true, damage: 'rm "$blob"', affected: "none" },
  {
    name: "cut in half",
    ways: raw,
    damage: 'truncate -s $half "$blob"',
    repair: putBack,
    affected: "users of the second half",
  },
  { name: "cut in half", ways: compressed, damage: 'truncate -s $half "$blob"', repair: putBack, affected: "users" },
  {
    name: "cut in half while it is open",
    ways: raw,
    warm: true,
    damage: 'truncate -s $half "$blob"',
    repair: 'cat "$original" >"$blob"',
    affected: "users of the second half",
  },
  { name: "emptied", ways: both, damage: 'truncate -s 0 "$blob"', repair: putBack, affected: "users" },
  {
    name: "emptied while it is open",
    ways: ["raw", "zstd"],
    warm: true,
    damage: 'truncate -s 0 "$blob"',
    repair: 'cat "$original" >"$blob"',
    affected: "users",
  },
  // In raw blobs only verification detects it.
  { name: "replaced by other bytes", ways: compressed, damage: otherBytes, repair: putBack, affected: "users" },
  {
    name: "replaced by other bytes, with --verify blob",
    ways: [...raw, ...compressed],
    options: "--verify blob",
    damage: otherBytes,
    repair: putBack,
    affected: "users",
  },
  {
    name: "replaced by a directory",
    ways: both,
    damage: 'rm "$blob" && mkdir "$blob"',
    repair: putBack,
    affected: "users",
  },
  {
    name: "replaced by a fifo",
    ways: both,
    damage: 'rm "$blob" && mkfifo "$blob"',
    repair: putBack,
    affected: "users",
  },
  {
    name: "made unreadable for the mount's user",
    ways: both,
    asNobody: true,
    damage: 'chmod 000 "$blob"',
    repair: 'chmod 644 "$blob"',
    affected: "users",
  },
  {
    name: "deleted, and the log's device is full",
    ways: both,
    prepare: `
mkdir $scratch/full && mount -t tmpfs -o size=16k none $scratch/full
: >$scratch/full/log; head -c 1M /dev/zero >$scratch/full/filler 2>/dev/null || :
log=$scratch/full/log; cp -a $pristine $store`,
    damage: 'rm "$blob"',
    repair: putBack,
    affected: "users",
    withoutLog: true,
  },
  {
    name: "on a device that ends before it",
    ways: both,
    prepare: lastOnDisk,
    onLoopDevice: true,
    damage: "truncate -s $((start * 4096)) $disk",
    affected: "users",
  },
  {
    name: "on a device that has lost its blocks, with --verify blob",
    ways: both,
    prepare: lastOnDisk,
    onLoopDevice: true,
    options: "--verify blob",
    damage: "fallocate --punch-hole --offset $((start * 4096)) --length $((half * 2)) $disk",
    affected: "users",
  },
  { name: "whole store deleted", ways: both, damage: 'rm -r "$store"', affected: "all" },
  { name: "whole store moved", ways: both, damage: 'mv "$store" "$store.moved"', affected: "none" },
  {
    name: "whole store's file system unmounted lazily",
    ways: both,
    prepare:
      "mkdir $scratch/lower && mount -t tmpfs none $scratch/lower && cp -a $pristine $scratch/lower/store; store=$scratch/lower/store",
    damage: "umount -l $scratch/lower",
    affected: "none",
  },
];
