import { fileSystemType, ioctl } from "./descriptors.ts";
import { EINVAL, EOPNOTSUPP } from "./errno.ts";
import { BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC } from "./file-system-types.ts";
import { SystemError } from "./library.ts";

const FS_IOC_ENABLE_VERITY = 0x40806685;
const FS_IOC_MEASURE_VERITY = 0xc0046686;
const FS_VERITY_HASH_ALG_SHA256 = 1;
const BLOCK_SIZE = 4096;

/**
 * The file systems in which the kernel itself computes and enforces digests: ext4, btrfs, f2fs. Others pass the ioctl on:
 * the server of a FUSE file system may return any digest, and overlayfs returns that of another file.
 */
const ENFORCING = new Set<number>([EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC]);

/**
 * Makes an open file read-only permanently and verified on every read: fs-verity, SHA-256, 4096-byte blocks, no salt. Does
 * nothing when it is enabled already. `path` is for messages. Errors: ENOTSUP or ENOTTY when the file system cannot
 * (ext4 needs the `verity` feature), ETXTBSY while it is open for writing anywhere, EACCES, EROFS.
 */
export function enableFsVerityOf(descriptor: number, path?: string): void {
  const argument = new Uint8Array(128);
  const fields = new DataView(argument.buffer);
  fields.setUint32(0, 1, true);
  fields.setUint32(4, FS_VERITY_HASH_ALG_SHA256, true);
  fields.setUint32(8, BLOCK_SIZE, true);
  request(descriptor, FS_IOC_ENABLE_VERITY, argument, "EEXIST", path);
}

/**
 * The digest that the kernel enforces for an open file, or undefined when fs-verity is not enabled on it: what is read
 * through this descriptor is what was measured. Errors: ENOTSUP or ENOTTY when the file system has no fs-verity of the
 * kernel's; EINVAL for an algorithm other than SHA-256.
 */
export function measureFsVerityOf(descriptor: number, path?: string): Buffer | undefined {
  if (!ENFORCING.has(fileSystemType(descriptor))) throw new SystemError(EOPNOTSUPP, "ioctl", path);
  const argument = Buffer.alloc(4 + 64);
  argument.writeUInt16LE(64, 2);
  if (!request(descriptor, FS_IOC_MEASURE_VERITY, argument, "ENODATA", path)) return undefined;
  const size = argument.readUInt16LE(2);
  if (argument.readUInt16LE(0) !== FS_VERITY_HASH_ALG_SHA256 || size !== 32)
    throw new SystemError(EINVAL, "ioctl", path);
  return argument.subarray(4, 4 + size);
}

/** ioctl(2); false for an error of that code, others get the path. */
function request(descriptor: number, number: number, argument: Uint8Array, code: string, path?: string): boolean {
  try {
    ioctl(descriptor, number, argument);
    return true;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.code === code) return false;
    throw new SystemError(-error.errno, error.syscall, path);
  }
}
