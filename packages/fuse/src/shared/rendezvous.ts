import { createHash } from "node:crypto";
import { constants, readFileSync, readlinkSync } from "node:fs";
import { getPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  close,
  connectAt,
  Directory,
  FileStatus,
  flock,
  hasCode,
  inInitialNamespace,
  listenAt,
  LOCK_EX,
  LOCK_NB,
  openNamed,
  peerUser,
} from "@puzzlefs/linux";

const NAME = "puzzlefs";
const SOCKET_NAME = /^[0-9a-f]{64}$/;
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
/** Milliseconds between two attempts to lock the directory, and their number. Another command has the lock for an instant. */
const PAUSE = 5;
const MOST_PAUSES = 400;
/** Sockets without a process behind them that one command removes at most. */
const MOST_REMOVED = 64;

/**
 * The directory of this user's sockets: /run/puzzlefs, or that name in /run/user/UID, which no other user may enter. The environment
 * does not count, as for all that the program opens. Undefined where there is none: not for root of a container.
 */
export function socketDirectory(): Directory | undefined {
  const uid = process.geteuid?.() ?? 0;
  if (!inInitialNamespace("user")) return undefined;
  try {
    using parent = Directory.open(uid === 0 ? "/run" : `/run/user/${uid}`);
    const directory = parent.makeOrOpen(NAME, 0o700);
    const status = new FileStatus();
    status.readDescriptor(directory.descriptor);
    if (status.uid === uid && (status.mode & 0o077) === 0) return directory;
    directory.close();
    return undefined;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR", "EACCES", "EPERM", "EROFS", "ELOOP")) return undefined;
    throw error;
  }
}

/**
 * The name of the socket for servers that `parts` distinguish. Commands share a server only if they are alike in all that a
 * process inherits: its rights and limits; namespaces, which it keeps in use; its control group, which memory is charged to, and
 * with which processes are killed. Undefined without /proc.
 */
export function socketName(parts: readonly string[]): string | undefined {
  const proc = (name: string): string => readFileSync(`/proc/self/${name}`, "latin1");
  try {
    const namespaces = NAMESPACES.map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
    const rights = proc("status").match(/^(Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):.*$/gm) ?? [];
    const own = [...namespaces, ...rights, proc("cgroup"), proc("limits"), label(), String(getPriority())];
    return createHash("sha256")
      .update(JSON.stringify([...own, ...parts]))
      .digest("hex");
  } catch (error) {
    if (hasCode(error, "ENOENT", "EACCES", "ENOTDIR")) return undefined;
    throw error;
  }
}

function label(): string {
  try {
    return readFileSync("/proc/self/attr/current", "latin1");
  } catch {
    // No security module.
    return "";
  }
}

/**
 * A connection to the server of that name, or the socket at which a new one is to listen: of commands that come at once, one gets that,
 * and the others' connections wait until its server accepts them. Undefined if another command keeps the directory locked, or
 * too many commands wait.
 */
export async function joinServer(
  directory: Directory,
  name: string,
): Promise<{ connection: number } | { listener: number } | undefined> {
  try {
    return await connectOrListen(directory, name);
  } catch (error) {
    // Too many commands wait for it.
    if (hasCode(error, "EAGAIN")) return undefined;
    throw error;
  }
}

async function connectOrListen(directory: Directory, name: string): ReturnType<typeof joinServer> {
  const connection = connectToOwn(directory, name);
  if (connection !== undefined) return { connection };
  const lock = openNamed(".", constants.O_RDONLY | constants.O_DIRECTORY, 0, directory.descriptor);
  try {
    for (let pauses = 0; !flock(lock, LOCK_EX | LOCK_NB); pauses++) {
      if (pauses === MOST_PAUSES) return undefined;
      await sleep(PAUSE);
    }
    const meanwhile = connectToOwn(directory, name);
    if (meanwhile !== undefined) return { connection: meanwhile };
    removeUnused(directory, name);
    return { listener: listenAt(directory.descriptor, name) };
  } finally {
    close(lock);
  }
}

function connectToOwn(directory: Directory, name: string): number | undefined {
  const connection = connectAt(directory.descriptor, name);
  if (connection === undefined || peerUser(connection) === process.geteuid?.()) return connection;
  close(connection);
  return undefined;
}

/** Removes the socket of a server that has ended, and some others: they cannot do it, as they see only their store. */
function removeUnused(directory: Directory, name: string): void {
  directory.removeFile(name);
  for (const other of directory
    .names()
    .filter((found) => SOCKET_NAME.test(found))
    .slice(0, MOST_REMOVED)) {
    const connection = connectAt(directory.descriptor, other);
    if (connection === undefined) directory.removeFile(other);
    else close(connection);
  }
}
