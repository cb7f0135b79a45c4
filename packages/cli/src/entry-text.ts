import { escapeName, jsonText } from "@puzzlefs/linux";
import { escapeBytes, type InodeKind, type Listed } from "@puzzlefs/reader";

const letters: Record<InodeKind, string> = { file: "-", dir: "d", lnk: "l", chr: "c", blk: "b", fifo: "p", sock: "s" };
export const kindNames: Record<InodeKind, string> = {
  file: "regular file",
  dir: "directory",
  lnk: "symbolic link",
  chr: "character device",
  blk: "block device",
  fifo: "fifo",
  sock: "socket",
};

export const pluralNames: Record<InodeKind, string> = {
  file: "regular files",
  dir: "directories",
  lnk: "symbolic links",
  chr: "character devices",
  blk: "block devices",
  fifo: "fifos",
  sock: "sockets",
};

/** As `ls -l` shows type and permissions: "-rwsr-xr-x". */
export function modeText(kind: InodeKind, mode: number): string {
  let text = letters[kind];
  const special = [0o4000, 0o2000, 0o1000];
  for (const [group, shift] of [6, 3, 0].entries()) {
    const bits = (mode >> shift) & 7;
    const set = (mode & (special[group] as number)) !== 0;
    const letter = group === 2 ? "t" : "s";
    const execute = (bits & 1) !== 0 ? (set ? letter : "x") : set ? letter.toUpperCase() : "-";
    text += ((bits & 4) !== 0 ? "r" : "-") + ((bits & 2) !== 0 ? "w" : "-") + execute;
  }
  return text;
}

/** A modification time in UTC; "-" if the image records none. */
export function timeText(seconds: number, nanoseconds: number): string {
  if (seconds === 0 && nanoseconds === 0) return "-";
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `@${seconds}`;
  return date
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "");
}

export function shortLine({ name }: Listed): string {
  return escapeName(name);
}

export function longLine(listed: Listed): string {
  const { kind, mode, nlink, uid, gid, size, major, minor, name, target } = listed;
  const extent = kind === "chr" || kind === "blk" ? `${major},${minor}` : String(size);
  const arrow = target === undefined ? "" : ` -> ${escapeName(target)}`;
  const time = timeText(listed.mtimeSeconds, listed.mtimeNanoseconds);
  const owner = `${String(uid).padStart(5)} ${String(gid).padStart(5)}`;
  return `${modeText(kind, mode)} ${String(nlink).padStart(3)} ${owner} ${extent.padStart(10)} ${time.padEnd(19)} ${escapeName(name)}${arrow}`;
}

/** The stable form: names and targets escaped as \xHH, mode as stat(2)'s number. */
export function entryObject(listed: Listed): Record<string, unknown> {
  const { ino, kind, mode, nlink, uid, gid, size, major, minor, mtimeSeconds, mtimeNanoseconds, name, target } = listed;
  const attributes = { ino, kind, mode, nlink, uid, gid, size, major, minor, mtimeSeconds, mtimeNanoseconds };
  return { name: escapeBytes(name), ...attributes, ...(target !== undefined && { target: escapeBytes(target) }) };
}

export function entryJson(listed: Listed): string {
  return jsonText(entryObject(listed));
}
