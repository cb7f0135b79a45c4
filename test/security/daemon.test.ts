import { constants, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { bind, close, hasCode, O_PATH, openNamed } from "@puzzlefs/linux";
import { attempt, isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** What root finds of the processes behind a FUSE mount. A container's root has fewer rights than these tests. */

const SYS_MOUNT_SETATTR = 442;
const SYS_OPEN_TREE = 428;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const MOUNT_ATTR_RDONLY = 1n;
const EINVAL = 22;

const setAttributes = bind(
  "int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags, const void *attributes, size_t size)",
);
const openTree = bind("int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags)");

const scratch = new Scratch();
test.after.always(() => scratch.remove());

const lacks = missing("/dev/fuse", puzzlefs);
const daemon = isRoot && lacks.length === 0 ? test : test.skip;

/** By a directory that has the mount point and the store. */
function processesOf(directory: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
      return /^puzzlefs (mount|serve|share) /.test(line) && line.includes(directory);
    } catch {
      return false;
    }
  });
}

/** The mounts of a process can be neither made writable nor copied, through any path that leads to them. */
function assertFixed(t: ExecutionContext, path: string): void {
  const descriptor = openNamed(path, O_PATH);
  try {
    const clear = new BigUint64Array([0n, MOUNT_ATTR_RDONLY, 0n, 0n]);
    const empty = new Uint8Array(1);
    const flags = AT_EMPTY_PATH | AT_RECURSIVE;
    const bytes = new Uint8Array(clear.buffer);
    t.is(setAttributes(SYS_MOUNT_SETATTR, descriptor, empty, flags, bytes, bytes.length), -EINVAL, `${path}: changed`);
    t.is(openTree(SYS_OPEN_TREE, descriptor, empty, OPEN_TREE_CLONE | AT_EMPTY_PATH), -EINVAL, `${path}: copied`);
  } finally {
    close(descriptor);
  }
}

for (const options of [[], ["--supervise"], ["--shared"]]) {
  daemon(`nothing that the processes use can be changed through /proc: ${options.join(" ") || "one serves"}`, (t) => {
    const work = scratch.directory("work");
    const mountpoint = join(work, "mnt");
    for (const name of ["root", "mnt"]) mkdirSync(join(work, name));
    writeFileSync(join(work, "root/file"), "content\n".repeat(5000));
    run(puzzlefs, ["build", "-c", join(work, "root"), `${work}/store:v1`]);
    run(puzzlefs, ["mount", "--driver", "fuse", ...options, `${work}/store:v1`, mountpoint]);
    try {
      t.is(readFileSync(join(mountpoint, "file")).length, 40_000);
      const pids = processesOf(work);
      t.is(pids.length, options.length + 1);
      for (const pid of pids) {
        assertFixed(t, `/proc/${pid}/root`);
        assertFixed(t, `/proc/${pid}/exe`);
        const mapped = readdirSync(`/proc/${pid}/map_files`).map((name) => `/proc/${pid}/map_files/${name}`);
        const files = mapped.filter(
          (path) => readlinkSync(path).startsWith("/") && !readlinkSync(path).endsWith(" (deleted)"),
        );
        t.true(files.length > 10);
        for (const path of [`/proc/${pid}/exe`, ...files]) {
          const error = t.throws(
            () => close(openNamed(path, constants.O_WRONLY)),
            undefined,
            `${path}: ${readlinkSync(path)}`,
          );
          t.true(hasCode(error, "EROFS", "ETXTBSY"), String(error));
        }
      }
    } finally {
      attempt(puzzlefs, ["umount", "--lazy", mountpoint]);
    }
  });
}
