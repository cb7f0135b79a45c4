/** Mounting, and mounts that are at no path: mount(2), umount2(2), open_tree(2), mount_setattr(2), move_mount(2). */
import { close } from "./descriptors.ts";
import { bind, check, SystemError } from "./library.ts";
import { nulTerminated, printable, type Path } from "./paths.ts";

// By number, the same on every architecture: the C library has names for them only since glibc 2.36.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;

const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MS_PRIVATE = 1n << 18n;

/** Flags of mount(2), and the attributes of the same values for mount_setattr(2). */
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;

/** Flags of umount2(2). */
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

const empty = new Uint8Array(1);
const mountNative = bind(
  "int mount(const void *source, const void *target, const void *type, unsigned long flags, const void *data)",
);
const umountNative = bind("int umount2(const void *target, int flags)");
const openTree = bind("int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags)");
const moveMountNative = bind(
  "int64_t syscall(int64_t number, int from, const void *path, int to, const void *target, unsigned int flags)",
);
const setAttributes = bind(
  "int64_t syscall(int64_t number, int dirfd, const void *path, unsigned int flags, const void *attributes, size_t size)",
);

/** mount(2). `flags` are MS_*. */
export function mount(
  source: string | null,
  target: Path,
  type: string | null,
  flags: number,
  data: string | null,
): void {
  const text = (value: string | null): Uint8Array | null => (value === null ? null : nulTerminated(value));
  const result = mountNative(text(source), nulTerminated(target), text(type), flags, text(data));
  check(result, "mount", () => printable(target));
}

/** umount2(2). `flags` are MNT_* and UMOUNT_NOFOLLOW. */
export function umount(target: Path, flags: number): void {
  check(umountNative(nulTerminated(target), flags), "umount", () => printable(target));
}

/**
 * A read-only copy of what is mounted at an open file or directory (O_PATH will do), which is its root: ".." does not
 * lead out of it. It is at no path, and private; nothing in it can be executed as another user or is a device. With
 * `recursive` mounts below come along. Returns an O_PATH descriptor for close(), with which the copy ends unless it is
 * in use. Throws EPERM without CAP_SYS_ADMIN, ENOSYS before Linux 5.12.
 */
export function cloneReadOnly(descriptor: number, flags: number, recursive = false): number {
  const clone = cloneForMoving(descriptor, flags, recursive);
  try {
    // The first descriptor of a copy keeps a mount namespace for it, in which root of another namespace can change the
    // copy's attributes. Without that descriptor, the kernel lets nobody change or copy it.
    return reopen(clone);
  } finally {
    close(clone);
  }
}

/** As cloneReadOnly(), but a descriptor for moveMount(): never to be handed to another process. */
export function cloneForMoving(descriptor: number, flags: number, recursive = false): number {
  const recursion = recursive ? AT_RECURSIVE : 0;
  const how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursion;
  const clone = check(openTree(SYS_OPEN_TREE, descriptor, empty, how), "open_tree");
  // struct mount_attr: attributes to set, to clear, propagation, user namespace.
  const attributes = new BigUint64Array([BigInt(flags | MS_RDONLY | MS_NOSUID | MS_NODEV), 0n, MS_PRIVATE, 0n]);
  const bytes = new Uint8Array(attributes.buffer);
  const result = setAttributes(SYS_MOUNT_SETATTR, clone, empty, AT_EMPTY_PATH | recursion, bytes, bytes.length);
  if (result === 0) return clone;
  close(clone);
  throw new SystemError(-result, "mount_setattr");
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
