import type { FixtureEntry } from "./fixture.ts";
import type { System } from "./system.ts";

/** Features that a backend, or the user that runs the test, may lack. A case that needs one is then skipped by name. */
export type Feature =
  /** Writing is refused with EROFS. */
  | "read-only"
  /** Owners are those of the fixture. */
  | "owners"
  /** Devices can be made and have their numbers. */
  | "devices"
  /** Directories count their subdirectories in st_nlink. */
  | "directory-links"
  /** statfs(2) describes the tree, not the file system below. */
  | "statfs"
  /** atime and ctime equal mtime; st_blocks covers the content. */
  | "synthetic-times"
  /** lseek(2) and st_blocks show where files have holes. */
  | "holes"
  | "xattrs"
  /** security.* and trusted.*, and names of the latter hidden from ordinary users. */
  | "privileged-xattrs"
  | "acls"
  /** The tester is root and other users can reach the tree. */
  | "other-users"
  /** Files have handles that open them again. */
  | "handles";

/** The tree under test and what it must show. */
export interface Subject {
  system: System;
  root: string;
  entries: readonly FixtureEntry[];
}

/** One property of the tree, checked through system calls alone. Throws where it does not hold. */
export interface Case {
  name: string;
  needs?: readonly Feature[];
  check(subject: Subject): void;
}

export function pathOf(subject: Subject, path: string): string {
  return `${subject.root}/${path}`;
}

/** The entry that `entry` is another name of, or itself. */
export function original(subject: Subject, entry: FixtureEntry): FixtureEntry {
  if (entry.linkTo === undefined) return entry;
  const found = subject.entries.find(({ path }) => path === entry.linkTo);
  if (found === undefined) throw new Error(`fixture: ${entry.path} links to nothing`);
  return found;
}

/** The entries that tests look at one by one: all but those of the huge directory. */
export function notable(subject: Subject): FixtureEntry[] {
  return subject.entries.filter(({ path }) => !path.startsWith("many/"));
}

const childrenByTree = new Map<readonly FixtureEntry[], Map<string, FixtureEntry[]>>();

/** Entries by directory, sorted out once for a tree: the large directory has many. */
function childrenOfTree(entries: readonly FixtureEntry[]): Map<string, FixtureEntry[]> {
  const known = childrenByTree.get(entries);
  if (known !== undefined) return known;
  const children = new Map<string, FixtureEntry[]>();
  for (const entry of entries) {
    if (entry.path === "") continue;
    const directory = entry.path.slice(0, Math.max(0, entry.path.length - baseName(entry).length - 1));
    const list = children.get(directory);
    if (list === undefined) children.set(directory, [entry]);
    else list.push(entry);
  }
  childrenByTree.set(entries, children);
  return children;
}

export function childrenOf(subject: Subject, directory: string): FixtureEntry[] {
  return childrenOfTree(subject.entries).get(directory) ?? [];
}

export function baseName(entry: FixtureEntry): string {
  const parts = entry.path.split("/");
  return parts[parts.length - 1];
}
