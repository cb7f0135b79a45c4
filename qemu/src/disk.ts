/** Filesystem images for a machine's disks. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, type Dirent, ftruncateSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const blockSize = 4096;

/**
 * Everything below a directory. The option `recursive` of readdirSync() follows symbolic links, also out of the tree, and takes
 * minutes and gigabytes for 100,000 entries.
 */
export function* entriesBelow(directory: string): Generator<{ path: string; entry: Dirent }> {
  const pending = [directory];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) pending.push(path);
      yield { path, entry };
    }
  }
}

/** Number of blocks for the files below a directory, with one for each directory. */
function blocksIn(directory: string): number {
  let blocks = 1;
  for (const { path, entry } of entriesBelow(directory)) {
    blocks += entry.isFile() ? Math.ceil(statSync(path).size / blockSize) : 1;
  }
  return blocks;
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
