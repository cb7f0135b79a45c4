/** Users see no difference between the driver and FUSE: the same tree, refusals, and unreadable files. */
import { createHash } from "node:crypto";
import { truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import { corpusCases } from "../corpus/corpus.ts";
import { assertSameText, dumpDirectory } from "../support/compare.ts";
import { run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";
import { kernels } from "../kernel/driver.ts";
import { HostileStore } from "../kernel/hostile-images.ts";
import { noise } from "@puzzlefs/testing";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { guestTest, guestWith } from "./guest.ts";
import { buildImage, type StoredImage } from "./images.ts";

const drivers = ["fuse", "kernel"] as const;
const hostileOptions = { largeDirectory: 400, sparseBytes: 3_000_000 };

/** Metadata with an invalid encoding, field, or name. */
const rules = ["message-truncated", "inode-kind", "dir-entry-name-slash"];
const smallFiles = 6;
const chunk = 20_000;

interface Prepared {
  disks: [string];
  /** Expected dump of the mounts of `tree`. */
  dump: string;
  tree: StoredImage;
  /** Its root directory has the layout of `tree`. */
  outer: StoredImage;
  /** One of its chunks is missing, another is truncated. */
  lossy: StoredImage;
  lost: string[];
  /** Images that cannot be mounted, with the exit code. */
  refused: [what: string, image: string, status: number][];
}

function prepare(scratch: Scratch): Prepared {
  const store = scratch.directory("store");
  const hostile = scratch.fresh("hostile");
  makeHostileTree(hostile, hostileOptions);
  const tree = buildImage(store, "hostile", hostile, ["-c", "--mtime", "keep"]);
  const outer = buildImage(store, "outer", join(store, "hostile"));
  const small = scratch.directory("small");
  for (let i = 0; i < smallFiles; i++) writeFileSync(join(small, `${i}`), noise(i + 1, chunk));
  const lossy = buildImage(store, "lossy", small);
  // One layout for each defect.
  for (const name of ["damaged", "no-metadata", "bad-index"])
    run("cp", ["-a", join(store, "lossy"), join(store, name)]);
  unlinkSync(join(store, "no-metadata/blobs/sha256", lossy.metadata));
  writeFileSync(join(store, "bad-index/index.json"), "{");
  const misnamed = "0123456789abcdef".repeat(4);
  writeFileSync(join(store, "damaged/blobs/sha256", misnamed), "{}");
  const damaged = new HostileStore(join(store, "damaged"));
  const foreign = "a manifest without layers";
  damaged.manifest(foreign, Buffer.from("{}"));
  for (const { rule, bytes, object } of corpusCases()) {
    if (object === "metadata" && rules.includes(rule)) damaged.metadata(`metadata: ${rule}`, bytes);
  }
  const refused: Prepared["refused"] = [
    ["no such layout", "/store/none:v1", 1],
    ["no such tag", "/store/damaged:v2", 1],
    ["no such manifest", `/store/damaged:${"f".repeat(64)}`, 1],
    ["no metadata", "/store/no-metadata:v1", 3],
    ["an index.json that is no JSON", "/store/bad-index:v1", 3],
    ["a manifest with another digest than its name", `/store/damaged:${misnamed}`, 3],
    ...damaged.images.map(({ name, manifest }): [string, string, number] => [
      name,
      `/store/damaged:${manifest}`,
      name === foreign ? 1 : 3,
    ]),
  ];
  const lost = [1, 3].map((seed) => createHash("sha256").update(noise(seed, chunk)).digest("hex"));
  unlinkSync(join(store, "lossy/blobs/sha256", lost[0] ?? ""));
  truncateSync(join(store, "lossy/blobs/sha256", lost[1] ?? ""), chunk / 2);
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store);
  return { disks: [disk], tree, outer, lossy, lost, refused, dump: dumpDirectory(hostile) };
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);

  guestTest(kernel, "the driver and FUSE show the tree of the source", async (t) => {
    const { guest, tree, dump } = await ready();
    await guest.succeed(`mkdir -p ${drivers.map((driver) => `/mnt/${driver}`).join(" ")}`);
    for (const driver of drivers) {
      await guest.succeed(`mount -t puzzlefs -o driver=${driver} ${tree.name} /mnt/${driver}`);
    }
    const types = await guest.succeed("findmnt -rno TARGET,FSTYPE,SOURCE | grep ^/mnt | sort");
    t.is(types, `/mnt/fuse fuse.puzzlefs ${tree.name}\n/mnt/kernel puzzlefs ${tree.name}\n`);
    await guest.succeed("for driver in fuse kernel; do lua /dump.lua /mnt/$driver >/tmp/dump-$driver & done; wait");
    for (const driver of drivers) assertSameText(t, await guest.succeed(`cat /tmp/dump-${driver}`), dump, driver);
    // Not in dumps: sizes and counts of the filesystem, and attributes of directories.
    for (const look of ["stat -f -c '%S %b %c %l' .", "stat -c '%n %b %B %s %h' *", "ls -lan"]) {
      const seen = (driver: string): Promise<string> => guest.succeed(`cd /mnt/${driver} && ${look}`);
      t.is(await seen("kernel"), await seen("fuse"), look);
    }
    await guest.succeed("umount /mnt/fuse /mnt/kernel");
  });

  guestTest(kernel, "images that cannot be mounted are refused with the same message and exit code", async (t) => {
    const { guest, refused } = await ready();
    const wrong: string[] = [];
    for (const [what, image, expected] of refused) {
      const { stdout } = await guest.run(`
        for driver in ${drivers.join(" ")}; do
          { puzzlefs mount --driver $driver ${image} /mnt 2>&1; echo "status $?"; } >/tmp/messages-$driver &
        done; wait; cat /tmp/messages-fuse; echo; cat /tmp/messages-kernel`);
      const [fuse = "", driver = ""] = stdout.trim().split("\n\n");
      if (driver !== fuse || !fuse.endsWith(`status ${expected}`)) wrong.push(`${what}: ${stdout}`);
    }
    t.deepEqual(wrong, []);
    await guest.refused(t, `mount -t puzzlefs ${refused[0]?.[1]} /mnt`, 32, /mount.puzzlefs: .*none/);
    t.is((await guest.run("findmnt /mnt")).status, 1);
  });

  guestTest(kernel, "a missing or truncated blob makes the same files unreadable, and is logged", async (t) => {
    const { guest, lossy, lost } = await ready();
    for (const driver of drivers) {
      await guest.succeed(`: >/run/syslog; puzzlefs mount --driver ${driver} ${lossy.name} /mnt`);
      const { stdout, log } = await guest.run("cd /mnt; for file in *; do cat $file >/dev/null || echo $file; done");
      t.is(stdout, "0\n2\n", driver);
      const logged = log + (await guest.succeed("umount /mnt; cat /run/syslog"));
      for (const blob of lost) t.true(logged.includes(blob), `${driver}: ${blob} is not in: ${logged}`);
    }
  });

  guestTest(kernel, "blobs/sha256 may be a link to another directory, as LXC makes it", async (t) => {
    const { guest } = await ready();
    await guest.succeed(`mkdir -p /tmp/far /store/near && cp -a /store/damaged/blobs/sha256 /tmp/far/ && mkdir -p /tmp/oci/blobs
      cp -a /store/damaged/blobs/sha256 /store/near/ && cp /store/damaged/index.json /store/damaged/oci-layout /tmp/oci/`);
    const sums = new Set<string>();
    for (const target of ["/tmp/far/sha256", "/store/near/sha256"]) {
      await guest.succeed(`ln -sfn ${target} /tmp/oci/blobs/sha256`);
      for (const driver of drivers) {
        await guest.succeed(`puzzlefs mount --driver ${driver} /tmp/oci:v1 /mnt`);
        sums.add(await guest.succeed("cd /mnt && sha256sum * && cd / && umount /mnt"));
      }
    }
    t.is(sums.size, 1);
    await guest.succeed("rm -r /tmp/far /tmp/oci /store/near");
  });

  guestTest(
    kernel,
    "the driver reads stores on other file systems, also those that do direct reads in another way",
    async (t) => {
      const { guest, outer, dump } = await ready();
      const stores = {
        fuse: `puzzlefs mount --driver fuse ${outer.name} /tmp/store`,
        overlay: "mkdir /tmp/empty && mount -t overlay -o lowerdir=/tmp/empty:/store/hostile overlay /tmp/store",
        tmpfs: "mount -t tmpfs tmpfs /tmp/store && cp -a /store/hostile/. /tmp/store",
      };
      for (const [what, mount] of Object.entries(stores)) {
        await guest.succeed(`mkdir -p /tmp/store && ${mount} && puzzlefs mount --driver kernel /tmp/store:v1 /mnt`);
        assertSameText(t, await guest.succeed("echo 3 >/proc/sys/vm/drop_caches; lua /dump.lua /mnt"), dump, what);
        await guest.succeed("umount /mnt && umount /tmp/store");
      }
    },
  );

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(guest.machine.close());
  });
}
