/** Packed images as users mount them: by the driver, which reads what `mount` stores, and by FUSE where that is not possible. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import { noise } from "@puzzlefs/testing";
import { kernels } from "../kernel/driver.ts";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { attempt, puzzlefs, run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { guestTest, guestWith, type Material } from "./guest.ts";
import { buildImage } from "./images.ts";

interface Prepared extends Material {
  dump: string;
  /** fs-verity digests of the canonical and of the packed manifest. */
  canonical: string;
  packed: string;
}

const layout = "/store/oci";
const image = `${layout}:v1`;

function prepare(scratch: Scratch): Prepared {
  const store = scratch.directory("store");
  const tree = scratch.fresh("tree");
  makeHostileTree(tree, { largeDirectory: 100, sparseBytes: 3_000_000 });
  mkdirSync(join(tree, "own"));
  for (let i = 0; i < 20; i++) writeFileSync(join(tree, `own/${i}`), noise(i + 1, 70_000));
  const { verity: canonical } = buildImage(store, "oci", tree, ["-c", "--mtime", "keep"]);
  run(puzzlefs, ["pack", `${store}/oci:v1`]);
  const { stdout } = attempt(puzzlefs, ["inspect", "--json", `${store}/oci:v1`]);
  const { stored } = JSON.parse(stdout) as { stored: { manifestVerity: string } };
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store);
  return { disks: [disk], dump: dumpDirectory(tree), canonical, packed: stored.manifestVerity };
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);
  const typeOf = "findmnt -no FSTYPE /mnt";
  const optionsOf = "findmnt -no FS-OPTIONS /mnt";
  const blobs = `ls ${layout}/blobs/sha256 | wc -l`;
  const readAll = "find /mnt -type f -exec cat {} + >/dev/null";

  guestTest(kernel, "mount stores what the driver needs, and the mount shows the tree of the source", async (t) => {
    const { guest, dump } = await ready();
    const before = Number(await guest.succeed(blobs));
    for (const command of [`puzzlefs mount ${image} /mnt`, `mount -t puzzlefs ${image} /mnt`]) {
      await guest.succeed(command);
      t.is((await guest.succeed(typeOf)).trim(), "puzzlefs", command);
      t.regex(await guest.succeed(optionsOf), /image_manifest=[0-9a-f]{64},places=[0-9a-f]{64}/);
      assertSameText(t, await guest.succeed("lua /dump.lua /mnt"), dump, command);
      t.is(Number(await guest.succeed(blobs)), before + 2);
      await guest.succeed("mount -o remount,noexec /mnt && umount /mnt");
    }
    await guest.succeed(`puzzlefs gc --grace 0 ${layout}`);
    t.is(Number(await guest.succeed(blobs)), before);
  });

  guestTest(
    kernel,
    "gc keeps what a mount needs of an image without a tag, also below a writable overlay",
    async (t) => {
      const { guest } = await ready();
      await guest.succeed(`cp -a ${layout} /store/other`);
      for (const options of ["", "-w"]) {
        await guest.succeed(
          `puzzlefs mount --driver kernel ${options} /store/other:v1 /mnt; cp /store/other/index.json /tmp/`,
        );
        t.is((await guest.succeed(typeOf)).trim(), options === "" ? "puzzlefs" : "overlay");
        await guest.succeed(`puzzlefs untag /store/other:v1 && puzzlefs gc --grace 0 /store/other`);
        await guest.succeed(`echo 3 >/proc/sys/vm/drop_caches; ${readAll} && umount /mnt`);
        await guest.succeed(`rm -r /store/other && cp -a ${layout} /store/other`);
      }
      await guest.succeed("puzzlefs untag /store/other:v1 && puzzlefs gc --grace 0 /store/other");
      t.is((await guest.succeed("ls /store/other/blobs/sha256")).trim(), "");
      await guest.succeed("rm -r /store/other");
    },
  );

  guestTest(kernel, "a layout that cannot be written to is mounted by FUSE", async (t) => {
    const { guest } = await ready();
    await guest.succeed(`mkdir /fixed && mount --bind ${layout} /fixed && mount -o remount,bind,ro /fixed`);
    await guest.succeed("puzzlefs mount /fixed:v1 /mnt");
    t.is((await guest.succeed(typeOf)).trim(), "fuse.puzzlefs");
    await guest.succeed("umount /mnt");
    const why =
      /the kernel driver cannot mount it: its place table cannot be stored in \/fixed: read-only file system/i;
    await guest.refused(t, "puzzlefs mount --driver kernel /fixed:v1 /mnt", 1, why);
    // What another mount has stored is enough.
    await guest.succeed(
      `puzzlefs mount ${image} /mnt && umount /mnt && puzzlefs mount --driver kernel /fixed:v1 /mnt && ${readAll}`,
    );
    await guest.succeed("umount /mnt /fixed");
  });

  guestTest(kernel, "with the canonical fs-verity digest, the driver hashes chunks", async (t) => {
    const { guest, canonical } = await ready();
    await guest.succeed(`puzzlefs mount --driver kernel -d ${canonical} ${image} /mnt`);
    t.regex(await guest.succeed(optionsOf), /,places=[0-9a-f]{64},verify=blob/);
    await guest.succeed(`${readAll} && umount /mnt`);
  });

  guestTest(kernel, "with that of the packed manifest, packs, metadata and table are measured", async (t) => {
    const { guest, packed } = await ready();
    await guest.refused(t, `puzzlefs mount -d ${packed} ${image} /mnt`, 3, /fs-verity/);
    await guest.succeed(`puzzlefs enable-fs-verity ${image} ${packed} && puzzlefs mount -d ${packed} ${image} /mnt`);
    t.is((await guest.succeed(typeOf)).trim(), kernel === "6.1" ? "fuse.puzzlefs" : "puzzlefs");
    if (kernel !== "6.1") t.regex(await guest.succeed(optionsOf), /,places=[0-9a-f]{64},verity=[0-9a-f]{64}/);
    await guest.succeed(`${readAll} && umount /mnt`);
  });

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(guest.machine.close());
  });
}
