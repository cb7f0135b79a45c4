const shown = ["user.", "trusted.", "security."];
const accessControlLists = new Set(["system.posix_acl_access", "system.posix_acl_default"]);
const ofTheHost = ["security.selinux", "btrfs.", "system.nfs4_acl", "system.nfs4_dacl", "system.nfs4_sacl"];

/** Whether Linux knows the attribute's namespace; other names in an image are hidden, not refused. */
export function isKnownXattr(name: Uint8Array): boolean {
  const text = Buffer.from(name).toString("latin1");
  return accessControlLists.has(text) || shown.some((prefix) => text.length > prefix.length && text.startsWith(prefix));
}

/** Whether the attribute belongs to the machine rather than to the tree: `build` leaves these out. */
export function isHostXattr(name: Uint8Array): boolean {
  const text = Buffer.from(name).toString("latin1");
  return text === ofTheHost[0] || ofTheHost.slice(1).some((prefix) => text.startsWith(prefix));
}
