import type { ResolvedPath } from "./path.ts";
import type { Visit } from "./walk-tree.ts";

/** Parts of a tree, found on a walk through all of it: names, and everything below those of directories. */
export class Selection {
  readonly #starts: ReadonlySet<string>;
  /** Directories on the way to where the walk is that are selected. */
  readonly #inside = new Set<Visit>();

  constructor(starts: readonly ResolvedPath[]) {
    this.#starts = new Set(
      starts.map(({ isDirectory, ino, directory, name }) => (isDirectory ? String(ino) : keyOf(directory, name))),
    );
  }

  /** Whether a name is selected; to be called for each in the order of the walk. */
  enter(visit: Visit): boolean {
    const { parent, name, attributes } = visit;
    const isDirectory = attributes.kind === "dir";
    const selected =
      (parent !== undefined && this.#inside.has(parent)) ||
      this.#starts.has(isDirectory ? String(attributes.ino) : keyOf(parent?.attributes.ino, name));
    if (selected && isDirectory) this.#inside.add(visit);
    return selected;
  }

  leave(visit: Visit): void {
    this.#inside.delete(visit);
  }
}

function keyOf(directory: number | undefined, name: Uint8Array): string {
  return `${directory}/${Buffer.from(name).toString("latin1")}`;
}
