/**
 * What happens to the blobs of a store while an image of it is mounted, as a table. Shell commands have `$store`, `$blob`
 * (the path of one of its blobs), `$original` (that blob as it was), `$half` (half its size), and `$scratch`, a directory.
 */
import type { Way } from "./material.ts";

/** Which files cannot be read any more. */
export type Victims =
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
  /** Makes `$store` a copy of `$pristine` in a place of its own, and may choose another `$blob`. */
  place?: string;
  /** Whether that place is a loop device. */
  onLoopDevice?: boolean;
  /** For `puzzlefs mount`. */
  options?: string;
  /** Mounted by the user nobody. */
  asNobody?: boolean;
  /** Whether every file was read before, so that blobs are open. */
  warm?: boolean;
  spoil: string;
  /** Undoes it: then all files are to be read again, through the same mount. */
  mend?: string;
  victims: Victims;
  /** Whether the log cannot be written. */
  withoutLog?: boolean;
}

const raw = ["raw", "packed"] as const;
const compressed = ["zstd", "zstd-packed"] as const;
const both = ["raw", "zstd-packed"] as const;
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
  { name: "deleted", ways: both, spoil: 'rm "$blob"', mend: putBack, victims: "users" },
  { name: "deleted while it is open", ways: both, warm: true, spoil: 'rm "$blob"', victims: "none" },
  {
    name: "cut in half",
    ways: raw,
    spoil: 'truncate -s $half "$blob"',
    mend: putBack,
    victims: "users of the second half",
  },
  { name: "cut in half", ways: compressed, spoil: 'truncate -s $half "$blob"', mend: putBack, victims: "users" },
  {
    name: "cut in half while it is open",
    ways: raw,
    warm: true,
    spoil: 'truncate -s $half "$blob"',
    mend: 'cat "$original" >"$blob"',
    victims: "users of the second half",
  },
  { name: "emptied", ways: both, spoil: 'truncate -s 0 "$blob"', mend: putBack, victims: "users" },
  {
    name: "emptied while it is open",
    ways: ["raw", "zstd"],
    warm: true,
    spoil: 'truncate -s 0 "$blob"',
    mend: 'cat "$original" >"$blob"',
    victims: "users",
  },
  // In raw blobs only verification detects it.
  { name: "replaced by other bytes", ways: compressed, spoil: otherBytes, mend: putBack, victims: "users" },
  {
    name: "replaced by other bytes, with --verify blob",
    ways: ["raw", "zstd", "packed", "zstd-packed"],
    options: "--verify blob",
    spoil: otherBytes,
    mend: putBack,
    victims: "users",
  },
  {
    name: "replaced by a directory",
    ways: both,
    spoil: 'rm "$blob" && mkdir "$blob"',
    mend: putBack,
    victims: "users",
  },
  { name: "replaced by a fifo", ways: both, spoil: 'rm "$blob" && mkfifo "$blob"', mend: putBack, victims: "users" },
  {
    name: "made unreadable for the mount's user",
    ways: both,
    asNobody: true,
    spoil: 'chmod 000 "$blob"',
    mend: 'chmod 644 "$blob"',
    victims: "users",
  },
  {
    name: "deleted, and the log's device is full",
    ways: both,
    place: `
mkdir $scratch/full && mount -t tmpfs -o size=16k none $scratch/full
: >$scratch/full/log; head -c 1M /dev/zero >$scratch/full/filler 2>/dev/null || :
log=$scratch/full/log; cp -a $pristine $store`,
    spoil: 'rm "$blob"',
    mend: putBack,
    victims: "users",
    withoutLog: true,
  },
  {
    name: "on a device that ends before it",
    ways: both,
    place: lastOnDisk,
    onLoopDevice: true,
    spoil: "truncate -s $((start * 4096)) $disk",
    victims: "users",
  },
  {
    name: "on a device that has lost its blocks, with --verify blob",
    ways: both,
    place: lastOnDisk,
    onLoopDevice: true,
    options: "--verify blob",
    spoil: "fallocate --punch-hole --offset $((start * 4096)) --length $((half * 2)) $disk",
    victims: "users",
  },
  { name: "whole store deleted", ways: both, spoil: 'rm -r "$store"', victims: "all" },
  { name: "whole store moved", ways: both, spoil: 'mv "$store" "$store.moved"', victims: "none" },
  {
    name: "whole store's file system unmounted lazily",
    ways: both,
    place:
      "mkdir $scratch/lower && mount -t tmpfs none $scratch/lower && cp -a $pristine $scratch/lower/store; store=$scratch/lower/store",
    spoil: "umount -l $scratch/lower",
    victims: "none",
  },
];
