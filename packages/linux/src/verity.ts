import { closeSync, openSync } from "node:fs";
import { ioctl } from "./descriptors.ts";
import { SystemError } from "./library.ts";

const FS_IOC_ENABLE_VERITY = 0x40806685;
const FS_IOC_MEASURE_VERITY = 0xc0046686;
const FS_VERITY_HASH_ALG_SHA256 = 1;
const BLOCK_SIZE = 4096;

/**
 * Makes a file read-only for ever and verified on every read: fs-verity, SHA-256, 4096-byte blocks, no salt. Does
 * nothing when it is enabled already. Errors: ENOTSUP or ENOTTY when the file system cannot (ext4 needs the `verity`
 * feature), ETXTBSY while somebody has the file open for writing, EACCES, EROFS.
 */
export function enableFsVerity(path: string): void {
  const argument = new Uint8Array(128);
  const fields = new DataView(argument.buffer);
  fields.setUint32(0, 1, true);
  fields.setUint32(4, FS_VERITY_HASH_ALG_SHA256, true);
  fields.setUint32(8, BLOCK_SIZE, true);
  onFile(path, (descriptor) => {
    try {
      ioctl(descriptor, FS_IOC_ENABLE_VERITY, argument);
    } catch (error) {
      if (!(error instanceof SystemError && error.code === "EEXIST")) throw error;
    }
  });
}

/**
 * The digest that the kernel enforces for a file, or undefined when fs-verity is not enabled on it. Errors: ENOTSUP
 * or ENOTTY when the file system has no fs-verity; EINVAL for an algorithm other than SHA-256.
 */
export function measureFsVerity(path: string): Buffer | undefined {
  return onFile(path, measureFsVerityOf);
}

/** measureFsVerity() of an open file: what is read through this descriptor is what was measured. */
export function measureFsVerityOf(descriptor: number): Buffer | undefined {
  const argument = Buffer.alloc(4 + 64);
  argument.writeUInt16LE(64, 2);
  try {
    ioctl(descriptor, FS_IOC_MEASURE_VERITY, argument);
  } catch (error) {
    if (error instanceof SystemError && error.code === "ENODATA") return undefined;
    throw error;
  }
  const size = argument.readUInt16LE(2);
  if (argument.readUInt16LE(0) !== FS_VERITY_HASH_ALG_SHA256 || size !== 32) throw new SystemError(22, "ioctl");
  return argument.subarray(4, 4 + size);
}

/** Runs `action` on the file opened read-only; errors of its ioctl get the path. */
function onFile<T>(path: string, action: (descriptor: number) => T): T {
  const descriptor = openSync(path, "r");
  try {
    return action(descriptor);
  } catch (error) {
    throw error instanceof SystemError ? new SystemError(-error.errno, error.syscall, path) : error;
  } finally {
    closeSync(descriptor);
  }
}
