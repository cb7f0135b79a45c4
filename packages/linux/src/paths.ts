import { escapeText } from "./escape.ts";

/**
 * A path for a system call. File names are arbitrary bytes, so the exact form is bytes; a string stands for its
 * UTF-8 encoding. Bytes that already end in NUL are passed as they are, without a copy.
 */
export type Path = string | Uint8Array;

/** The path as C wants it. Throws TypeError for a NUL inside: the kernel would see a shorter, different path. */
export function nulTerminated(path: Path): Uint8Array {
  if (typeof path === "string") {
    // From Node's pool of small buffers: an ArrayBuffer for each name is twice the work, and garbage.
    if (!path.includes("\0")) return Buffer.from(`${path}\0`, "utf8");
    path = Buffer.from(path, "utf8");
  }
  const end = path.indexOf(0);
  if (end === -1) {
    const terminated = new Uint8Array(path.length + 1);
    terminated.set(path);
    return terminated;
  }
  if (end !== path.length - 1) throw new TypeError(`path contains a NUL byte: '${printable(path)}'`);
  return path;
}

/** The path for messages: UTF-8 where it is that, as escapeText() has it; else ASCII, with other bytes as \xNN. */
export function printable(path: Path): string {
  if (typeof path === "string") path = Buffer.from(path, "utf8");
  if (path.at(-1) === 0) path = path.subarray(0, -1);
  const text = Buffer.from(path.buffer, path.byteOffset, path.length).toString("utf8");
  if (Buffer.from(text, "utf8").equals(path)) return escapeText(text);
  const bytes = Buffer.from(path).toString("latin1");
  return bytes.replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/**
 * A path to `name` in the directory opened as `descriptor`, for calls that have no *at form (node:fs, xattrs).
 * Only the magic link /proc/self/fd/N is followed on the way, so the result cannot leave that directory as long
 * as `name` is one component and the call does not follow a symlink at the end. Needs /proc.
 */
export function descriptorPath(descriptor: number, name?: Uint8Array): Buffer {
  const directory = `/proc/self/fd/${descriptor}`;
  return name === undefined ? Buffer.from(directory) : Buffer.concat([Buffer.from(`${directory}/`), name]);
}
