import { readFileSync } from "node:fs";
import { hasCode, hasProc, MissingProcError, textOf } from "@puzzlefs/linux";

/** One line of /proc/self/mountinfo. */
export interface MountEntry {
  /** Unique among the present mounts. */
  id: string;
  /** "MAJOR:MINOR" of st_dev. */
  device: string;
  mountpoint: string;
  /** "fuse.puzzlefs" */
  type: string;
  source: string;
  /** Options of the mount, as the kernel lists them. */
  options: string;
  /** Options of the file system, latin1. */
  superOptions: string;
}

/** All mounts of this process's mount namespace, oldest first. Throws MissingProcError. */
export function listMounts(): MountEntry[] {
  return parseMountInfo(readProc("/proc/self/mountinfo"));
}

/** The mounts in a text as /proc/self/mountinfo has it, latin1. */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    // ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS
    const fields = line.split(" ");
    const dash = fields.indexOf("-");
    if (dash < 0) continue;
    entries.push({
      id: fields[0],
      device: fields[2],
      mountpoint: unescape(fields[4]),
      options: fields[5],
      type: fields[dash + 1],
      source: unescape(fields[dash + 2]),
      superOptions: fields[dash + 3],
    });
  }
  return entries;
}

/** The topmost mount on `mountpoint` (a resolved path). */
export function findMount(mountpoint: string): MountEntry | undefined {
  return listMounts().findLast((entry) => entry.mountpoint === mountpoint);
}

/**
 * Whether a mount is of an image: by the driver, by FUSE, or an overlay whose lower layer is one, which
 * packages/mount/src/overlay.ts mounts below a directory of that name.
 */
export function isOurs({ type, superOptions }: MountEntry): boolean {
  if (type === "overlay") return /(^|,)lowerdir\+?=[^,]*\/puzzlefs-[\w-]+\/lower(,|$)/.test(superOptions);
  return type === "puzzlefs" || type === "fuse.puzzlefs";
}

/** The mount that an open file or directory is in. */
export function mountOf(descriptor: number): MountEntry | undefined {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readProc(`/proc/self/fdinfo/${descriptor}`))?.[1];
  return listMounts().find((entry) => entry.id === id);
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR") || hasProc()) throw error;
    throw new MissingProcError("what is mounted cannot be looked up without it");
  }
}

/** A latin1 field as a path. The kernel writes space, tab, newline and backslash as octal escapes. */
function unescape(field: string): string {
  const bytes = field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return textOf(Buffer.from(bytes, "latin1"));
}
