/** Mounts, also such as are at no path: umount2(2), open_tree(2), mount_setattr(2), move_mount(2). */
import { close } from "./descriptors.ts";
import { bind, check } from "./library.ts";
import { AT_EMPTY_PATH, AT_RECURSIVE, O_CLOEXEC } from "./open-flags.ts";
import { withWorkingDirectory } from "./privileges.ts";
import { nulTerminated, printable, type Path } from "./paths.ts";

// By number, the same on every architecture: the C library has names for them only since glibc 2.36.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;

const OPEN_TREE_CLONE = 1;
/** Since Linux 7.0. */
const OPEN_TREE_NAMESPACE = 2;
const OPEN_TREE_CLOEXEC = O_CLOEXEC;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MS_PRIVATE = 1n << 18n;

/** Attributes of a mount, for fsmount(2) and mount_setattr(2). */
export const MOUNT_ATTR_RDONLY = 1;
export const MOUNT_ATTR_NOSUID = 2;
export const MOUNT_ATTR_NODEV = 4;
export const MOUNT_ATTR_NOEXEC = 8;
/** How access times are updated, a number of three bits: relatime is 0. */
export const MOUNT_ATTR_ATIME = 0x70;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
/** Since Linux 5.14. */
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

/** A flag of umount2(2). */
export const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const empty = new Uint8Array(1);
const umountNative = bind("int umount2(const void *target, int flags)");
const openTree = bind("int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags)");
const moveMountNative = bind(
  "int64_t syscall(int64_t number, int from, const void *path, int to, const void *target, unsigned int flags)",
);
const setAttributes = bind(
  "int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags, const void *attributes, size_t size)",
);

/** umount2(2) of `name` in an opened directory; "" is the directory itself. `flags` are MNT_*; a link is not followed. */
export function umountAt(directory: number, name: Path, flags: number): void {
  const path = name.length === 0 ? "." : name;
  const result = withWorkingDirectory(directory, () => umountNative(nulTerminated(path), flags | UMOUNT_NOFOLLOW));
  check(result, "umount", () => printable(name));
}

/** Changes attributes (MOUNT_ATTR_*) of the mount whose root is open (O_PATH will do). Throws ENOSYS before Linux 5.12. */
export function changeMount(descriptor: number, set: number, clear: number): void {
  check(setMountAttributes(descriptor, AT_EMPTY_PATH, set, clear, 0n), "mount_setattr");
}

/**
 * A read-only copy of what is mounted at an open file or directory (O_PATH will do), which is its root: ".." does not
 * lead out of it. It is at no path, and private; nothing in it can be executed as another user or is a device. With
 * `recursive` mounts below come along. Returns an O_PATH descriptor for close(), with which the copy ends unless it is
 * in use. Throws EPERM without CAP_SYS_ADMIN, ENOSYS before Linux 5.12.
 */
export function cloneReadOnly(descriptor: number, attributes: number, recursive = false): number {
  const clone = cloneForMoving(descriptor, attributes, recursive);
  try {
    // The first descriptor of a copy keeps a mount namespace for it, in which root of another namespace can change the
    // copy's attributes. Without that descriptor, no process can change or copy it.
    return reopen(clone);
  } finally {
    close(clone);
  }
}

/**
 * The root of a mount namespace of its own with a copy of what is mounted at an open directory and below it, which become read-only and private.
 * Processes of other namespaces can neither change nor copy it. Returns a descriptor of the namespace, for withMountNamespace(). Throws EINVAL
 * before Linux 7.0, EPERM without CAP_SYS_ADMIN.
 */
export function cloneNamespace(descriptor: number): number {
  restrict(descriptor, 0, AT_RECURSIVE);
  const how = OPEN_TREE_NAMESPACE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE;
  return check(openTree(SYS_OPEN_TREE, descriptor, empty, how), "open_tree");
}

/** As cloneReadOnly(), but a descriptor for moveMount(): never to be handed to another process. */
export function cloneForMoving(descriptor: number, attributes: number, recursive = false): number {
  const recursion = recursive ? AT_RECURSIVE : 0;
  const how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursion;
  const clone = check(openTree(SYS_OPEN_TREE, descriptor, empty, how), "open_tree");
  try {
    restrict(clone, attributes, recursion);
    return clone;
  } catch (error) {
    close(clone);
    throw error;
  }
}

/** Makes an opened mount read-only and private, with `attributes`. */
function restrict(mount: number, attributes: number, recursion: number): void {
  const set = attributes | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  check(setMountAttributes(mount, AT_EMPTY_PATH | recursion, set, 0, MS_PRIVATE), "mount_setattr");
}

/** Returns the call's result. */
function setMountAttributes(mount: number, how: number, set: number, clear: number, propagation: bigint): number {
  // struct mount_attr: attributes to set, to clear, propagation, user namespace.
  const bytes = new Uint8Array(new BigUint64Array([BigInt(set), BigInt(clear), propagation, 0n]).buffer);
  return setAttributes(SYS_MOUNT_SETATTR, mount, empty, how, bytes, bytes.length);
}

/** Another O_PATH descriptor of an open file or directory. */
function reopen(descriptor: number): number {
  const result = openTree(SYS_OPEN_TREE, descriptor, empty, OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  return check(result, "open_tree");
}

/** Puts a mount that is at no path on an opened directory or file. */
export function moveMount(source: number, target: number): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  check(moveMountNative(SYS_MOVE_MOUNT, source, empty, target, empty, flags), "move_mount");
}
