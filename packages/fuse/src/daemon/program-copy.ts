import { constants, readFileSync, writeSync } from "node:fs";
import { close, type Directory, FileStatus, readlinkat, symlinkat, textOf } from "@puzzlefs/linux";

/** Larger files, and native add-ons, which are mapped, are mounted instead: a mount keeps its file when the name is removed. */
const LARGEST = 512 << 10;

/**
 * Copies what an opened directory of the program has into a directory at the same path of another tree, for processes that start
 * others later: an upgrade removes the program's files, and Node would look for them permanently.
 *
 * @param mountFile shows a file at its own path
 */
export function copyProgram(from: Directory, to: Directory, mountFile: (path: string) => void): void {
  const status = new FileStatus();
  for (const { name: bytes } of from.entries()) {
    const name = textOf(bytes);
    if (!from.status(name, status)) continue;
    const { type, size } = status;
    if (type === constants.S_IFDIR) {
      using source = from.directory(name);
      using target = to.makeOrOpen(name, 0o755);
      copyProgram(source, target, mountFile);
    } else if (type === constants.S_IFLNK) symlinkat(readlinkat(from.descriptor, name), to.descriptor, name);
    else if (type !== constants.S_IFREG) continue;
    else if (size > LARGEST || name.endsWith(".node")) mountFile(from.pathOf(name));
    else copyFile(from, to, name);
  }
}

function copyFile(from: Directory, to: Directory, name: string): void {
  const source = from.openFile(name);
  if (source === undefined) return;
  try {
    const target = to.createFile(name);
    try {
      const content = readFileSync(source);
      for (let done = 0; done < content.length;) done += writeSync(target, content, done);
    } finally {
      close(target);
    }
  } finally {
    close(source);
  }
}
