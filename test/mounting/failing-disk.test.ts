/**
 * The disk below a store fails while an image is mounted, by device-mapper. Exactly the files on the failing blocks cannot
 * be read, nothing hangs, the log names the blob, and the image can be unmounted. After a repair all can be read again.
 */
import { createHash } from "node:crypto";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import type { Scratch } from "../support/scratch.ts";
import { kernels } from "../kernel/driver.ts";
import { noise } from "@puzzlefs/testing";
import { guestDrivers, guestTest, guestWith, type Material } from "./guest.ts";
import { buildImage, type StoredImage } from "./images.ts";

/** A file of this size is one chunk, of five blocks. */
const small = 20_000;
const blockSize = 4096;
const sectorSize = 512;
const sectorsPerBlock = blockSize / sectorSize;
const ownSeeds = [1, 2, 3, 4, 5, 6];
const sharedSeed = 100;
/** Limit for each read, seconds. An emulated machine on a busy host needs most of it. */
const readTimeout = 240;

interface Failing extends Material {
  sectors: number;
  image: StoredImage;
  /** The blob of `shared-1` and `shared-2`. */
  shared: string;
}

const healthy = (sectors: number): string => `0 ${sectors} linear /dev/vda 0`;

function prepare(scratch: Scratch): Failing {
  const store = scratch.directory("store");
  const tree = scratch.directory("tree");
  mkdirSync(join(tree, "files"));
  for (const seed of ownSeeds) writeFileSync(join(tree, `files/own-${seed}`), noise(seed, small));
  for (const name of ["shared-1", "shared-2"]) writeFileSync(join(tree, "files", name), noise(sharedSeed, small));
  const image = buildImage(store, "oci", tree);
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store);
  const shared = createHash("sha256").update(noise(sharedSeed, small)).digest("hex");
  const sectors = statSync(disk).size / sectorSize;
  const setUp = `modprobe -a dm_mod dm_flakey && umount /store
    dmsetup create store --table '${healthy(sectors)}' && mount -t ext4 -o ro /dev/dm-0 /store`;
  // ext4 reports an unreadable directory block.
  const expected = [/EXT4-fs error/];
  return { disks: [disk], sectors, image, shared, setUp, expected };
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);

  /** Replaces the table below the mounted filesystem, and drops caches. */
  const setTable = (table: string): string => `
    printf '${table}' | dmsetup load store && dmsetup suspend --nolockfs --noflush store && dmsetup resume store
    echo 3 >/proc/sys/vm/drop_caches`;
  /** Names of the files that cannot be read, and of those that take too long. */
  const unreadable = `cd /mnt/files; for name in *; do timeout ${readTimeout} cat $name >/dev/null 2>/tmp/why
    case $? in 0) ;; 1) echo $name; grep -v 'Input/output error' /tmp/why;; *) echo "$name hangs";; esac; done; cd /`;

  for (const driver of guestDrivers) {
    const mount = (image: StoredImage): string =>
      `: >/run/syslog; puzzlefs mount --driver ${driver} ${image.name} /mnt`;

    guestTest(kernel, `${driver}: if blocks of one blob fail, exactly its files cannot be read`, async (t) => {
      const { guest, image, sectors, shared } = await ready();
      const block = Number(await guest.succeed(`lua /verity.lua block /store/oci/blobs/sha256/${shared}`));
      const start = block * sectorsPerBlock;
      const length = Math.ceil(small / blockSize) * sectorsPerBlock;
      const end = start + length;
      await guest.succeed(mount(image));
      await guest.succeed(
        setTable(
          `0 ${start} linear /dev/vda 0\\n${start} ${length} error\\n${end} ${sectors - end} linear /dev/vda ${end}\\n`,
        ),
      );
      const { stdout, log } = await guest.run(unreadable);
      t.is(stdout, "shared-1\nshared-2\n", log);
      const logged = `${await guest.succeed("cat /run/syslog")}${log}`;
      t.true(logged.includes(shared), logged);
      await guest.succeed(setTable(healthy(sectors)));
      t.is(await guest.succeed(unreadable), "");
      await guest.succeed("umount /mnt");
    });

    guestTest(
      kernel,
      `${driver}: while the whole disk is away names stay, content is EIO; it comes back`,
      async (t) => {
        const { guest, image, sectors } = await ready();
        await guest.succeed(mount(image));
        const listing = await guest.succeed("ls -lR /mnt");
        await guest.succeed("cat /mnt/files/own-1 >/dev/null");
        // Zero seconds up, many seconds down.
        await guest.succeed(setTable(`0 ${sectors} flakey /dev/vda 0 0 1000`));
        t.is(await guest.succeed("ls -lR /mnt"), listing);
        const all = [...ownSeeds.map((seed) => `own-${seed}`), "shared-1", "shared-2"];
        const { stdout, log } = await guest.run(unreadable);
        t.is(stdout, all.map((name) => `${name}\n`).join(""), log);
        await guest.succeed(setTable(healthy(sectors)));
        t.is(await guest.succeed(unreadable), "");
        // Unmounted while nothing can be read.
        await guest.succeed(setTable(`0 ${sectors} error`));
        await guest.succeed(`timeout ${readTimeout} umount /mnt`);
        t.is((await guest.run("findmnt /mnt")).status, 1);
        await guest.succeed(setTable(healthy(sectors)));
      },
    );
  }

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store && dmsetup remove store && rmmod puzzlefs");
    await t.notThrowsAsync(guest.machine.close());
  });
}
