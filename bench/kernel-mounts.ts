/**
 * The kernel memory of many mounted images, driver beside erofs: the names and attributes of a tree, each image with one file of its own.
 *
 *     [KERNEL=6.12] [MOUNTS=100] node bench/kernel-mounts.ts [ROOTFS]
 *
 * Files have a byte each: what metadata take does not depend on content. erofs images are mounted from files of the same disk.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  buildModule,
  cacheDirectory,
  entriesBelow,
  ext4Image,
  findKernel,
  isKernelName,
  Machine,
  manifestOf,
  mountCommand,
} from "@puzzlefs/qemu";

const { KERNEL = "6.12", MOUNTS = "100" } = process.env;
const count = Number(MOUNTS);
const puzzlefs = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
const emptyCaches = "sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; echo 3 >/proc/sys/vm/drop_caches";
/** What a mount may take: slab, vmalloc, per-CPU memory, page cache, buffers. */
const kinds = ["Slab", "VmallocUsed", "Percpu", "Cached", "Buffers"];

/** A tree with the names and kinds of another one. */
function copyNames(from: string, to: string): void {
  mkdirSync(to);
  for (const { path, entry } of entriesBelow(from)) {
    const copy = join(to, path.slice(from.length));
    if (entry.isDirectory()) mkdirSync(copy);
    else if (entry.isSymbolicLink()) symlinkSync("x", copy);
    else writeFileSync(copy, "x");
  }
}

function makeDisk(rootfs: string, directory: string): string {
  const [tree, store] = [join(directory, "tree"), join(directory, "store")];
  copyNames(rootfs, tree);
  mkdirSync(store);
  for (let index = 0; index < count; index++) {
    writeFileSync(join(tree, "image"), String(index));
    execFileSync(puzzlefs, ["build", tree, `${join(store, "oci")}:v${index}`], { stdio: "ignore" });
    execFileSync("mkfs.erofs", ["-T0", join(store, `${index}.erofs`), tree], { stdio: "ignore" });
  }
  const disk = join(directory, "store.ext4");
  ext4Image(disk, store);
  return disk;
}

async function inMemory(machine: Machine): Promise<number> {
  const text = await machine.succeed("cat /proc/meminfo");
  const values = new Map(text.split("\n").map((line) => [line.split(":")[0], Number(/\d+/.exec(line)?.[0])]));
  return kinds.reduce((sum, kind) => sum + (values.get(kind) ?? NaN), 0);
}

/** KiB for each mount: with empty caches after mounting, after listing everything, and with caches emptied again. */
async function measure(machine: Machine, mounts: readonly string[]): Promise<number[]> {
  await machine.succeed(emptyCaches);
  const before = await inMemory(machine);
  const figures: number[] = [];
  const keep = async (): Promise<void> => void figures.push(((await inMemory(machine)) - before) / mounts.length);
  for (const mount of mounts) await machine.succeed(mount);
  await machine.succeed(emptyCaches);
  await keep();
  await machine.succeed("ls -lR /mnt >/dev/null", { timeout: 1_200_000 });
  await keep();
  await machine.succeed(emptyCaches);
  await keep();
  await machine.succeed("for at in /mnt/*; do umount $at || exit 1; done");
  return figures;
}

if (!isKernelName(KERNEL)) throw new Error(`KERNEL=${KERNEL}: there is no such kernel`);
const kernel = findKernel(KERNEL);
const rootfs = resolve(process.argv[2] ?? join(cacheDirectory(), "trees/debian-bookworm"));
const directory = mkdtempSync(join(tmpdir(), "puzzlefs-mounts-"));
try {
  const disk = makeDisk(rootfs, directory);
  const indexes = Array.from({ length: count }, (_, index) => index);
  const manifests = indexes.map((index) => manifestOf(join(directory, "store/oci"), `v${index}`));
  const machine = await Machine.boot(kernel, readFileSync(buildModule(kernel).path), { disks: [{ image: disk }] });
  try {
    await machine.succeed(
      "modprobe -a loop erofs; insmod /puzzlefs.ko; mkdir -p /store /mnt; mount -t ext4 -o ro /dev/vda /store",
    );
    await machine.succeed(`for i in $(seq 0 ${count - 1}); do mkdir /mnt/$i; done`);
    const erofs = indexes.map((index) => `mount -t erofs -o ro,loop /store/${index}.erofs /mnt/${index}`);
    const ours = indexes.map((index) =>
      mountCommand({ store: "/store/oci", manifest: manifests[index] as string, at: `/mnt/${index}` }),
    );
    console.log(`${count} images of ${rootfs} on ${kernel.release}; KiB for each mount\n`);
    console.log("| | mounted | everything listed | caches emptied |\n| --- | ---: | ---: | ---: |");
    for (const [name, mounts] of [
      ["erofs", erofs],
      ["puzzlefs", ours],
    ] as const) {
      const figures = await measure(machine, mounts);
      console.log(`| ${name} | ${figures.map((figure) => figure.toFixed(0)).join(" | ")} |`);
    }
    await machine.close();
  } finally {
    machine.kill();
  }
} finally {
  rmSync(directory, { recursive: true });
}
