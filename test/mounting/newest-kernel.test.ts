/** FUSE servers start in a tree of mounts that no process can change. What keeps that tree together depends on the kernel: here the newest one. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image } from "@puzzlefs/qemu";
import { puzzlefs, run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";
import { guestTest, guestWith, type Material } from "./guest.ts";

const SPARE = 16 << 20;

function prepare(scratch: Scratch): Material {
  const store = scratch.directory("store");
  const tree = scratch.fresh("tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "file"), "content");
  run(puzzlefs, ["build", tree, `${join(store, "oci")}:v1`]);
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store, SPARE);
  return { disks: [disk] };
}

const kernel = "7";
const ready = guestWith(kernel, prepare);
const processes = 'pgrep -f "^puzzlefs (mount|serve|share)"';

for (const options of ["", "--supervise", "--shared"]) {
  guestTest(kernel, `a FUSE server serves, from files that are read-only: ${options || "alone"}`, async (t) => {
    const { guest } = await ready();
    await guest.succeed(`puzzlefs mount --driver fuse ${options} /store/oci:v1 /mnt`);
    t.is(await guest.succeed("cat /mnt/file"), "content");
    t.is(
      await guest.succeed(`for process in $(${processes}); do [ ! -w /proc/$process/exe ] || echo $process; done`),
      "",
    );
    if (options !== "") {
      await guest.succeed('kill -9 $(pgrep -f "^puzzlefs serve") && echo 3 >/proc/sys/vm/drop_caches');
      t.is(await guest.succeed("cat /mnt/file"), "content");
    }
    await guest.succeed("umount /mnt");
  });
}

guestTest(kernel, "the kernel reported no fault", async (t) => {
  const { guest } = await ready();
  await guest.succeed("umount /store");
  await t.notThrowsAsync(guest.machine.close());
});
