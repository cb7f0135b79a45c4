const shown = ["user.", "trusted.", "security."];
const accessControlLists = new Set(["system.posix_acl_access", "system.posix_acl_default"]);

/** Attributes that describe the machine or file system they were found on, not about the tree. */
const ofTheHost: { matches: RegExp; why: string }[] = [
  { matches: /^security\.selinux$/, why: "the label belongs to the host's policy" },
  { matches: /^btrfs\./, why: "it is a property of the host's btrfs" },
  { matches: /^system\.nfs4_[ds]?acl/, why: "it is the NFS server's" },
];

/** Whether Linux knows the attribute's namespace; other names in an image are hidden, not refused. */
export function isKnownXattr(name: Uint8Array): boolean {
  const text = latin1(name);
  return accessControlLists.has(text) || shown.some((prefix) => text.length > prefix.length && text.startsWith(prefix));
}

/** The reason why `build` leaves an attribute out, as not part of the tree; undefined for all others. */
export function hostXattrReason(name: Uint8Array): string | undefined {
  const text = latin1(name);
  const ofHost = ofTheHost.find(({ matches }) => matches.test(text))?.why;
  return ofHost ?? (isKnownXattr(name) ? undefined : "no other file system than the one it was found on has it");
}

/**
 * Whether the attribute is a mark that overlayfs sets in its directories, also where it uses "user.". Brought back on
 * another file system, it would change what an overlay over that shows.
 */
export function isOverlayXattr(name: Uint8Array): boolean {
  const text = latin1(name);
  return text.startsWith("trusted.overlay.") || text.startsWith("user.overlay.");
}

function latin1(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.length).toString("latin1");
}

/** Whether an attribute of a file belongs to the tree that holds it: not the host's, nor overlayfs' or a security module's. */
export function isTreeXattr(name: Uint8Array): boolean {
  const text = latin1(name);
  if (text.startsWith("security.")) return text === "security.capability";
  return isKnownXattr(name) && hostXattrReason(name) === undefined && !isOverlayXattr(name);
}

/** The name of an attribute's kind in counts. */
export function xattrKind(name: Uint8Array): string {
  const text = latin1(name);
  return accessControlLists.has(text) ? "access control list" : `${text.split(".", 1)[0]} attribute`;
}
