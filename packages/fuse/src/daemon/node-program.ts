import { closeSync, constants, openSync } from "node:fs";
import { cloneReadOnly, O_PATH } from "@puzzlefs/linux";

let clone: number | undefined;
let tried = false;

/**
 * The file of Node for processes behind mounts. The root of a container may open /proc/PID/exe of such a process for
 * writing once it has killed it (CVE-2019-5736): what it finds there is a read-only mount of the program at no path.
 * Without the privilege to make one, the program itself: then nobody in a container may write it either.
 */
export function nodeProgram(): string {
  if (!tried) {
    tried = true;
    clone = cloneProgram();
  }
  return clone === undefined ? process.execPath : `/proc/self/fd/${clone}`;
}

function cloneProgram(): number | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const program = openSync(process.execPath, O_PATH | constants.O_RDONLY);
  try {
    return cloneReadOnly(program, 0);
  } catch {
    // Not permitted here, or an older kernel.
    return undefined;
  } finally {
    closeSync(program);
  }
}
