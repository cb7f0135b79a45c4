import { TRAIT_SELINUX } from "@puzzlefs/reader";
import { CAP_SYS_ADMIN, ENODATA, ENOSYS, EOPNOTSUPP, ERANGE, hasCapability } from "@puzzlefs/linux";
import type { Request } from "../wire/request.ts";
import type { Handler } from "./handler.ts";
import { mayHave, mayHaveAcls, mayHaveXattrs, type MountableTree } from "./mountable.ts";

/** The uid in requests when idmapped mounts are allowed: the kernel then checks permissions itself. */
const UNKNOWN_UID = 0xffffffff;
const TRUSTED = Buffer.from("trusted.");

type Xattrs = ReturnType<MountableTree["xattrs"]>;

/** Handlers of GETXATTR and LISTXATTR. Names of trusted.* are listed only with `mayTrust`. */
export function xattrHandlers(tree: MountableTree, mayTrust: boolean): { get: Handler; list: Handler } {
  if (!mayHaveXattrs(tree)) {
    // After ENOSYS the kernel sends no such request any more.
    const never: Handler = () => -ENOSYS;
    return { get: never, list: never };
  }

  // Programs ask for the size first and then for the value, and for all attributes of one inode in a row.
  let cachedNode = 0;
  let cached: Xattrs = [];
  const xattrsOf = (node: number): Xattrs => {
    if (node !== cachedNode) {
      cached = tree.xattrs(node);
      cachedNode = node;
    }
    return cached;
  };

  const unsupported = unsupportedNames(tree);

  const get: Handler = (request, reply) => {
    const name = request.xattrName;
    if (unsupported.some((other) => equal(other, name))) return -EOPNOTSUPP;
    const xattrs = xattrsOf(request.node);
    const found = xattrs.find((xattr) => equal(xattr.name, name));
    if (found === undefined) return -ENODATA;
    if (request.xattrSize === 0) return reply.xattrSize(found.value.length);
    return found.value.length > request.xattrSize ? -ERANGE : reply.data(found.value);
  };

  const list: Handler = (request, reply) => {
    const shown = visible(xattrsOf(request.node), request, mayTrust);
    const size = shown.reduce((sum, xattr) => sum + xattr.name.length + 1, 0);
    if (request.xattrSize === 0) return reply.xattrSize(size);
    if (size > request.xattrSize) return -ERANGE;
    const body = reply.payload(size);
    let at = 0;
    for (const { name } of shown) {
      body.set(name, at);
      body[at + name.length] = 0;
      at += name.length + 1;
    }
    return size;
  };

  return { get, list };
}

/**
 * Names that no inode of this tree has, and that programs request for every file unless the reply is EOPNOTSUPP.
 */
function unsupportedNames(tree: MountableTree): Buffer[] {
  const names: string[] = [];
  if (!mayHave(tree, TRAIT_SELINUX)) names.push("security.selinux");
  if (!mayHaveAcls(tree)) names.push("system.posix_acl_access", "system.posix_acl_default");
  return names.map((name) => Buffer.from(name));
}

/** For FUSE, the kernel restricts access to the values of trusted.* but not to their names, as other file systems do. */
function visible(xattrs: Xattrs, request: Request, mayTrust: boolean): Xattrs {
  if (!xattrs.some(isTrusted) || (mayTrust && mayUseTrusted(request))) return xattrs;
  return xattrs.filter((xattr) => !isTrusted(xattr));
}

function isTrusted({ name }: Xattrs[number]): boolean {
  return equal(name.subarray(0, TRUSTED.length), TRUSTED);
}

/** As in the kernel, the capability is needed in the initial user namespace. */
function mayUseTrusted({ uid, pid }: Request): boolean {
  if (uid !== UNKNOWN_UID) return uid === 0;
  // 0: a process outside of our pid namespace.
  return pid !== 0 && hasCapability(pid, CAP_SYS_ADMIN);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
