/** The uncompressed kernel, which QEMU boots directly (PVH): unpacking it in the guest would take seconds. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { type Kernel, projectRoot } from "./kernels.ts";

/** Offsets in the boot sector, Documentation/arch/x86/boot.rst. */
const magicOffset = 0x202;
const magic = "HdrS";
const setupSectors = 0x1f1;
const payloadOffset = 0x248;
const payloadLength = 0x24c;
const sectorSize = 512;
/** The uncompressed size follows the compressed payload. */
const sizeField = 4;

const zstdMagic = 0xfd2fb528;

const xzMagic = Buffer.from("\xfd7zXZ\0", "latin1");

/** Undefined for other compressions, such as that of the debug kernel, which cannot be booted in this way. */
function unpack(payload: Buffer): Buffer | undefined {
  if (payload.readUInt32LE(0) === zstdMagic) return zstdDecompressSync(payload);
  if (!payload.subarray(0, xzMagic.length).equals(xzMagic)) return undefined;
  return execFileSync("xz", ["-dc", "--single-stream"], { input: payload, maxBuffer: 1 << 28 });
}

/** Path of the uncompressed kernel, which is made once; or of the kernel itself if it is no bzImage. */
export function bootImage(kernel: Kernel): string {
  const directory = join(projectRoot, "build/qemu");
  const target = join(directory, `vmlinux-${kernel.name}-${kernel.release}`);
  if (existsSync(target) && statSync(target).mtimeMs >= statSync(kernel.image).mtimeMs) return target;
  const image = readFileSync(kernel.image);
  if (image.toString("latin1", magicOffset, magicOffset + magic.length) !== magic) return kernel.image;
  const start = (image.readUInt8(setupSectors) + 1) * sectorSize + image.readUInt32LE(payloadOffset);
  const end = start + image.readUInt32LE(payloadLength) - sizeField;
  const unpacked = unpack(image.subarray(start, end));
  if (unpacked === undefined) return kernel.image;
  mkdirSync(directory, { recursive: true });
  const temporary = `${target}.${process.pid}`;
  writeFileSync(temporary, unpacked);
  renameSync(temporary, target);
  return target;
}
