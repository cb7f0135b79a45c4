import { MAX_PERMISSIONS } from "@puzzlefs/format";
import type { DumpEntry } from "./dump-entry.ts";
import { escapeOctal } from "./escape.ts";

export const mtreeHeader = "#mtree";

const types = { dir: "dir", file: "file", lnk: "link", chr: "char", blk: "block", fifo: "fifo", sock: "socket" };

/** One entry as NetBSD's mtree(8) reads it: full paths from ".", names in octal escapes. */
export function mtreeLine(entry: DumpEntry, times: boolean): string {
  const { attributes: a } = entry;
  const isRoot = entry.path.length === 1;
  const words = [
    isRoot ? "." : `.${escapeOctal(entry.path)}`,
    `type=${types[a.kind]}`,
    `uid=${a.uid}`,
    `gid=${a.gid}`,
    `mode=${(a.mode & MAX_PERMISSIONS).toString(8).padStart(4, "0")}`,
    `nlink=${a.nlink}`,
  ];
  // mtree reads what follows the point as a number of nanoseconds, not as decimals: no zeros before it.
  if (times) words.push(`time=${a.mtimeSeconds}.${a.mtimeNanoseconds}`);
  if (a.kind === "file") words.push(`size=${a.size}`, `sha256=${entry.sha256}`);
  if (a.kind === "chr" || a.kind === "blk") words.push(`device=native,${a.major},${a.minor}`);
  if (entry.target !== undefined) words.push(`link=${escapeOctal(entry.target)}`);
  return words.join(" ");
}
