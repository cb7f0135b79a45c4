import { isAbsolute, resolve } from "node:path";
import { bytesOf, textOf } from "./encoding.ts";
import { escapeText, MISLEADING } from "./escape.ts";
import { bind, check } from "./library.ts";

/**
 * A path for a system call. File names are arbitrary bytes, so the exact form is bytes; a string is converted by
 * bytesOf(). Bytes that already end in NUL are passed as they are, without a copy.
 */
export type Path = string | Uint8Array;

/** The path as C wants it. Throws TypeError for a NUL inside: the kernel would see a shorter, different path. */
export function nulTerminated(path: Path): Uint8Array {
  if (typeof path === "string") {
    // From Node's pool of small buffers: an ArrayBuffer for each name is twice the work, and garbage.
    if (!path.includes("\0")) return path.isWellFormed() ? Buffer.from(`${path}\0`, "utf8") : bytesOf(`${path}\0`);
    path = bytesOf(path);
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

/** The path for messages, as escapeText() has it. */
export function printable(path: Path): string {
  if (typeof path === "string") return escapeText(path);
  return escapeText(textOf(path.at(-1) === 0 ? path.subarray(0, -1) : path));
}

/**
 * A name as text on one line, for people and for unescapeName(): printable UTF-8 as it is, a backslash twice, and
 * `\xNN` for each byte of what could mislead or is not UTF-8.
 */
export function escapeName(name: Uint8Array): string {
  return textOf(name).replace(NOT_PLAIN, (character) => {
    if (character === "\\") return "\\\\";
    return bytesOf(character).reduce((text, byte) => `${text}\\x${byte.toString(16).padStart(2, "0")}`, "");
  });
}

const NOT_PLAIN = new RegExp(`${MISLEADING.source}|\\\\`, "gu");

/** The bytes of a name in the form of escapeName(), with any further bytes as `\xNN`; undefined for another escape. */
export function unescapeName(text: string): Buffer | undefined {
  const parts = text.split(/(\\(?:\\|x[0-9a-fA-F]{2}))/);
  if (parts.some((part, index) => index % 2 === 0 && part.includes("\\"))) return undefined;
  const bytes = parts.map((part, index) => {
    if (index % 2 === 0) return bytesOf(part);
    return part === "\\\\" ? Buffer.from("\\") : Buffer.of(Number.parseInt(part.slice(2), 16));
  });
  return Buffer.concat(bytes);
}

const getcwd = bind("int64_t getcwd(void *path, size_t size)", 0);
/** The kernel's getcwd(2) fails for longer paths. */
const LONGEST_DIRECTORY = 4096;

/** The path made absolute, "." and ".." in it resolved as text. process.cwd() replaces bytes that are not UTF-8. */
export function absolutePath(path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(workingDirectory(), path);
}

function workingDirectory(): string {
  const buffer = Buffer.allocUnsafeSlow(LONGEST_DIRECTORY);
  check(getcwd(buffer, buffer.length), "getcwd");
  return textOf(buffer.subarray(0, buffer.indexOf(0)));
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
