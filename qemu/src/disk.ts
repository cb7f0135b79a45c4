/** Filesystem images for a machine's disks. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const blockSize = 4096;

/** Number of blocks for the files below a directory, with one for each directory. */
function blocksIn(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    if (!entry.isFile()) return sum + 1;
    return sum + Math.ceil(statSync(join(entry.parentPath, entry.name)).size / blockSize);
  }, 1);
}

/**
 * Makes `image` an ext4 filesystem with the content of `directory`. fs-verity can be enabled on it.
 *
 * @param spare free bytes for the guest
 * @param more features, such as `^verity`: without fs-verity
 */
export function ext4Image(image: string, directory: string, spare = 64 << 20, more = ""): void {
  const blocks = blocksIn(directory) + Math.ceil(spare / blockSize);
  const file = openSync(image, "w");
  // Inode tables and bitmaps need a few percent.
  ftruncateSync(file, Math.ceil(blocks * 1.08) * blockSize + (8 << 20));
  closeSync(file);
  const features = ["-O", `verity,^has_journal${more && `,${more}`}`, "-E", "lazy_itable_init=1,root_owner=0:0"];
  execFileSync("/sbin/mkfs.ext4", ["-q", "-F", "-b", String(blockSize), ...features, "-d", directory, image], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  indexDirectories(image);
}

/** mkfs writes large directories as plain lists. This adds the hash trees that the kernel would have made. */
function indexDirectories(image: string): void {
  const { status, stderr, error } = spawnSync("/sbin/e2fsck", ["-fyD", image], { encoding: "utf8", stdio: "pipe" });
  if (error !== undefined) throw error;
  // 1: it changed something, as intended.
  if (status !== 0 && status !== 1) throw new Error(`e2fsck -D ${image}: status ${status}\n${stderr}`);
}
