import { type Directory, hasCode, type MadeDirectory } from "@puzzlefs/linux";
import { LayoutError } from "./errors.ts";
import { DIRECTORY_MODE } from "./files.ts";

/** Opens a directory of the layout, which may be a link: LXC makes blobs/sha256 a link to a directory that all containers share. */
export function linked(directory: Directory, name: string): Directory {
  try {
    return directory.linkedDirectory(name);
  } catch (error) {
    if (!hasCode(error, "ELOOP")) throw error;
    const problem = "a symbolic link of another user's to what is not that user's, or a loop: it is not followed";
    throw new LayoutError("refused", directory.pathOf(name), problem, error);
  }
}

/** The same, but it is made if it is missing; `made` gets it then. */
export function makeLinked(directory: Directory, name: string, made: MadeDirectory[]): Directory {
  try {
    return linked(directory, name);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
  try {
    return directory.makeOrOpen(name, DIRECTORY_MODE, made);
  } catch (error) {
    // A link that leads nowhere, or one that another process has made meanwhile.
    if (!hasCode(error, "ENOTDIR", "ELOOP")) throw error;
    return linked(directory, name);
  }
}

/** Removes directories that were made and are empty, the innermost first. False where one is not empty any more. */
export function removeMade(made: MadeDirectory[]): boolean {
  for (let last = made.at(-1); last !== undefined; last = made.at(-1)) {
    try {
      last.parent.removeDirectory(last.name);
    } catch (error) {
      if (hasCode(error, "ENOTEMPTY", "EEXIST")) return false;
      if (!hasCode(error, "ENOENT")) throw error;
    }
    last.parent.close();
    made.pop();
  }
  return true;
}
