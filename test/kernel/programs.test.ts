/**
 * Programs in an image that the driver has mounted: a Debian root, entered by chroot(8), as the lower layer of an overlay,
 * and with idmapped owners.
 */
import { manifestOf, type Machine, storeDisk } from "@puzzlefs/qemu";
import test from "ava";
import { build } from "../support/images.ts";
import { debianRoot, missing } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

/** Changes through the overlay, and how the tree must look afterwards with any overlay options. */
const changeThroughOverlay = `
  cd /over/root
  echo changed >etc/hostname
  echo more >>etc/passwd
  chmod 600 etc/group
  rm usr/bin/perl
  rm -r usr/share/doc
  mv etc/debian_version etc/renamed
  mkdir usr/share/doc
  ln etc/shells etc/shells-again
  sync`;
const looksChanged = `
  set -x
  cd /over/root
  test "$(cat etc/hostname)" = changed
  test "$(tail -n 1 etc/passwd)" = more
  test "$(stat -c %a etc/group)" = 600
  test ! -e usr/bin/perl
  test -z "$(ls -A usr/share/doc)"
  cmp etc/renamed /mnt/etc/debian_version
  test etc/shells -ef etc/shells-again
  test "$(stat -c %a /mnt/etc/group)" = 644
  chroot . /bin/bash -c 'echo $((6 * 7))' | grep -qx 42`;

const overlays: [name: string, options: string][] = [
  ["default options", ""],
  ["index, nfs_export, xino", ",index=on,nfs_export=on,xino=on,redirect_dir=nofollow"],
  ["metacopy, redirect_dir", ",metacopy=on,redirect_dir=on"],
];

for (const kernel of kernels) {
  if (missingFor(kernel) !== "" || missing(debianRoot).length > 0) {
    test.skip(`${kernel}: programs in a Debian root (needs a kernel and a Debian root)`, () => undefined);
    continue;
  }
  const scratch = new Scratch();
  let running: Machine | undefined;
  const machine = (): Machine => {
    if (running === undefined) throw new Error("the machine did not boot");
    return running;
  };
  test.after.always(() => {
    running?.kill();
    scratch.remove();
  });

  kernelTest(kernel, "a Debian root is mounted", async (t) => {
    const store = scratch.directory("store");
    build(debianRoot, `${store}/oci:v1`, "-c", "--mtime", "keep");
    const disk = storeDisk(store);
    t.teardown(() => disk.remove());
    running = await bootDriver(kernel, { disks: [disk] });
    await mountImage(running, "oci", manifestOf(`${store}/oci`, "v1"), "/mnt");
    await running.succeed("modprobe overlay");
    t.pass();
  });

  kernelTest(kernel, "programs run from the image: dynamic linker, mmap, fork, devices", async (t) => {
    const chroot = (command: string): Promise<string> => machine().succeed(`chroot /mnt ${command}`);
    t.regex(await chroot("/usr/bin/dpkg -l"), /\nii {2}bash +\S+/);
    t.is(await chroot(`/usr/bin/perl -MPOSIX -e 'my $p = fork // die; if (!$p) { exit 7 } wait; print $? >> 8, " ok\\n"'`), "7 ok\n");
    // apt-cache needs a writable /tmp.
    await machine().succeed("mount -t tmpfs none /mnt/tmp");
    t.regex(await chroot("/usr/bin/apt-cache policy bash"), /Installed: \d/);
    await machine().succeed("umount /mnt/tmp");
    t.is(await chroot("/bin/bash -c 'echo to null >/dev/null; head -c 4 /dev/zero | wc -c; ls /etc/*release | wc -l'"), "4\n1\n");
    t.is(await chroot("/usr/bin/tar -cf - -C /etc . | wc -c").then((size) => Number(size) > 100_000), true);
  });

  for (const [name, options] of overlays) {
    kernelTest(kernel, `lower layer of an overlay: ${name}`, async (t) => {
      const { log } = await machine().run(`
        mkdir -p /over && mount -t tmpfs none /over && mkdir /over/upper /over/work /over/root
        mount -t overlay -o lowerdir=/mnt,upperdir=/over/upper,workdir=/over/work${options} none /over/root`);
      t.notRegex(log, /fall(?:s|ing)? back|not supported/i, log);
      await machine().succeed(`set -e\n${changeThroughOverlay}\n${looksChanged}`);
      // Without the dentry cache, everything is looked up again.
      await machine().succeed(`set -e
        umount /over/root; echo 3 >/proc/sys/vm/drop_caches
        mount -t overlay -o lowerdir=/mnt,upperdir=/over/upper,workdir=/over/work${options} none /over/root
        ${looksChanged}
        cd /; umount /over/root /over`);
    });
  }

  kernelTest(kernel, "an overlay of lower layers only", async (t) => {
    await machine().succeed(`set -e
      mkdir -p /over; mount -t overlay -o lowerdir=/mnt/etc:/mnt/usr/lib none /over
      cmp /over/passwd /mnt/etc/passwd; cmp /over/apt/methods/http /mnt/usr/lib/apt/methods/http
      test -d /over/apt/apt.conf.d
      umount /over`);
    t.pass();
  });

  kernelTest(kernel, "an idmapped mount shows mapped owners, and the original mount the original ones", async (t) => {
    const owners = await machine().succeed(`set -e
      unshare -U sleep 1000 & process=$!
      until [ "$(readlink /proc/$process/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.1; done
      echo 0 100000 65536 >/proc/$process/uid_map; echo 0 200000 65536 >/proc/$process/gid_map
      mkdir -p /mapped; lua /idmap.lua /mnt /mapped /proc/$process/ns/user
      stat -c %u:%g /mapped/etc/passwd /mapped/etc/shadow /mnt/etc/shadow
      sha256sum </mapped/etc/passwd; sha256sum </mnt/etc/passwd
      umount /mapped; kill $process`);
    const [passwd, shadow, itself, one, other] = owners.trim().split("\n");
    t.deepEqual([passwd, shadow, itself], ["100000:200000", "100000:200042", "0:42"]);
    t.is(one, other);
  });

  kernelTest(kernel, "everything can be unmounted, and the kernel reported no fault", async (t) => {
    await machine().succeed("umount /mnt /store && rmmod puzzlefs");
    await t.notThrowsAsync(machine().close());
  });
}
