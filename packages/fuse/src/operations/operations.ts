import { EINVAL, EIO, ENAMETOOLONG, ENOENT, ENOSYS, EROFS } from "@puzzlefs/linux";
import { Opcode } from "../wire/abi.ts";
import type { Reply } from "../wire/reply.ts";
import { directoryHandler } from "./directory.ts";
import { ReaddirplusPolicy } from "./readdirplus-policy.ts";
import type { Handler } from "./handler.ts";
import type { MountableTree } from "./mountable.ts";
import { type Negotiated, negotiate } from "./negotiation.ts";
import { seekHandler } from "./seek.ts";
import { xattrHandlers } from "./xattr.ts";

const DOT = 0x2e;
const NAME_MAX = 255;

/** The kernel refuses these on a read-only mount: none should be sent. */
const WRITING = [
  Opcode.SETATTR,
  Opcode.SYMLINK,
  Opcode.MKNOD,
  Opcode.MKDIR,
  Opcode.UNLINK,
  Opcode.RMDIR,
  Opcode.RENAME,
  Opcode.RENAME2,
  Opcode.LINK,
  Opcode.WRITE,
  Opcode.SETXATTR,
  Opcode.REMOVEXATTR,
  Opcode.CREATE,
  Opcode.FALLOCATE,
  Opcode.COPY_FILE_RANGE,
  Opcode.TMPFILE,
];

const unknown: Handler = () => -ENOSYS;

/**
 * One handler for each opcode, indexed by it. The rest return ENOSYS, which has a meaning: OPEN and OPENDIR need not
 * be sent (no state is kept for open files); ACCESS is done by the kernel (default_permissions); FLUSH, FSYNC, LSEEK, STATX
 * and POLL have the kernel's own fallbacks (LSEEK is answered where there are holes); INTERRUPT is useless where each request is
 * answered before the next is read (the session handles it where reads wait).
 *
 * Node ids are inode numbers. They stay valid for the life of the mount without any table, so FORGET has nothing to
 * do, any thread can answer any request, and a new daemon could go on where another stopped.
 *
 * Under an overlay with an index of hard links, file handles of inodes that the kernel has forgotten are resolved for the
 * process that mounts it (`overlayMounter`) alone, until the first request of another process. Later the overlay works
 * without: Linux 6.16 and newer would return ESTALE when the overlay revalidates the nameless dentries of such handles.
 */
export function handlers(
  tree: MountableTree,
  reply: Reply,
  mayTrust: boolean,
  settled: (outcome: Negotiated) => void,
  overlayMounter?: number,
): Handler[] {
  const table: Handler[] = [];
  for (const opcode of Object.values(Opcode)) table[opcode] = unknown;
  for (const opcode of WRITING) table[opcode] = () => -EROFS;
  const xattr = xattrHandlers(tree, mayTrust);
  const policy = new ReaddirplusPolicy();
  table[Opcode.INIT] = (request) => negotiate(tree, request, reply, settled);
  table[Opcode.LOOKUP] = lookupHandler(tree, policy, overlayMounter);
  table[Opcode.GETATTR] = (request) => {
    const attributes = tree.attributes(request.node);
    return attributes === undefined ? -ENOENT : reply.attributes(attributes);
  };
  table[Opcode.READLINK] = (request) => reply.data(tree.readlink(request.node));
  table[Opcode.READ] = readHandler(tree);
  table[Opcode.LSEEK] = seekHandler(tree);
  table[Opcode.READDIR] = directoryHandler(tree, reply);
  table[Opcode.READDIRPLUS] = directoryHandler(tree, reply, policy);
  table[Opcode.STATFS] = () => reply.statfs(tree.contentBytes, tree.inodeCount);
  table[Opcode.GETXATTR] = xattr.get;
  table[Opcode.LISTXATTR] = xattr.list;
  table[Opcode.RELEASE] = () => 0;
  table[Opcode.RELEASEDIR] = () => 0;
  table[Opcode.DESTROY] = () => 0;
  return table;
}

function lookupHandler(tree: MountableTree, policy: ReaddirplusPolicy, overlayMounter: number | undefined): Handler {
  let mounting = overlayMounter !== undefined;
  return (request, reply) => {
    if (mounting && request.pid !== overlayMounter) mounting = false;
    const directory = request.node;
    const name = request.name;
    if (name.length === 0) return -EINVAL;
    // The kernel passes on up to 1,024.
    if (name.length > NAME_MAX) return -ENAMETOOLONG;
    if (overlayMounter !== undefined && !mounting && isDot(name)) return -ENOENT;
    const ino = name[0] === DOT && name.length <= 2 ? dots(tree, directory, name) : tree.lookup(directory, name);
    if (ino === undefined) return reply.negativeEntry();
    policy.lookedUp(directory);
    const attributes = tree.attributes(ino);
    return attributes === undefined ? -ENOENT : reply.entry(attributes);
  };
}

function isDot(name: Uint8Array): boolean {
  return name.length === 1 && name[0] === DOT;
}

/** "." and ".." are looked up only to turn a file handle (NFS, overlayfs) into a dentry again. */
function dots(tree: MountableTree, node: number, name: Uint8Array): number | undefined {
  if (name.length === 1) return node;
  return name[1] === DOT ? tree.parent(node) : tree.lookup(node, name);
}

function readHandler(tree: MountableTree): Handler {
  return (request, reply) => {
    const size = request.readSize;
    // More than was negotiated. It is not shortened: the kernel interprets a short reply as the end of the file.
    if (size > reply.capacity) return -EIO;
    return tree.read(request.node, request.readOffset, reply.payload(size));
  };
}
