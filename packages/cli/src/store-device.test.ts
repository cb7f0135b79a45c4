/** After an unmount the file system that holds the store is free. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import test from "ava";
import { mountTest, withImage } from "./mount-fixture.ts";

const hasDisks = spawnSync("unshare", ["--mount", "sh", "-c", "command -v mkfs.ext4 && losetup -f"]).status === 0;
const onDisk = hasDisks ? mountTest : test.skip;

// In a mount namespace of its own: copies of the disk's mount in others would keep it.
for (const [options, rounds] of [
  ["", 20],
  ["-w", 5],
  ["--supervise", 5],
  ["-p up", 5],
  ["--supervise -w", 5],
] as const) {
  onDisk(`the store's file system can be unmounted at once, ${rounds} times: mount ${options}`, async (t) => {
    using directory = await withImage(t);
    mkdirSync(directory.path("disk"));
    const { code, stdout, stderr } = await directory.shell(`
      truncate -s 20M image; mkfs.ext4 -q image
      unshare --mount bash -c "$(declare -f puzzlefs)
        set -e
        mount -o loop image disk; cp -a store disk; umount disk
        for i in {1..${rounds}}; do
          mount -o loop image disk
          puzzlefs mount --driver fuse ${options} disk/store:v1 mnt
          cat mnt/file >/dev/null
          puzzlefs umount mnt
          umount disk || { echo busy; umount -l disk; }
        done"`);
    t.deepEqual([code, stdout], [0, ""], stderr);
  });
}
