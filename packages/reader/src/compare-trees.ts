import { MAX_PERMISSIONS, ROOT_INO } from "@puzzlefs/format";
import { ContentComparison } from "./compare-content.ts";
import type { ImageTree } from "./image-tree.ts";
import { sortedEntries } from "./path-queries.ts";
import type { Attributes, InodeKind } from "./tree.ts";
import { pathOf } from "./walk-tree.ts";

/** In what a path differs, in the order in which it is reported. */
export const ASPECTS = ["type", "content", "target", "device", "mode", "owner", "mtime", "xattrs", "links"] as const;
export type Aspect = (typeof ASPECTS)[number];

/** A path that is not the same in two trees. */
export interface Difference {
  path: Uint8Array;
  /** In the first and the second tree; undefined: it is not there. */
  before: InodeKind | undefined;
  after: InodeKind | undefined;
  /** For a path that both trees have. `links`: of the names of its inode that both trees have, the first is another one. */
  changed: Aspect[];
  /** The first name of the inode of an added path, if that is another one: the path is a hard link to it. */
  linkedTo: Uint8Array | undefined;
}

export interface CompareOptions {
  /** Modification times; default true. */
  times?: boolean;
  /** Called with the bytes of content that have been compared. */
  progress?: (done: number) => void;
}

/** A name that a walk through both trees has come to. */
interface Pair {
  parent: Pair | undefined;
  name: Uint8Array;
  a: Attributes | undefined;
  b: Attributes | undefined;
}

/**
 * The paths in which tree `b` differs from `a`, in path order. A directory that was added or removed is followed by what it contains.
 * Memory does not grow with the trees, but for files with several names. Throws what reading the trees throws.
 */
export function* compareTrees(a: ImageTree, b: ImageTree, options: CompareOptions = {}): Generator<Difference> {
  const comparison = new TreeComparison(a, b, options);
  const root = { parent: undefined, name: new Uint8Array(0), a: a.attributes(ROOT_INO), b: b.attributes(ROOT_INO) };
  const stack: Iterator<Pair>[] = [[root].values()];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.next();
    if (next.done === true) {
      stack.pop();
      continue;
    }
    const difference = comparison.compare(next.value);
    if (difference !== undefined) yield difference;
    if (next.value.a?.kind === "dir" || next.value.b?.kind === "dir") stack.push(children(a, b, next.value));
  }
}

/** The names in a directory of either tree, in byte order, those of both trees once. */
function* children(a: ImageTree, b: ImageTree, parent: Pair): Generator<Pair> {
  const left = parent.a?.kind === "dir" ? sortedEntries(a, parent.a.ino) : [];
  const right = parent.b?.kind === "dir" ? sortedEntries(b, parent.b.ino) : [];
  for (let i = 0, j = 0; i < left.length || j < right.length;) {
    const [one, other] = [left[i], right[j]];
    const order = one === undefined ? 1 : other === undefined ? -1 : Buffer.compare(one.name, other.name);
    if (order <= 0) i++;
    if (order >= 0) j++;
    yield {
      parent,
      name: Uint8Array.from((order <= 0 ? one : other)?.name ?? []),
      a: order <= 0 && one !== undefined ? a.attributes(one.ino) : undefined,
      b: order >= 0 && other !== undefined ? b.attributes(other.ino) : undefined,
    };
  }
}

class TreeComparison {
  readonly #a: ImageTree;
  readonly #b: ImageTree;
  readonly #times: boolean;
  readonly #contents: ContentComparison;
  /** The first path that both trees have, of each inode with several names: equal groups of names have the same first. */
  readonly #firstOfA = new Map<number, Pair>();
  readonly #firstOfB = new Map<number, Pair>();
  /** The first path in the second tree alone. */
  readonly #firstInB = new Map<number, Pair>();

  constructor(a: ImageTree, b: ImageTree, { times = true, progress = () => {} }: CompareOptions) {
    this.#a = a;
    this.#b = b;
    this.#times = times;
    this.#contents = new ContentComparison(a, b, progress);
  }

  /** To be called for every path, in order. */
  compare(pair: Pair): Difference | undefined {
    const { a, b } = pair;
    const first = b === undefined ? undefined : firstOf(this.#firstInB, b, pair);
    const changed = a === undefined || b === undefined ? [] : this.#changes(pair, a, b);
    if (a !== undefined && b !== undefined && changed.length === 0) return undefined;
    const linkedTo = a !== undefined || first === undefined || first === pair ? undefined : pathOf(first);
    return { path: pathOf(pair), before: a?.kind, after: b?.kind, changed, linkedTo };
  }

  #changes(pair: Pair, a: Attributes, b: Attributes): Aspect[] {
    const isSameType = a.kind === b.kind;
    const differs: Record<Aspect, () => boolean> = {
      type: () => !isSameType,
      content: () =>
        isSameType && a.kind === "file" && !this.#contents.isEqual(a.ino, b.ino, a.nlink > 1 && b.nlink > 1),
      target: () =>
        isSameType && a.kind === "lnk" && Buffer.compare(this.#a.readlink(a.ino), this.#b.readlink(b.ino)) !== 0,
      device: () => isSameType && (a.major !== b.major || a.minor !== b.minor),
      mode: () => ((a.mode ^ b.mode) & MAX_PERMISSIONS) !== 0,
      owner: () => a.uid !== b.uid || a.gid !== b.gid,
      mtime: () => this.#times && (a.mtimeSeconds !== b.mtimeSeconds || a.mtimeNanoseconds !== b.mtimeNanoseconds),
      xattrs: () => !this.#sameXattrs(a.ino, b.ino),
      links: () => firstOf(this.#firstOfA, a, pair) !== firstOf(this.#firstOfB, b, pair),
    };
    return ASPECTS.filter((aspect) => differs[aspect]());
  }

  #sameXattrs(inoA: number, inoB: number): boolean {
    const [a, b] = [this.#a.xattrs(inoA), this.#b.xattrs(inoB)];
    return (
      a.length === b.length &&
      a.every(({ name, value }, index) => {
        const other = b[index];
        return other !== undefined && equal(name, other.name) && equal(value, other.value);
      })
    );
  }
}

/** The first path of an inode in `known`, which is `pair` if there was none before; `pair` also for inodes with one name. */
function firstOf(known: Map<number, Pair>, { ino, kind, nlink }: Attributes, pair: Pair): Pair {
  if (kind === "dir" || nlink < 2) return pair;
  const first = known.get(ino) ?? pair;
  if (first === pair) known.set(ino, pair);
  return first;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
