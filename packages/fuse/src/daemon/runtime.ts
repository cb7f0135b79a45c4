import { constants, realpathSync } from "node:fs";
import {
  cloneForMoving,
  cloneNamespace,
  cloneReadOnly,
  close,
  Directory,
  FileStatus,
  FileSystemContext,
  hasCode,
  hasProc,
  MNT_DETACH,
  moveMount,
  O_PATH,
  openNamed,
  umountAt,
} from "@puzzlefs/linux";
import { copyProgram } from "./program-copy.ts";

/**
 * A directory tree with only Node, its libraries and the program: read-only mounts of them, at their own paths, while the
 * tree itself is mounted at no path. The processes behind a mount are started in it: root of a container finds only
 * read-only files in /proc/PID/exe and map_files (CVE-2019-5736), and a supervisor can start servers for as long as it
 * runs, wherever pivot_root(2) leads its paths. Returns a descriptor of the tree, or of a mount namespace whose root it is; undefined without the
 * privilege to mount.
 *
 * @param program files and directories of the program, absolute and real paths
 * @param copied directories of it that an upgrade may empty, for a process that starts others later
 */
export function buildRuntime(program: readonly string[], copied: readonly string[] = []): number | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  using parent = Directory.open("/tmp");
  const { name, directory } = parent.makeTemporary("puzzlefs-");
  try {
    return assemble(parent, name, directory, program, copied);
  } catch (error) {
    if (hasCode(error, "EPERM", "ENOSYS")) return undefined;
    throw error;
  } finally {
    directory.close();
    parent.removeDirectory(name);
  }
}

/** The file of Node that runs this. Without /proc, Node does not resolve links in the path by which it was started. */
export function nodeFile(): string {
  return realpathSync(process.execPath);
}

function assemble(
  parent: Directory,
  name: string,
  covered: Directory,
  program: readonly string[],
  copied: readonly string[],
): number | undefined {
  {
    using context = new FileSystemContext("tmpfs");
    context.set("source", "puzzlefs");
    context.set("mode", "0755");
    context.mountOn(covered.descriptor, 0);
  }
  try {
    using root = parent.directory(name);
    const mounted = withoutCovered([...program, nodeFile(), ...libraries()]);
    for (const path of mounted) if (!copied.includes(path)) show(root, path);
    for (const path of copied) {
      using from = Directory.open(path);
      using to = makeDirectories(root, path);
      copyProgram(from, to, (file) => show(root, file));
    }
    return cloneTree(root);
  } finally {
    umountAt(parent.descriptor, name, MNT_DETACH);
  }
}

function cloneTree(root: Directory): number | undefined {
  const tree = cloneReadOnly(root.descriptor, 0, true);
  if (hasMounts(tree)) return tree;
  // Linux 7.3 takes a tree apart that is in no namespace. A namespace is not what all kernels get: starting a process in it changes this one.
  close(tree);
  try {
    return hasProc() ? cloneNamespace(root.descriptor) : undefined;
  } catch (error) {
    // An older kernel to which the change has been ported.
    if (hasCode(error, "EINVAL")) return undefined;
    throw error;
  }
}

/** Whether what was mounted in a tree is still there. */
function hasMounts(tree: number): boolean {
  const status = new FileStatus();
  const name = nodeFile().slice(1);
  return status.readIfPresent(tree, name) && status.size > 0;
}

/** Mounts what is at `path` at the same path below `root`, read-only. */
function show(root: Directory, path: string): void {
  const source = openNamed(path, O_PATH);
  try {
    const status = new FileStatus();
    status.readDescriptor(source);
    const target = makeMountPoint(root, path.split("/").filter(Boolean), status.type === constants.S_IFDIR);
    try {
      const clone = cloneForMoving(source, 0);
      try {
        moveMount(clone, target);
      } finally {
        close(clone);
      }
    } finally {
      close(target);
    }
  } finally {
    close(source);
  }
}

/** Makes an empty file or directory below `root`. Returns a descriptor for close(). */
function makeMountPoint(root: Directory, names: readonly string[], isDirectory: boolean): number {
  const [name, ...rest] = names;
  if (rest.length === 0 && !isDirectory) {
    close(root.createFile(name));
    return openNamed(name, O_PATH, 0, root.descriptor);
  }
  using next = root.makeOrOpen(name, 0o755);
  return rest.length === 0 ? openNamed(".", O_PATH, 0, next.descriptor) : makeMountPoint(next, rest, isDirectory);
}

function makeDirectories(root: Directory, path: string): Directory {
  return new Directory(makeMountPoint(root, path.split("/").filter(Boolean), true), path);
}

/** Paths of the shared libraries of this process, as it loaded them. */
function libraries(): string[] {
  // Otherwise the report looks up the names of connected hosts.
  Object.assign(process.report, { excludeNetwork: true });
  const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] };
  return sharedObjects.filter((path) => path.startsWith("/"));
}

/** Leaves out paths that are inside a directory of the list. */
function withoutCovered(paths: readonly string[]): string[] {
  const sorted = [...new Set(paths)].toSorted();
  return sorted.filter((path) => !sorted.some((other) => path.startsWith(`${other}/`)));
}
