import { lsetxattr } from "@puzzlefs/linux";

/** Extended attributes of every namespace, as bytes: no tool has to be installed to make them. */

const CAP_NET_RAW = 13;
const VFS_CAP_REVISION_2 = 0x02000000;
const EFFECTIVE = 1;

/** `cap_net_raw+ep`, as setcap(8) writes it. */
export function setCapability(path: Buffer): void {
  const value = Buffer.alloc(20);
  value.writeUInt32LE(VFS_CAP_REVISION_2 | EFFECTIVE, 0);
  value.writeUInt32LE(1 << CAP_NET_RAW, 4);
  lsetxattr(path, "security.capability", value);
}

/** Tag, permissions and id of an entry of an access control list (acl(5)). */
type AclEntry = readonly [tag: number, permissions: number, id: number];

const USER_OBJECT = 0x01;
const USER = 0x02;
const GROUP_OBJECT = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHER = 0x20;
const NO_ID = 0xffffffff;

/** Named users and groups, an ordinary one and the largest that there is. */
const entries: readonly AclEntry[] = [
  [USER_OBJECT, 7, NO_ID],
  [USER, 5, 1000],
  [USER, 4, 0xfffffffe],
  [GROUP_OBJECT, 5, NO_ID],
  [GROUP, 6, 100],
  [MASK, 7, NO_ID],
  [OTHER, 1, NO_ID],
];

/** @param kind `access` for files and directories, `default` for what is made in a directory */
export function setAcl(path: Buffer, kind: "access" | "default"): void {
  const version = Buffer.from([2, 0, 0, 0]);
  const encoded = entries.map(([tag, permissions, id]) => {
    const entry = Buffer.alloc(8);
    entry.writeUInt16LE(tag, 0);
    entry.writeUInt16LE(permissions, 2);
    entry.writeUInt32LE(id, 4);
    return entry;
  });
  lsetxattr(path, `system.posix_acl_${kind}`, Buffer.concat([version, ...encoded]));
}

/** ext4 keeps all attributes of an inode in one block: this and the others just fit. */
const largeValue = 3000;

/** Attributes that any owner may set: empty, binary, large, and with an odd name. */
export function setUserAttributes(path: Buffer): void {
  lsetxattr(path, "user.empty", Buffer.alloc(0));
  lsetxattr(path, "user.binary", Buffer.from([0, 1, 0xff, 0x0a, 0]));
  lsetxattr(path, "user.large", Buffer.alloc(largeValue, "v"));
  lsetxattr(path, Buffer.from("user.\xff =\n", "latin1"), Buffer.from("odd name"));
}
