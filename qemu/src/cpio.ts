/** A cpio archive ("newc", Documentation/driver-api/early-userspace/buffer-format.rst), which Linux unpacks as initramfs. */
import { Buffer } from "node:buffer";

const TYPE = { file: 0o100000, directory: 0o040000, symlink: 0o120000 } as const;
const TRAILER = "TRAILER!!!";

export class CpioArchive {
  readonly #parts: Buffer[] = [];
  readonly #directories = new Set<string>();
  #inode = 1;

  /** @param path without a leading slash; parent directories are added */
  file(path: string, content: Uint8Array | string, permissions = 0o644): void {
    this.#parents(path);
    this.#add(path, TYPE.file | permissions, Buffer.from(content));
  }

  symlink(path: string, target: string): void {
    this.#parents(path);
    this.#add(path, TYPE.symlink | 0o777, Buffer.from(target));
  }

  directory(path: string): void {
    if (this.#directories.has(path)) return;
    this.#parents(path);
    this.#directories.add(path);
    this.#add(path, TYPE.directory | 0o755, Buffer.alloc(0));
  }

  bytes(): Buffer {
    this.#add(TRAILER, 0, Buffer.alloc(0));
    return Buffer.concat(this.#parts);
  }

  #parents(path: string): void {
    const slash = path.lastIndexOf("/");
    if (slash > 0) this.directory(path.slice(0, slash));
  }

  #add(path: string, mode: number, content: Buffer): void {
    const name = Buffer.from(`${path}\0`);
    const [uid, gid, links, time, device] = [0, 0, 1, 0, 0];
    const fields = [this.#inode++, mode, uid, gid, links, time, content.length];
    const header = [...fields, device, device, device, device, name.length, 0];
    const text = header.map((field) => field.toString(16).padStart(8, "0")).join("");
    this.#parts.push(padded(Buffer.concat([Buffer.from(`070701${text}`), name])), padded(content));
  }
}

/** Header with name, and content, end at multiples of four. */
function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
