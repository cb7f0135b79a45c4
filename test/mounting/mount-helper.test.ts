/** mount(8) and /etc/fstab with the installed helper, by the driver if it is installed, else by FUSE. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import type { Scratch } from "../support/scratch.ts";
import { kernels } from "../kernel/driver.ts";
import { noise } from "@puzzlefs/testing";
import { type Guest, guestTest, guestWith, type Material, guestDrivers } from "./guest.ts";
import { buildImage, type StoredImage } from "./images.ts";

const drivers = ["fuse", "kernel"] as const;
const types = { fuse: "fuse.puzzlefs", kernel: "puzzlefs" } as const;

function prepare(scratch: Scratch): Material & { image: StoredImage } {
  const store = scratch.directory("store");
  const tree = scratch.directory("tree");
  mkdirSync(join(tree, "directory"));
  for (let i = 0; i < 5; i++) writeFileSync(join(tree, `directory/${i}`), noise(i + 1, 30_000));
  symlinkSync("directory", join(tree, "link"));
  const image = buildImage(store, "oci", tree, ["-c"]);
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store);
  return { disks: [disk], image, setUp: "mkdir -p /mnt/a /mnt/b /mnt/c" };
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);
  /** TYPE SOURCE OPTIONS of the mount on a directory; empty if there is none. */
  const mountLine = async (guest: Guest, at: string): Promise<string> =>
    (await guest.run(`findmnt -rno FSTYPE,SOURCE,OPTIONS ${at}`)).stdout.trim();
  const modulePath = "/usr/lib/modules/$(uname -r)/puzzlefs.ko";
  const hideModule = `rmmod puzzlefs; mv ${modulePath} /run/ && depmod`;
  const showModule = `mv /run/puzzlefs.ko ${modulePath} && depmod`;

  guestTest(kernel, "mount(8) loads the driver and mounts by it; every way to name an image", async (t) => {
    const { guest, image } = await ready();
    t.is(await guest.succeed("lsmod | grep -c ^puzzlefs || true"), "0\n");
    const [layout, manifest] = [image.layout, image.manifest];
    const ways: [command: string, source: string][] = [
      [`mount -t puzzlefs -o oci_root_dir=${layout},image_manifest=${manifest} none /mnt/a`, "none"],
      [`mount -t puzzlefs -o oci_root_dir=${layout},tag=v1 some-name /mnt/a`, "some-name"],
      [`mount -t puzzlefs ${image.name} /mnt/a -o verify=blob,nosuid,nodev`, image.name],
      // Without the helper, as mount(8) of busybox.
      [`mount -i -t puzzlefs -o oci_root_dir=${layout},image_manifest=${manifest} none /mnt/a`, "none"],
      [`puzzlefs mount ${layout}:${manifest} /mnt/a`, `${layout}:${manifest}`],
    ];
    const sums = new Set<string>();
    for (const [command, source] of ways) {
      await guest.succeed(command);
      const options = `oci_root_dir=${layout},image_manifest=${manifest}`;
      const [type, from, found = ""] = (await mountLine(guest, "/mnt/a")).split(" ");
      t.deepEqual([type, from], ["puzzlefs", source], command);
      t.true(found.startsWith("ro,") && found.includes(options), `${command}: ${found}`);
      // Without the helper, mount(8) handles all flags.
      t.is(found.startsWith("ro,nosuid,nodev,"), !command.includes("mount -i"), found);
      t.is(found.includes("verify=blob"), command.includes("verify=blob"), found);
      sums.add(await guest.succeed("cd /mnt/a && sha256sum link/* && cd / && umount /mnt/a"));
    }
    t.is(sums.size, 1);
  });

  guestTest(kernel, "without the module FUSE mounts, with the same commands and tree", async (t) => {
    const { guest, image } = await ready();
    await guest.succeed(`mount -t puzzlefs ${image.name} /mnt/b`);
    const sums = await guest.succeed(`cd /mnt/b; sha256sum link/*; cd /; umount /mnt/b; ${hideModule}`);
    try {
      for (const [command, source] of [
        [
          `mount -t puzzlefs -o oci_root_dir=${image.layout},image_manifest=${image.manifest},nosuid none /mnt/a`,
          "none",
        ],
        [`puzzlefs mount -o nosuid ${image.name} /mnt/a`, image.name],
      ] as const) {
        await guest.succeed(command);
        t.regex(await mountLine(guest, "/mnt/a"), new RegExp(`^fuse.puzzlefs ${source} ro,nosuid,`), command);
        t.is(await guest.succeed("cd /mnt/a && sha256sum link/*; cd / && umount /mnt/a"), sums);
      }
      await guest.refused(
        t,
        `puzzlefs mount --driver kernel ${image.name} /mnt/a`,
        1,
        /the kernel driver cannot mount it/,
      );
      await guest.succeed("mv /dev/fuse /dev/no-fuse");
      const nothing = /fuse.*nor by the kernel driver/s;
      await guest.refused(t, `mount -t puzzlefs ${image.name} /mnt/a`, 32, nothing);
      t.is(await mountLine(guest, "/mnt/a"), "");
    } finally {
      await guest.run(`mv /dev/no-fuse /dev/fuse; ${showModule}`);
    }
    // FUSE on request, and for options that only FUSE has.
    for (const command of [
      `mount -t fuse.puzzlefs ${image.name} /mnt/a`,
      `mount -t puzzlefs -o uid=7,gid=8 ${image.name} /mnt/a`,
    ]) {
      await guest.succeed(command);
      t.regex(await mountLine(guest, "/mnt/a"), /^fuse.puzzlefs /, command);
      t.is(
        await guest.succeed("stat -c %u:%g /mnt/a/link/1; umount /mnt/a"),
        command.includes("uid=") ? "7:8\n" : "0:0\n",
      );
    }
    await guest.refused(t, `mount -t puzzlefs -o driver=kernel,uid=7 ${image.name} /mnt/a`, 32, /uid: only FUSE/);
  });

  guestTest(
    kernel,
    "/etc/fstab: mount -a, mount MNT, umount MNT, noauto, nofail and options for other programs",
    async (t) => {
      const { guest, image } = await ready();
      const named = `oci_root_dir=${image.layout},image_manifest=${image.manifest}`;
      const lines = [
        `${image.name} /mnt/a puzzlefs defaults,nofail,_netdev,x-systemd.requires-mounts-for=/store,x-systemd.automount 0 0`,
        `none /mnt/b puzzlefs ro,${named},driver=fuse,nodev,comment=ours 0 0`,
        `${image.name} /mnt/c puzzlefs noauto,nosuid,X-mount.mkdir,persist=/store/upper-c 0 0`,
      ];
      await guest.succeed(`cat >/etc/fstab <<-END\n${lines.join("\n")}\nEND`);
      await guest.succeed("mount -a");
      const look = (): Promise<string[]> => guest.lines("findmnt -rno TARGET,FSTYPE | grep ^/mnt/ | sort || true");
      const both = ["/mnt/a puzzlefs", "/mnt/b fuse.puzzlefs"];
      t.deepEqual(await look(), both);
      // A second mount -a mounts nothing.
      await guest.succeed("mount -a");
      t.deepEqual(await look(), both);
      await guest.succeed("mount /mnt/c && echo new >/mnt/c/link/new");
      t.regex(await mountLine(guest, "/mnt/c"), new RegExp(`^overlay ${image.name} rw,nosuid,`));
      await guest.succeed(
        "umount /mnt/c && mount /mnt/c && grep new /mnt/c/directory/new && umount /mnt/a /mnt/b /mnt/c",
      );
      t.deepEqual(await look(), []);
      // A missing image is reported, and the others are mounted.
      await guest.succeed(`sed -i '1s/:v1/:v9/' /etc/fstab`);
      await guest.refused(t, "mount -a", 64, /mount.puzzlefs: .*v9/);
      t.deepEqual(await look(), ["/mnt/b fuse.puzzlefs"]);
      await guest.succeed("umount -a -t fuse.puzzlefs,puzzlefs; : >/etc/fstab");
      t.deepEqual(await look(), []);
    },
  );

  guestTest(
    kernel,
    "remount: flags change, what is read-only stays so, an overlay becomes read-only and writable",
    async (t) => {
      const { guest, image } = await ready();
      for (const driver of drivers) {
        await guest.succeed(`mount -t puzzlefs -o driver=${driver} ${image.name} /mnt/a`);
        await guest.succeed("mount -o remount,ro,noexec /mnt/a");
        t.regex(await mountLine(guest, "/mnt/a"), new RegExp(`^${types[driver]} ${image.name} ro,nosuid,nodev,noexec`));
        await guest.run("mount -o remount,rw /mnt/a");
        await guest.refused(t, "touch /mnt/a/new", 1, /Read-only file system/);
        t.regex(await mountLine(guest, "/mnt/a"), / ro,/);
        await guest.succeed("cat /mnt/a/link/* >/dev/null && umount /mnt/a");
      }
      await guest.succeed(`mount -t puzzlefs -o writable ${image.name} /mnt/a && touch /mnt/a/new`);
      // Without `bind`, newer mount(8) repeats the overlay's options, which overlayfs refuses.
      await guest.succeed("mount -o remount,bind,ro /mnt/a");
      await guest.refused(t, "touch /mnt/a/newer", 1, /Read-only file system/);
      await guest.succeed("mount -o remount,bind,rw /mnt/a && touch /mnt/a/newer && umount /mnt/a");
    },
  );

  for (const driver of guestDrivers) {
    guestTest(
      kernel,
      `${driver}: writable mounts; a plain umount leaves nothing, --persist keeps the changes`,
      async (t) => {
        const { guest, image } = await ready();
        const leftovers =
          "findmnt -rno TARGET,FSTYPE; ls -A /tmp; ls -d /run/puzzlefs*; ps -eo stat,args | grep -v ' [Z]\\| \\[' | grep [p]uzzlefs";
        const before = (await guest.run(leftovers)).stdout;
        const change =
          "echo changed >/mnt/a/directory/1 && rm /mnt/a/directory/2 && mkdir /mnt/a/made && mv /mnt/a/link /mnt/a/made/";
        const look = "cd /mnt/a && find . | sort && sha256sum directory/*; cd /";
        // Changes are kept in memory.
        await guest.succeed(`puzzlefs mount --driver ${driver} -w ${image.name} /mnt/a`);
        t.regex(await mountLine(guest, "/mnt/a"), new RegExp(`^overlay ${image.name} rw,`));
        const original = await guest.succeed(look);
        await guest.succeed(`${change} && umount /mnt/a`);
        const gone = `for i in $(seq 1000); do [ "$(${leftovers})" != "$wanted" ] || break; sleep 0.1; done; ${leftovers}`;
        const expectNothing = async (): Promise<void> => {
          const { stdout } = await guest.run(`wanted='${before.trimEnd()}'; ${gone}`);
          t.is(stdout, before);
        };
        await expectNothing();
        // Changes are kept in a directory, which is created.
        const persistent = `mount -t puzzlefs -o driver=${driver},persist=/store/upper-${driver} ${image.name} /mnt/a`;
        await guest.succeed(persistent);
        t.is(await guest.succeed(look), original);
        await guest.succeed(change);
        const changed = await guest.succeed(look);
        t.not(changed, original);
        await guest.succeed("umount /mnt/a");
        await expectNothing();
        await guest.succeed(persistent);
        t.is(await guest.succeed(look), changed);
        if (driver === "fuse") {
          // Its daemon dies; the mount can still be unmounted.
          await guest.succeed("kill -9 $(ps -eo pid,args | awk '/[p]uzzlefs/ { print $1 }')");
          const cold = "echo 3 >/proc/sys/vm/drop_caches; cat /mnt/a/directory/3 >/dev/null";
          await guest.refused(t, cold, 1, /not connected/);
        }
        await guest.succeed("puzzlefs umount /mnt/a");
        await expectNothing();
        await guest.succeed("rm -r /store/upper-*");
      },
    );
  }

  guestTest(kernel, "a store on an overlay: the driver mounts it, a writable mount is by FUSE", async (t) => {
    const { guest } = await ready();
    // The machine's root directory is an overlay, on which one more filesystem can be stacked.
    await guest.succeed("cp -a /store/oci /root/oci && puzzlefs mount /root/oci:v1 /mnt/a");
    t.regex(await mountLine(guest, "/mnt/a"), /^puzzlefs /);
    const sums = await guest.succeed("cd /mnt/a && sha256sum link/* && cd / && umount /mnt/a");
    await guest.succeed("puzzlefs mount -w /root/oci:v1 /mnt/a && echo new >/mnt/a/link/new && rm /mnt/a/link/new");
    t.is(await guest.succeed("cd /mnt/a && sha256sum link/* && cd / && umount /mnt/a && rm -r /root/oci"), sums);
  });

  guestTest(kernel, "an ordinary user mounts by fstab's `user`, and unmounts it", async (t) => {
    const { guest, image } = await ready();
    await guest.succeed(`mkdir -p /home/user/mnt && chown -R 1000:1000 /home/user
      echo user:x:1000:1000::/home/user:/bin/sh >>/etc/passwd
      echo "${image.name} /home/user/mnt puzzlefs noauto,user 0 0" >/etc/fstab`);
    const asUser = (command: string): string => `setpriv --reuid=1000 --regid=1000 --clear-groups -- ${command}`;
    await guest.succeed(asUser("mount /home/user/mnt"));
    t.regex(await mountLine(guest, "/home/user/mnt"), /^fuse.puzzlefs \S+ ro,nosuid,nodev,.*user_id=1000/);
    await guest.succeed(`${asUser("cat /home/user/mnt/link/1")} >/dev/null`);
    await guest.succeed(asUser("umount /home/user/mnt"));
    t.is(await mountLine(guest, "/home/user/mnt"), "");
  });

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store && { rmmod puzzlefs || ! grep ^puzzlefs /proc/modules; }");
    await t.notThrowsAsync(guest.machine.close());
  });
}
