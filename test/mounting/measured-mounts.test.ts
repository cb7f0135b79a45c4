/**
 * Mounts that require fs-verity (-d, verity=), by FUSE and by the driver: every blob is measured when it is opened. One
 * with another digest is EIO for exactly the files that need it.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import type { ExecutionContext } from "ava";
import type { Scratch } from "../support/scratch.ts";
import { kernels } from "../kernel/driver.ts";
import { noise } from "@puzzlefs/testing";
import { type Guest, guestTest, guestWith, type Material, guestDrivers } from "./guest.ts";
import { buildImage, type StoredImage } from "./images.ts";

/** A file of this size is one chunk; equal files share its blob. */
const small = 20_000;
/** Several chunks. */
const large = 700_000;
const ownSeeds = [1, 2, 3, 4];
const sharedSeed = 100;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const blobOf = (seed: number): string => sha256(noise(seed, small));

const drivers = ["fuse", "kernel"] as const;
type Driver = (typeof drivers)[number];
const types: Readonly<Record<Driver, string>> = { fuse: "fuse.puzzlefs", kernel: "puzzlefs" };

/** Names of the files that cannot be read to their end. */
const unreadable = "cd /mnt/files; for name in *; do cat $name >/dev/null 2>&1 || echo $name; done; cd /";

function prepare(scratch: Scratch): Material & { image: StoredImage; other: StoredImage } {
  const store = scratch.directory("store");
  const tree = scratch.directory("tree");
  mkdirSync(join(tree, "files"));
  for (const seed of ownSeeds) writeFileSync(join(tree, `files/own-${seed}`), noise(seed, small));
  for (const name of ["shared-1", "shared-2"]) writeFileSync(join(tree, "files", name), noise(sharedSeed, small));
  writeFileSync(join(tree, "files/large"), noise(200, large));
  const image = buildImage(store, "oci", tree);
  const other = buildImage(store, "other", tree, ["-c"]);
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store);
  return { disks: [disk], image, other };
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);

  const blobPath = (digest: string): string => `/store/oci/blobs/sha256/${digest}`;
  /** Replaces a blob by a copy without fs-verity; `restore` undoes that. */
  const replace = (digest: string): string =>
    `mv ${blobPath(digest)} /store/kept && cp /store/kept ${blobPath(digest)}`;
  const restore = (digest: string): string => `mv /store/kept ${blobPath(digest)}`;
  /** Log of the daemon and of the kernel since the last call. */
  const takeLog = (guest: Guest): Promise<string> => guest.succeed("cat /run/syslog; : >/run/syslog");

  guestTest(kernel, "an image without fs-verity is refused by the driver and by FUSE", async (t) => {
    const { guest, image } = await ready();
    const message = /manifest.*fs-verity|fs-verity.*manifest/;
    await guest.refused(t, `puzzlefs mount --driver fuse -d ${image.verity} ${image.name} /mnt`, 3, message);
    await guest.refused(t, `puzzlefs mount -d ${image.verity} ${image.name} /mnt`, 3, message);
    await guest.refused(t, `mount -t puzzlefs -o verity=${image.verity} ${image.name} /mnt`, 32, message);
    t.is((await guest.run("findmnt /mnt")).status, 1);
    await guest.succeed(`puzzlefs enable-fs-verity ${image.name} ${image.verity}`);
  });

  guestTest(kernel, "the driver mounts it if it can measure, else FUSE", async (t) => {
    const { guest, image } = await ready();
    const expected = kernel === "6.1" ? "fuse.puzzlefs" : "puzzlefs";
    for (const command of [
      `puzzlefs mount -d ${image.verity} ${image.name} /mnt`,
      `mount -t puzzlefs -o ro,oci_root_dir=${image.layout},image_manifest=${image.manifest},verity=${image.verity} none /mnt`,
    ]) {
      await guest.succeed(`${replace(blobOf(1))} && ${command}`);
      t.is((await guest.succeed("findmnt -no FSTYPE /mnt")).trim(), expected, command);
      t.is(await guest.succeed(unreadable), "own-1\n");
      await guest.succeed(`umount /mnt && ${restore(blobOf(1))}`);
    }
    if (kernel !== "6.1") return;
    const insisting = `puzzlefs mount --driver kernel -d ${image.verity} ${image.name} /mnt`;
    await guest.refused(t, insisting, 1, /this kernel does not/);
  });

  for (const driver of guestDrivers) if (driver !== "kernel" || kernel !== "6.1") declareFor(driver);

  function declareFor(driver: Driver): void {
    const mountCommand = ({ name, verity }: StoredImage): string =>
      `puzzlefs mount --driver ${driver} -d ${verity} ${name} /mnt`;
    const mounted = async (t: ExecutionContext, guest: Guest, image: StoredImage): Promise<void> => {
      await takeLog(guest);
      await guest.succeed(mountCommand(image));
      t.is((await guest.succeed("findmnt -no FSTYPE /mnt")).trim(), types[driver]);
    };
    /** Mounts, and expects exactly these files to be unreadable, with a line in the log that names the blob. */
    const expectUnreadable = async (t: ExecutionContext, blob: string, files: string[], why: RegExp): Promise<void> => {
      const { guest, image } = await ready();
      await mounted(t, guest, image);
      const { stdout, log } = await guest.run(unreadable);
      const logged = (await takeLog(guest)) + log;
      t.deepEqual(
        stdout.split("\n").filter((name) => name !== ""),
        files,
        logged,
      );
      const lines = logged.split("\n").filter((line) => line.includes(blob));
      t.true(lines.length > 0, logged);
      for (const line of lines) t.regex(line, why);
      await guest.succeed("umount /mnt");
    };

    guestTest(kernel, `${driver}: all files are readable if all blobs have fs-verity`, async (t) => {
      const { guest, image, other } = await ready();
      await mounted(t, guest, image);
      t.is(await guest.succeed(unreadable), "");
      t.is(await takeLog(guest), "");
      const sums = await guest.succeed("sha256sum /mnt/files/* && umount /mnt");
      if (driver === guestDrivers[0]) await guest.succeed(`puzzlefs enable-fs-verity ${other.name} ${other.verity}`);
      await mounted(t, guest, other);
      t.is(await guest.succeed("sha256sum /mnt/files/* && umount /mnt"), sums);
    });

    guestTest(
      kernel,
      `${driver}: a blob without fs-verity, or with another digest, is EIO for its files`,
      async (t) => {
        const { guest } = await ready();
        await guest.succeed(replace(blobOf(sharedSeed)));
        await expectUnreadable(t, blobOf(sharedSeed), ["shared-1", "shared-2"], /not enabled|no fs-verity/);
        await guest.succeed(restore(blobOf(sharedSeed)));
        // Of the same size, with other content and fs-verity.
        const blob = blobOf(2);
        await guest.succeed(`${replace(blob)} && printf X | dd of=${blobPath(blob)} bs=1 seek=100 conv=notrunc 2>/dev/null
        fsverity enable ${blobPath(blob)}`);
        await expectUnreadable(t, blob, ["own-2"], /measured|fs-verity/);
        await guest.succeed(restore(blob));
      },
    );

    guestTest(kernel, `${driver}: a byte changed on the disk is EIO for its file`, async (t) => {
      const { guest, image } = await ready();
      const blob = blobOf(3);
      const original = noise(3, small).readUInt8(100);
      const poke = (byte: number): string => `
        block=$(lua /verity.lua block ${blobPath(blob)})
        printf '\\${byte.toString(8).padStart(3, "0")}' | dd of=/dev/vda bs=1 seek=$((block * 4096 + 100)) conv=notrunc 2>/dev/null
        sync; echo 3 >/proc/sys/vm/drop_caches`;
      await guest.succeed(poke(~original & 0xff));
      await mounted(t, guest, image);
      t.is(await guest.succeed(unreadable), "own-3\n");
      await guest.succeed(`umount /mnt; ${poke(original)}`);
      await mounted(t, guest, image);
      t.is(await guest.succeed(unreadable), "");
      await guest.succeed("umount /mnt");
    });

    guestTest(
      kernel,
      `${driver}: the wrong digest, and a manifest or metadata without fs-verity, are refused`,
      async (t) => {
        const { guest, image } = await ready();
        const wrong = { ...image, verity: "0".repeat(64) };
        await guest.refused(t, mountCommand(wrong), 3, new RegExp(`manifest sha256:${image.manifest}`));
        for (const blob of [image.manifest, image.metadata]) {
          await guest.succeed(replace(blob));
          await guest.refused(t, mountCommand(image), 3, new RegExp(`sha256:${blob} .*fs-verity`));
          await guest.succeed(restore(blob));
        }
        t.is((await guest.run("findmnt /mnt")).status, 1);
      },
    );
  }

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store");
    await t.notThrowsAsync(guest.machine.close());
  });
}
