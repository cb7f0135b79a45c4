import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { fsVerityDigest } from "./verity-digest.ts";
import { enableFsVerityOf, measureFsVerityOf, SystemError } from "@puzzlefs/linux";

const directory = mkdtempSync(join(tmpdir(), "puzzlefs-fsverity-"));
const mountpoint = join(directory, "mnt");
let mounted = false;

test.after.always(() => {
  if (mounted) execFileSync("umount", [mountpoint]);
  rmSync(directory, { recursive: true });
});

/** Mounts an ext4 with the verity feature; returns why it cannot, if it cannot. */
function mountVerity(): string | undefined {
  if (process.getuid?.() !== 0) return "only root mounts file systems";
  const image = join(directory, "ext4");
  mkdirSync(mountpoint);
  try {
    execFileSync("truncate", ["-s", "16M", image]);
    execFileSync("mkfs.ext4", ["-q", "-O", "verity", image]);
    execFileSync("mount", ["-o", "loop", image, mountpoint], { stdio: "pipe" });
    mounted = true;
    return undefined;
  } catch (error) {
    return `no ext4 with fs-verity here: ${String(error)}`;
  }
}

/** Calls `use` with the file opened for reading. */
function opened<T>(path: string, use: (descriptor: number, path: string) => T): T {
  const descriptor = openSync(path, "r");
  try {
    return use(descriptor, path);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether the kernel was built with fs-verity: otherwise the ioctl fails. */
function supported(t: ExecutionContext, path: string): boolean {
  try {
    opened(path, enableFsVerityOf);
    return true;
  } catch (error) {
    if (!(error instanceof SystemError) || !["ENOTSUP", "ENOTTY"].includes(error.code)) throw error;
    t.is(error.path, path);
    t.log(`skipped: this kernel has no fs-verity (${error.message})`);
    return false;
  }
}

test("the kernel enforces the digest that we compute", (t) => {
  const obstacle = mountVerity();
  if (obstacle !== undefined) {
    t.log(`skipped: ${obstacle}`);
    t.pass();
    return;
  }
  for (const size of [0, 1, 4096, 4097, 128 * 4096 + 1]) {
    const path = join(mountpoint, `${size}`);
    const bytes = Buffer.alloc(size, "puzzle");
    writeFileSync(path, bytes);
    if (!supported(t, path)) return;
    opened(path, enableFsVerityOf);
    const measured = opened(path, measureFsVerityOf);
    t.deepEqual(measured, fsVerityDigest(bytes));
    const [reference] = execFileSync("fsverity", ["measure", path], { encoding: "utf8" }).split(" ");
    t.is(`sha256:${measured?.toString("hex")}`, reference);
    t.throws(() => writeFileSync(path, "x"), { code: "EPERM" });
    t.deepEqual(readFileSync(path), bytes);
  }
  const plain = join(mountpoint, "plain");
  writeFileSync(plain, "");
  t.is(opened(plain, measureFsVerityOf), undefined);
});

test("a file that cannot have fs-verity fails with its path", (t) => {
  t.like(
    t.throws(() => opened(directory, enableFsVerityOf)),
    { path: directory },
  );
});
