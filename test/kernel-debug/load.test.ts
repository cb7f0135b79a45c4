/**
 * Under the debug kernel, several processes read images while caches are dropped and mounts detached; then again while one
 * in ten allocations of the driver fails. All data read are correct, and no checker of the kernel reports anything.
 */
import { execFileSync } from "node:child_process";
import { manifestOf, mountCommand, storeDisk } from "@puzzlefs/qemu";
import { addJoined } from "../posix/joined.ts";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { bootDebugMachine, debugTest, unloadAndFindLeaks } from "./debug-machine.ts";

const images: readonly { name: string; options: string[]; more?: string }[] = [
  { name: "raw", options: [], more: "verify=blob" },
  // Its files share their pages with those of "raw".
  { name: "kept", options: ["--mtime", "keep"], more: "verify=blob" },
  { name: "zstd", options: ["-c", "--frame-size", "16384"] },
  // Its blobs have many chunks.
  { name: "joined", options: ["-c", "--chunking", "stream"], more: "verify=blob" },
];
const minutes = 60_000;

/** Reads all files by read(2); writes a checksum for each one that could be read to its end. */
const readAll = (at: string, to: string): string =>
  `(cd ${at} && find . -xdev -type f -size -300k -print0 | xargs -0 sha256sum >${to} 2>/dev/null) || :`;

/** Fails if a list contains a wrong checksum. */
const onlyRight = (list: string): string => `if grep -vxF -f /tmp/right ${list}; then exit 1; fi`;

/** Restricts faults to calls from the driver: it is the only module, and no other code has higher addresses. */
const choose = [
  "cd /sys/kernel/debug",
  "for kind in failslab fail_page_alloc; do cd $kind",
  "cat /sys/module/puzzlefs/sections/.text >require-start; echo 0xffffffffffffffff >require-end",
  "echo 32 >stacktrace-depth; echo -1 >times; cd ..; done",
].join("\n");

const fail = (percent: number): string =>
  `for kind in failslab fail_page_alloc; do echo ${percent} >/sys/kernel/debug/$kind/probability; done`;

debugTest("reading, sharing, reclaiming and unmounting at once, with and without failures", 60, async (t) => {
  const scratch = new Scratch();
  const tree = scratch.fresh("tree");
  makeHostileTree(tree, { largeDirectory: 300, sparseBytes: 2_000_000 });
  const layout = scratch.fresh("oci");
  for (const { name, options } of images) build(tree, `${layout}:${name}`, ...options);
  addJoined(layout, "joined", "joined", 1 << 20);
  const disk = storeDisk(layout);
  const machine = await bootDebugMachine({ disks: [{ image: disk.image }], memory: 1024 });
  const sh = (...lines: string[]): Promise<string> =>
    machine.succeed(["set -e", ...lines].join("\n"), { timeout: 10 * minutes });
  const mounts = images.map(({ name, more }) => {
    const at = `/mnt/${name}`;
    const manifest = manifestOf(layout, name);
    return mountCommand({ store: "/store", manifest, at, ...(more === undefined ? {} : { more }) });
  });
  const names = images.map(({ name }) => name).join(" ");
  try {
    await sh(`mkdir /store && mount /dev/vda /store && cd /mnt && mkdir ${names} overlay`, ...mounts);
    await sh(readAll("/mnt/raw", "/tmp/right"), "sort -o /tmp/right /tmp/right", "umount /mnt/raw");
    const right = Number(await sh("wc -l </tmp/right"));
    t.is(
      right,
      Number(execFileSync("sh", ["-c", `cd ${tree} && find . -type f -size -300k | wc -l`], { encoding: "utf8" })),
    );
    await sh(
      mounts[0] ?? "",
      `for name in ${names}; do ${readAll("/mnt/$name", "/tmp/sums-$name")} & find /mnt/$name -exec stat {} + >/dev/null & done`,
      "for i in 1 2 3 4 5 6; do sleep 1; echo 3 >/proc/sys/vm/drop_caches; done",
      `umount -l /mnt/zstd; wait`,
      ...images.map(({ name }) => `[ $(wc -l </tmp/sums-${name}) = ${right} ]; ${onlyRight(`/tmp/sums-${name}`)}`),
    );
    await sh(
      "mkdir -p /tmp/o/upper /tmp/o/work",
      "mount -t overlay -o lowerdir=/mnt/raw,upperdir=/tmp/o/upper,workdir=/tmp/o/work,index=on,nfs_export=on overlay /mnt/overlay",
      "cd /mnt/overlay; find . -exec stat {} + >/dev/null; for file in $(find . -type f -size -2k | head -n 20); do echo more >>$file; mv $file $file.new; done",
      "cd /; umount /mnt/overlay; rm -rf /tmp/o",
      "umount /mnt/raw /mnt/kept /mnt/joined",
    );
    await sh(choose);
    let failed = 0;
    for (let round = 0; round < 3; round++) {
      const log = await sh(
        fail(2),
        ...mounts.map((mount) => `until ${mount} 2>/dev/null; do echo failed; done`),
        fail(10),
        `for name in ${names}; do ${readAll("/mnt/$name", "/tmp/sums-$name")} & find /mnt/$name -exec stat {} + >/dev/null 2>&1 & done`,
        "sleep 2; echo 3 >/proc/sys/vm/drop_caches; wait",
        fail(0),
        ...images.map(({ name }) => `${onlyRight(`/tmp/sums-${name}`)}; wc -l </tmp/sums-${name}`),
        ...images.map(
          ({ name }) =>
            `${readAll(`/mnt/${name}`, "/tmp/after")}; [ $(wc -l </tmp/after) = ${right} ] || exit 2; ${onlyRight("/tmp/after")}`,
        ),
        `cd /mnt; umount ${names}`,
      );
      t.log(`round ${round}: ${log.trim().replaceAll("\n", " ")} of ${right} files`);
      failed += log.includes("failed") ? 1 : 0;
    }
    t.log(`${failed} rounds in which a mount failed at first`);
    t.is(await unloadAndFindLeaks(machine), "");
    await machine.close();
  } finally {
    machine.kill();
    disk.remove();
    scratch.remove();
  }
});
