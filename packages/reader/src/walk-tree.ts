import { sortedEntries } from "./path-queries.ts";
import { ROOT_INO } from "@puzzlefs/format";
import type { Attributes, Tree, TreeEntry } from "./tree.ts";

/** A name met on a walk. Paths are made only when asked for: trees may be deep. */
export interface Visit {
  readonly parent: Visit | undefined;
  /** Empty for the root. */
  readonly name: Uint8Array;
  readonly attributes: Attributes;
}

export interface Visitor {
  /** Called for every name, for a directory before its entries. */
  enter(visit: Visit): void;
  /** Called for a directory after its entries. */
  leave?(visit: Visit): void;
}

/** Goes through a tree in path order: byte order in each directory, depth first. Not recursive, whatever the depth. */
export function walkTree(tree: Tree, visitor: Visitor): void {
  const attributes = tree.attributes(ROOT_INO);
  if (attributes === undefined) throw new Error("the tree has no root directory");
  const root: Visit = { parent: undefined, name: new Uint8Array(0), attributes };
  visitor.enter(root);
  const stack: { visit: Visit; pending: Iterator<TreeEntry> }[] = [];
  stack.push({ visit: root, pending: sortedEntries(tree, ROOT_INO).values() });
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.pending.next();
    if (next.done === true) {
      visitor.leave?.(top.visit);
      stack.pop();
      continue;
    }
    const { ino, name } = next.value;
    const visit: Visit = { parent: top.visit, name, attributes: tree.attributes(ino) as Attributes };
    visitor.enter(visit);
    if (visit.attributes.kind === "dir") stack.push({ visit, pending: sortedEntries(tree, ino).values() });
  }
}

/** A name in a directory, which is one as well. */
interface Named {
  readonly parent: Named | undefined;
  readonly name: Uint8Array;
}

/** The path from the root, "/" for the root itself. */
export function pathOf(visit: Named): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let v: Named | undefined = visit; v?.parent !== undefined; v = v.parent) parts.push(v.name, Buffer.from("/"));
  return parts.length === 0 ? Buffer.from("/") : Buffer.concat(parts.reverse());
}
