/** File systems in files, to be a machine's disks. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const blockSize = 4096;

/** Blocks that the content of a directory takes, and a directory's own. */
function blocksIn(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    if (!entry.isFile()) return sum + 1;
    return sum + Math.ceil(statSync(join(entry.parentPath, entry.name)).size / blockSize);
  }, 1);
}

/**
 * Makes `image` an ext4 file system with the content of `directory`; fs-verity can be enabled on it.
 *
 * @param spare bytes to stay free, for what the guest writes
 * @param more features, such as `^verity`: without fs-verity
 */
export function ext4Image(image: string, directory: string, spare = 64 << 20, more = ""): void {
  const blocks = blocksIn(directory) + Math.ceil(spare / blockSize);
  const file = openSync(image, "w");
  // Inode tables and bitmaps want a few percent.
  ftruncateSync(file, Math.ceil(blocks * 1.08) * blockSize + (8 << 20));
  closeSync(file);
  const features = ["-O", `verity,^has_journal${more && `,${more}`}`, "-E", "lazy_itable_init=1,root_owner=0:0"];
  execFileSync("/sbin/mkfs.ext4", ["-q", "-F", "-b", String(blockSize), ...features, "-d", directory, image], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  indexDirectories(image);
}

/** mkfs writes large directories as plain lists: this gives them the hash trees that the kernel would have made. */
function indexDirectories(image: string): void {
  const { status, stderr, error } = spawnSync("/sbin/e2fsck", ["-fyD", image], { encoding: "utf8", stdio: "pipe" });
  if (error !== undefined) throw error;
  // 1: something was changed, which is the purpose.
  if (status !== 0 && status !== 1) throw new Error(`e2fsck -D ${image}: status ${status}\n${stderr}`);
}
