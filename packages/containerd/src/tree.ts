import { constants } from "node:fs";
import {
  AT_REMOVEDIR,
  Descent,
  type Directory,
  FileStatus,
  hasCode,
  type Level,
  listDirectory,
  unlinkat,
} from "@puzzlefs/linux";
import { Turns } from "@puzzlefs/oci";
import type { Usage } from "./snapshot.ts";

/** A directory of the tree that is not what it was when its parent was listed. */
class ChangedError extends Error {
  override readonly name = "ChangedError";
}

/** What is done with a tree that processes of a container may change meanwhile. All calls are relative to `directory`, and valid at once only. */
interface Visitor {
  /** An entry, directories before their content. */
  entry(directory: number, name: Buffer, status: FileStatus): void;
  /** A directory whose entries have been visited. */
  leave?(directory: number, name: Uint8Array): void;
}

/**
 * Removes a directory with its content. Whatever is renamed or linked in it meanwhile, nothing else is removed, and its depth does not
 * matter. Returns to the event loop now and then. Throws SystemError for what cannot be removed.
 */
export async function removeTree(parent: Directory, name: string): Promise<void> {
  {
    using directory = parent.directory(name);
    await visit(directory, {
      entry: (at, child, { type }) => {
        if (type !== constants.S_IFDIR) unlinkat(at, child);
      },
      leave: (at, child) => unlinkat(at, child, AT_REMOVEDIR),
    });
  }
  parent.removeDirectory(name);
}

/** The space that a tree takes: files with several names once. What vanishes meanwhile is not counted. */
export async function measureTree(directory: Directory): Promise<Usage> {
  const usage = { bytes: 0, inodes: 0 };
  const linked = new Set<string>();
  const count = (status: FileStatus): void => {
    if (status.type !== constants.S_IFDIR && status.nlink > 1) {
      if (linked.has(status.identity)) return;
      linked.add(status.identity);
    }
    usage.bytes += status.allocated;
    usage.inodes++;
  };
  const root = new FileStatus();
  root.readDescriptor(directory.descriptor);
  count(root);
  await visit(directory, { entry: (_at, _name, status) => count(status) });
  return usage;
}

async function visit(root: Directory, { entry, leave }: Visitor): Promise<void> {
  using descent = new Descent(root.descriptor, (level, cause) => {
    if (cause !== undefined && !hasCode(cause, "ENOENT", "ENOTDIR", "ELOOP")) return cause as Error;
    return new ChangedError(`${root.path}: a directory at depth ${level.depth} has changed`);
  });
  const status = new FileStatus();
  const turns = new Turns(() => {});
  /** Directories to enter, and those to leave once all behind them on this list have been left. */
  const waiting: { level: Level; isEntered: boolean }[] = [{ level: descent.root, isEntered: false }];
  const ignoringChanges = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof ChangedError) && !hasCode(error, "ENOENT")) throw error;
    }
  };
  for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
    const { level } = next;
    if (next.isEntered) {
      const { parent, name } = level;
      if (parent !== undefined) ignoringChanges(() => leave?.(descent.enter(parent), name));
      waiting.pop();
      continue;
    }
    next.isEntered = true;
    let directory = -1;
    let names: Buffer[] = [];
    ignoringChanges(() => {
      directory = descent.enter(level);
      names = listDirectory(directory).map(({ name }) => name);
    });
    for (const name of names) {
      ignoringChanges(() => {
        if (!status.readIfPresent(directory, name)) return;
        entry(directory, name, status);
        if (status.type === constants.S_IFDIR)
          waiting.push({ level: descent.level(level, name, status), isEntered: false });
      });
      if (turns.isDue) await turns.take();
    }
  }
}
