import { chmodSync, lchownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { pathOf } from "./case.ts";
import type { FixtureEntry } from "./fixture.ts";
import { deviceNumber, modeOf } from "./modes.ts";
import { systemCalls } from "./system-calls.ts";

/**
 * Makes the fixture below `root`, an existing directory: what a builder is given, and how the cases themselves are
 * tried on the kernel's own file systems. Needs root.
 */
export function makeOnDisk(root: string, entries: readonly FixtureEntry[]): void {
  const subject = { root, entries };
  for (const entry of entries) {
    const path = pathOf(subject, entry.path);
    if (entry.linkTo === undefined) create(path, entry);
    else linkSync(pathOf(subject, entry.linkTo), path);
  }
  // Making an entry changes its directory's time, so times come last, and directories after what is in them.
  for (const entry of entries.toReversed()) {
    if (entry.linkTo !== undefined) continue;
    systemCalls().utimens(pathOf(subject, entry.path), entry.mtimeSeconds, entry.mtimeNanoseconds);
  }
}

function create(path: Buffer, entry: FixtureEntry): void {
  const { kind, permissions } = entry;
  switch (kind) {
    case "dir":
      if (entry.path !== "") mkdirSync(path);
      break;
    case "file":
      writeFileSync(path, entry.content ?? "");
      break;
    case "lnk":
      symlinkSync(Buffer.from(entry.target ?? "", "latin1"), path);
      break;
    default:
      systemCalls().mknod(path, modeOf(kind, permissions), deviceNumber(entry.device ?? { major: 0, minor: 0 }));
  }
  lchownSync(path, entry.uid, entry.gid);
  // Changing the owner takes set-uid bits and capabilities away, so they come after.
  if (kind !== "lnk") chmodSync(path, permissions);
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) systemCalls().lsetxattr(path, name, value);
}
