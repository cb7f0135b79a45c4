/** Mount points and subvolumes in a tree: what is included, what is left out, and that the latter is reported. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Crossing } from "@puzzlefs/linux";
import test, { type ExecutionContext } from "ava";
import { build } from "./build.ts";
import { BuildError } from "./errors.ts";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import { dumpImage, makeTree } from "./tree-fixture.ts";
import type { BuildResult } from "./options.ts";

const crossings: Crossing[] = ["device", "subvolumes", "mounts"];
const canMount = process.geteuid?.() === 0;
const rootTest = canMount ? test.serial : test.serial.skip;
const canMakeBtrfs = canMount && spawnSync("mkfs.btrfs", ["--version"]).status === 0;
const btrfsTest = canMakeBtrfs ? test.serial : test.serial.skip;

function run(command: string, ...argv: string[]): void {
  const { status, stderr } = spawnSync(command, argv, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${argv.join(" ")}: ${stderr}`);
}

/** Runs `use` while these are mounted, the first one first: arguments of mount(8), the last the mount point. */
async function withMounts(mounts: string[][], use: () => Promise<void>): Promise<void> {
  const mounted: string[] = [];
  try {
    for (const argv of mounts) {
      mkdirSync(argv.at(-1)!, { recursive: true });
      run("mount", ...argv);
      mounted.push(argv.at(-1)!);
    }
    await use();
  } finally {
    for (const mountpoint of mounted.reverse()) run("umount", "-l", mountpoint);
  }
}

/** Builds; returns the paths in the image and what was left out, as one text each. */
async function look(rootfs: string, crossing: Crossing): Promise<{ names: string[]; left: string[] }> {
  const ociDir = temporaryDirectory();
  const { omissions }: BuildResult = await build({ rootfs, ociDir, tag: "t", crossing });
  const names = dumpImage(ociDir, "t").map((line) => line.split(" ")[0]);
  const left = omissions.flatMap(({ what, paths }) => paths.map((path) => `${what} ${path.slice(rootfs.length)}`));
  return { names, left };
}

const isIn = (names: string[], path: string): boolean => names.includes(path);

rootTest("mount points of other file systems are empty directories, each of them reported", async (t) => {
  const rootfs = makeTree({ file: "", "a/": "", "b/deep/": "" });
  const mounts = ["a", "b/deep"].map((name) => ["-t", "tmpfs", "-o", "mode=0711", "none", join(rootfs, name)]);
  await withMounts(mounts, async () => {
    for (const name of ["a", "b/deep"]) writeFileSync(join(rootfs, name, "inside"), "x");
    for (const crossing of crossings) {
      const { names, left } = await look(rootfs, crossing);
      t.true(isIn(names, "/a") && isIn(names, "/b/deep"));
      const included = crossing === "mounts";
      t.is(isIn(names, "/a/inside"), included, crossing);
      t.is(isIn(names, "/b/deep/inside"), included, crossing);
      t.deepEqual(left, included ? [] : ["mount point /a", "mount point /b/deep"], crossing);
    }
  });
});

rootTest("the tree itself may be a mount point, and a bind mount of its file system belongs to it", async (t) => {
  const rootfs = temporaryDirectory();
  const mounts = [
    ["-t", "tmpfs", "none", rootfs],
    ["--bind", join(rootfs, "from"), join(rootfs, "to")],
  ];
  mkdirSync(join(rootfs, "from"));
  await withMounts(mounts.slice(0, 1), async () => {
    mkdirSync(join(rootfs, "from"));
    writeFileSync(join(rootfs, "from/inside"), "x");
    await withMounts(mounts.slice(1), async () => {
      for (const crossing of crossings) {
        const { names, left } = await look(rootfs, crossing);
        t.true(isIn(names, "/from/inside") && isIn(names, "/to/inside"), crossing);
        t.deepEqual(left, [], crossing);
      }
    });
  });
});

rootTest("what is mounted on a file is read, as tar and rsync read it", async (t) => {
  const rootfs = makeTree({ file: "below" });
  const other = temporaryDirectory();
  await withMounts([["-t", "tmpfs", "none", other]], async () => {
    writeFileSync(join(other, "file"), "above");
    run("mount", "--bind", join(other, "file"), join(rootfs, "file"));
    try {
      const ociDir = temporaryDirectory();
      const { bytes, omissions } = await build({ rootfs, ociDir, tag: "t" });
      t.deepEqual([bytes, omissions], [5, []]);
      t.is(readdirSync(rootfs).length, 1);
    } finally {
      run("umount", join(rootfs, "file"));
    }
  });
});

/** Builds into a layout that a walk might reach. */
async function buildInto(t: ExecutionContext, rootfs: string, ociDir: string, refused: boolean, crossing: Crossing) {
  const building = build({ rootfs, ociDir, tag: "t", crossing });
  if (refused) await t.throwsAsync(building, { instanceOf: BuildError, message: /the image layout/ }, crossing);
  else t.is((await building).omissions[0]?.what, "mount point", crossing);
}

rootTest("a layout on a disk that is mounted in the tree is refused only where the disk is read", async (t) => {
  for (const crossing of crossings) {
    const rootfs = makeTree({ file: "x" });
    await withMounts([["-t", "tmpfs", "none", join(rootfs, "disk")]], async () => {
      await buildInto(t, rootfs, join(rootfs, "disk/new/store"), crossing === "mounts", crossing);
      if (crossing === "mounts") t.deepEqual(readdirSync(join(rootfs, "disk")), [], "nothing was made");
    });
  }
});

rootTest("a layout that is in the tree by a bind mount is found, and the failed build leaves nothing", async (t) => {
  for (const crossing of crossings) {
    const rootfs = makeTree({ file: "x" });
    const outside = temporaryDirectory();
    await withMounts([["--bind", outside, join(rootfs, "bound")]], async () => {
      await buildInto(t, rootfs, join(outside, "store"), true, crossing);
      t.deepEqual(readdirSync(outside), []);
    });
  }
});

btrfsTest(
  `subvolumes that are not mounted are read, but not with --one-file-system${canMakeBtrfs ? "" : " (needs root and btrfs-progs)"}`,
  async (t) => {
    const scratch = temporaryDirectory();
    const [disk, rootfs] = [join(scratch, "disk"), join(scratch, "mnt")];
    run("truncate", "-s", "128M", disk);
    run("mkfs.btrfs", "-q", disk);
    await withMounts([["-o", "loop", disk, rootfs]], async () => {
      run("btrfs", "-q", "subvolume", "create", join(rootfs, "subvolume"));
      mkdirSync(join(rootfs, "plain"));
      run("btrfs", "-q", "subvolume", "snapshot", join(rootfs, "subvolume"), join(rootfs, "plain/snapshot"));
      for (const name of ["subvolume", "plain/snapshot"]) writeFileSync(join(rootfs, name, "inside"), "x");
      for (const crossing of crossings) {
        const { names, left } = await look(rootfs, crossing);
        const included = crossing !== "device";
        t.is(isIn(names, "/subvolume/inside"), included, crossing);
        t.is(isIn(names, "/plain/snapshot/inside"), included, crossing);
        t.deepEqual(left, included ? [] : ["subvolume /subvolume", "subvolume /plain/snapshot"], crossing);
      }
      // A layout in a subvolume is in the tree.
      await buildInto(t, join(rootfs, "plain"), join(rootfs, "plain/snapshot/store"), true, "subvolumes");
    });
  },
);
