import { printable } from "@puzzlefs/linux";

/** A kind of thing that the tree has and the image does not have. */
export interface Omission {
  /** In the singular: "mount point", "security.selinux". */
  what: string;
  why: string;
  /** Number of files with it. */
  count: number;
  /** Paths of the first of them, for messages. */
  paths: string[];
}

/** A tree can have any number of mount points. */
const MOST_PATHS = 20;

/** Collects what a build leaves out. */
export class Omissions {
  readonly #omissions = new Map<string, Omission>();

  /** @param path latin1 */
  add(what: string, why: string, path: string): void {
    let omission = this.#omissions.get(what);
    if (omission === undefined) this.#omissions.set(what, (omission = { what, why, count: 0, paths: [] }));
    omission.count++;
    if (omission.paths.length < MOST_PATHS) omission.paths.push(printable(Buffer.from(path, "latin1")));
  }

  /** Adds what was collected elsewhere. */
  include({ what, why, count, paths }: Omission): void {
    const omission = this.#omissions.get(what) ?? { what, why, count: 0, paths: [] };
    this.#omissions.set(what, omission);
    omission.count += count;
    omission.paths.push(...paths.slice(0, MOST_PATHS - omission.paths.length));
  }

  list(): Omission[] {
    return [...this.#omissions.values()];
  }
}
