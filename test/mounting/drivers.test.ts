/** What users see does not depend on what mounts an image: the same tree, the same refusals, the same files lost. */
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

/** Metadata that is refused by each way of reading it: the encoding, a field, a name. */
const rules = ["message-truncated", "inode-kind", "dir-entry-name-slash"];
const smallFiles = 6;
const chunk = 20_000;

interface Prepared {
  disks: [string];
  /** The dump that mounts of `tree` must have. */
  dump: string;
  tree: StoredImage;
  /** One of its chunks is missing, one is cut off. */
  lossy: StoredImage;
  lost: string[];
  /** What cannot be mounted, and the exit code. */
  refused: [what: string, image: string, status: number][];
}

function prepare(scratch: Scratch): Prepared {
  const store = scratch.directory("store");
  const hostile = scratch.fresh("hostile");
  makeHostileTree(hostile, hostileOptions);
  const tree = buildImage(store, "hostile", hostile, ["-c", "--mtime", "keep"]);
  const small = scratch.directory("small");
  for (let i = 0; i < smallFiles; i++) writeFileSync(join(small, `${i}`), noise(i + 1, chunk));
  const lossy = buildImage(store, "lossy", small);
  // Each defect of a layout has a layout of its own.
  for (const name of ["spoiled", "no-metadata", "bad-index"])
    run("cp", ["-a", join(store, "lossy"), join(store, name)]);
  unlinkSync(join(store, "no-metadata/blobs/sha256", lossy.metadata));
  writeFileSync(join(store, "bad-index/index.json"), "{");
  const misnamed = "0123456789abcdef".repeat(4);
  writeFileSync(join(store, "spoiled/blobs/sha256", misnamed), "{}");
  const spoiled = new HostileStore(join(store, "spoiled"));
  const foreign = "a manifest without layers";
  spoiled.manifest(foreign, Buffer.from("{}"));
  for (const { rule, bytes, object } of corpusCases()) {
    if (object === "metadata" && rules.includes(rule)) spoiled.metadata(`metadata: ${rule}`, bytes);
  }
  const refused: Prepared["refused"] = [
    ["no such layout", "/store/none:v1", 1],
    ["no such tag", "/store/spoiled:v2", 1],
    ["no such manifest", `/store/spoiled:${"f".repeat(64)}`, 1],
    ["no metadata", "/store/no-metadata:v1", 3],
    ["an index.json that is no JSON", "/store/bad-index:v1", 3],
    ["a manifest that is not what its name says", `/store/spoiled:${misnamed}`, 3],
    ...spoiled.images.map(({ name, manifest }): [string, string, number] => [
      name,
      `/store/spoiled:${manifest}`,
      name === foreign ? 1 : 3,
    ]),
  ];
  const lost = [1, 3].map((seed) => createHash("sha256").update(noise(seed, chunk)).digest("hex"));
  unlinkSync(join(store, "lossy/blobs/sha256", lost[0] ?? ""));
  truncateSync(join(store, "lossy/blobs/sha256", lost[1] ?? ""), chunk / 2);
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store);
  return { disks: [disk], tree, lossy, lost, refused, dump: dumpDirectory(hostile) };
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);

  guestTest(kernel, "driver and FUSE show the same tree, which is the source's", async (t) => {
    const { guest, tree, dump } = await ready();
    await guest.succeed(`mkdir -p ${drivers.map((driver) => `/mnt/${driver}`).join(" ")}`);
    for (const driver of drivers) {
      await guest.succeed(`mount -t puzzlefs -o driver=${driver} ${tree.name} /mnt/${driver}`);
    }
    const types = await guest.succeed("findmnt -rno TARGET,FSTYPE,SOURCE | grep ^/mnt | sort");
    t.is(types, `/mnt/fuse fuse.puzzlefs ${tree.name}\n/mnt/kernel puzzlefs ${tree.name}\n`);
    await guest.succeed("for driver in fuse kernel; do lua /dump.lua /mnt/$driver >/tmp/dump-$driver & done; wait");
    for (const driver of drivers) assertSameText(t, await guest.succeed(`cat /tmp/dump-${driver}`), dump, driver);
    // What a dump does not have: sizes and counts of the file system, and how directories look.
    for (const look of ["stat -f -c '%S %b %c %l' .", "stat -c '%n %b %B %s %h' *", "ls -lan"]) {
      const seen = (driver: string): Promise<string> => guest.succeed(`cd /mnt/${driver} && ${look}`);
      t.is(await seen("kernel"), await seen("fuse"), look);
    }
    await guest.succeed("umount /mnt/fuse /mnt/kernel");
  });

  guestTest(kernel, "what cannot be mounted is refused with the same words and the same exit code", async (t) => {
    const { guest, refused } = await ready();
    const wrong: string[] = [];
    for (const [what, image, expected] of refused) {
      const { stdout } = await guest.run(`
        for driver in ${drivers.join(" ")}; do
          { puzzlefs mount --driver $driver ${image} /mnt 2>&1; echo "status $?"; } >/tmp/said-$driver &
        done; wait; cat /tmp/said-fuse; echo; cat /tmp/said-kernel`);
      const [fuse = "", driver = ""] = stdout.trim().split("\n\n");
      if (driver !== fuse || !fuse.endsWith(`status ${expected}`)) wrong.push(`${what}: ${stdout}`);
    }
    t.deepEqual(wrong, []);
    await guest.refused(t, `mount -t puzzlefs ${refused[0]?.[1]} /mnt`, 32, /mount.puzzlefs: .*none/);
    t.is((await guest.run("findmnt /mnt")).status, 1);
  });

  guestTest(kernel, "a blob that is missing or cut off costs the same files, and a line in the log", async (t) => {
    const { guest, lossy, lost } = await ready();
    for (const driver of drivers) {
      await guest.succeed(`: >/run/syslog; puzzlefs mount --driver ${driver} ${lossy.name} /mnt`);
      const { stdout, log } = await guest.run("cd /mnt; for file in *; do cat $file >/dev/null || echo $file; done");
      t.is(stdout, "0\n2\n", driver);
      const logged = log + (await guest.succeed("umount /mnt; cat /run/syslog"));
      for (const blob of lost) t.true(logged.includes(blob), `${driver}: ${blob} is not in: ${logged}`);
    }
  });

  guestTest(kernel, "blobs/sha256 may be a link that leads away, as LXC makes it", async (t) => {
    const { guest } = await ready();
    await guest.succeed(`mkdir -p /tmp/far /store/near && cp -a /store/spoiled/blobs/sha256 /tmp/far/ && mkdir -p /tmp/oci/blobs
      cp -a /store/spoiled/blobs/sha256 /store/near/ && cp /store/spoiled/index.json /store/spoiled/oci-layout /tmp/oci/`);
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

  guestTest(kernel, "the machine has nothing to report", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(guest.machine.close());
  });
}
