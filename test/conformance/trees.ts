/**
 * Images that keep every rule: a tree, changed from layer to layer, as builders write it.
 *
 * Layers come in the Rust tool's way (complete directory records, names in any order) and as an overlay's upper
 * directory returns them (lookBelow, names removed by whiteouts), mixed in one image.
 */
import type { DirEntryValue, FileChunkValue, InodeValue, RootfsValue } from "@puzzlefs/format";
import type { Random } from "@puzzlefs/testing";

export const ROOT = 1;

/** An inode as it is now; directories have names instead of a record of entries. */
interface Node {
  value: InodeValue;
  /** Names in latin1, which keeps the order of bytes. */
  names?: Map<string, number>;
}

export const latin1 = (name: Uint8Array | undefined): string => Buffer.from(name ?? []).toString("latin1");

function randomName(random: Random): string {
  const length = random.once(20) ? 255 : 1 + random.below(random.once(4) ? 30 : 3);
  const bytes = random.once(3)
    ? random.bytes(length).map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))
    : Uint8Array.from({ length }, () => 0x61 + random.below(26));
  const name = latin1(bytes);
  return name === "." || name === ".." ? "dots" : name;
}

function randomChunk(random: Random): FileChunkValue {
  const offset = random.once(9) ? Number.MAX_SAFE_INTEGER - 2 ** 20 : random.below(2 ** 20);
  const len = random.once(9) ? 0 : random.below(2 ** 19);
  return { blob: { digest: random.bytes(32), offset, compressed: random.once(2) }, len };
}

function randomMode(random: Random): InodeValue["mode"] {
  const kind = random.pick(["file", "file", "file", "dir", "dir", "lnk", "chr", "blk", "fifo", "sock"] as const);
  if (kind === "dir") return { kind, dir: {} };
  if (kind === "file") return { kind, file: Array.from({ length: random.below(4) }, () => randomChunk(random)) };
  const device = random.once(5) ? { major: 0, minor: 0 } : { major: random.below(4096), minor: random.below(1048576) };
  if (kind === "chr") return { kind, chr: device };
  if (kind === "blk") return { kind, blk: device };
  return { kind };
}

/** Names of extended attributes that are traits of an image. */
const TELLING = [
  "system.posix_acl_access",
  "system.posix_acl_default",
  "security.selinux",
  "trusted.overlay.opaque",
  "user.overlay.",
  "user.overlay",
];

function randomInode(random: Random, ino: number, mode: InodeValue["mode"]): InodeValue {
  const xattrs = Array.from({ length: random.once(5) ? 1 + random.below(3) : 0 }, () => ({
    key: Buffer.from(random.once(4) ? random.pick(TELLING) : `user.${random.bits()}`),
    val: random.bytes(random.below(40)),
  }));
  const symlinkTarget = mode.kind === "lnk" ? Buffer.from(`../${random.bits()}`) : undefined;
  return {
    ino,
    mode,
    uid: random.pick([0, 1000, 4294967294, random.bits()]),
    gid: random.pick([0, 5, random.bits()]),
    permissions: random.below(4096),
    ...(xattrs.length > 0 || symlinkTarget ? { additional: { xattrs, ...(symlinkTarget && { symlinkTarget }) } } : {}),
    ...(random.once(3) ? { mtimeSeconds: random.bits() - 2 ** 31, mtimeNanoseconds: random.below(1e9) } : {}),
  };
}

const whiteout = (ino: number): InodeValue => ({ ino, mode: { kind: "wht" }, uid: 0, gid: 0, permissions: 0 });

class TreeMaker {
  readonly #random: Random;
  readonly #nodes = new Map<number, Node>();
  #next = ROOT;
  /** Since the last layer: inodes with a new record, inodes that are gone, and the names that changed in directories. */
  #changed = new Set<number>();
  #gone = new Set<number>();
  #names = new Map<number, Set<string>>();
  /** Directories that an older layer holds. */
  #below = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
    this.#create({ kind: "dir", dir: {} });
  }

  #create(mode: InodeValue["mode"]): number {
    const random = this.#random;
    const ino = this.#next;
    this.#next += random.once(6) ? 1 + random.below(3) : 1;
    const value = randomInode(random, ino, mode);
    this.#nodes.set(ino, mode.kind === "dir" ? { value, names: new Map() } : { value });
    this.#changed.add(ino);
    return ino;
  }

  #some(wanted: (node: Node) => boolean): Node | undefined {
    const found = [...this.#nodes.values()].filter(wanted);
    return found.length === 0 ? undefined : this.#random.pick(found);
  }

  #directory(): { ino: number; names: Map<string, number> } {
    const { value, names } = this.#some((node) => node.names !== undefined) ?? {};
    if (value === undefined || names === undefined) throw new Error("the root is a directory");
    return { ino: value.ino, names };
  }

  #setName(dir: number, name: string, ino: number | undefined): void {
    const names = this.#nodes.get(dir)?.names;
    if (ino === undefined) names?.delete(name);
    else names?.set(name, ino);
    this.#names.set(dir, (this.#names.get(dir) ?? new Set()).add(name));
  }

  add(): void {
    const { ino: dir, names } = this.#directory();
    const name = randomName(this.#random);
    if (names.has(name)) return;
    const linked = this.#random.once(8) ? this.#some((node) => node.names === undefined)?.value.ino : undefined;
    this.#setName(dir, name, linked ?? this.#create(randomMode(this.#random)));
  }

  /** Forgets what no name leads to any more. */
  #collect(): void {
    const reached = new Set([ROOT]);
    for (const dir of reached) for (const ino of this.#nodes.get(dir)?.names?.values() ?? []) reached.add(ino);
    for (const ino of this.#nodes.keys()) {
      if (reached.has(ino)) continue;
      this.#nodes.delete(ino);
      this.#changed.delete(ino);
      this.#names.delete(ino);
      this.#gone.add(ino);
    }
  }

  #remove(): void {
    const { ino: dir, names } = this.#directory();
    if (names.size === 0) return;
    this.#setName(dir, this.#random.pick([...names.keys()]), undefined);
    this.#collect();
  }

  /** Takes all names of a file away by a whiteout of its inode alone. */
  #whiteOut(): void {
    const node = this.#some(({ names }) => names === undefined);
    if (node === undefined || this.#changed.has(node.value.ino)) return;
    const { ino } = node.value;
    for (const { names } of this.#nodes.values()) {
      for (const [name, target] of names ?? []) if (target === ino) names?.delete(name);
    }
    this.#nodes.delete(ino);
    this.#gone.add(ino);
  }

  #rename(): void {
    const { ino: from, names } = this.#directory();
    const { ino: to } = this.#directory();
    if (names.size === 0) return;
    const [name, ino] = this.#random.pick([...names]);
    const inside = new Set([ino]);
    for (const dir of inside) for (const inner of this.#nodes.get(dir)?.names?.values() ?? []) inside.add(inner);
    const target = randomName(this.#random);
    if (inside.has(to) || this.#nodes.get(to)?.names?.has(target)) return;
    this.#setName(from, name, undefined);
    this.#setName(to, target, ino);
  }

  #change(): void {
    const node = this.#some(() => true);
    if (node === undefined) return;
    const { ino, mode } = node.value;
    node.value = randomInode(
      this.#random,
      ino,
      mode.kind === "dir" ? mode : this.#random.once(2) ? mode : { kind: "fifo" },
    );
    this.#changed.add(ino);
  }

  step(): void {
    const turn = this.#random.below(10);
    if (turn < 3) this.add();
    else if (turn < 5) this.#remove();
    else if (turn === 5) this.#whiteOut();
    else if (turn < 8) this.#rename();
    else this.#change();
  }

  /** A directory's record: complete, or what changed since the older layers. */
  #directoryRecord(node: Node, whiteouts: InodeValue[]): InodeValue {
    const { value, names = new Map<string, number>() } = node;
    const random = this.#random;
    const entry = (name: string, ino: number): DirEntryValue => ({ ino, name: Buffer.from(name, "latin1") });
    const sorted = (items: Iterable<string>): string[] => [...items].toSorted((a, b) => (a < b ? -1 : 1));
    if (this.#below.has(value.ino) && random.once(2)) {
      const entries = sorted(this.#names.get(value.ino) ?? []).map((name) => {
        const ino = names.get(name);
        if (ino !== undefined) return entry(name, ino);
        const fresh = this.#next++;
        whiteouts.push(whiteout(fresh));
        return entry(name, fresh);
      });
      return { ...value, mode: { kind: "dir", dir: { entries, lookBelow: true } } };
    }
    const order = random.once(2) ? sorted(names.keys()) : random.shuffled([...names.keys()]);
    return {
      ...value,
      mode: { kind: "dir", dir: { entries: order.map((name) => entry(name, names.get(name) ?? 0)) } },
    };
  }

  /** Changes since the last layer, or everything. */
  layer(): { inodes: InodeValue[] } {
    const inodes: InodeValue[] = [];
    for (const ino of new Set([...this.#changed, ...this.#names.keys()])) {
      const node = this.#nodes.get(ino);
      if (node !== undefined) inodes.push(node.names ? this.#directoryRecord(node, inodes) : node.value);
    }
    for (const ino of this.#gone) inodes.push(whiteout(ino));
    this.#changed = new Set();
    this.#gone = new Set();
    this.#names = new Map();
    this.#below = new Set([...this.#nodes].filter(([, node]) => node.names !== undefined).map(([ino]) => ino));
    return { inodes: inodes.toSorted((a, b) => a.ino - b.ino) };
  }

  /** The visible entries of each directory: names in latin1, with their inode numbers. */
  shown(): Map<number, Map<string, number>> {
    const shown = new Map<number, Map<string, number>>();
    for (const [ino, { names }] of this.#nodes) if (names !== undefined) shown.set(ino, new Map(names));
    return shown;
  }
}

/** An image, and what its directories show. */
export interface Sample {
  value: RootfsValue;
  shown: Map<number, Map<string, number>>;
}

/** An image whose trees grow with `size`. */
export function randomImage(random: Random, size: number): Sample {
  const maker = new TreeMaker(random);
  for (let i = 0; i < size; i++) maker.add();
  const metadatas = [maker.layer()];
  for (let i = random.below(4); i > 0; i--) {
    for (let step = random.below(1 + size / 2); step >= 0; step--) maker.step();
    metadatas.unshift(maker.layer());
  }
  const runs = metadatas.flatMap(({ inodes }) => inodes.flatMap(({ mode }) => (mode.kind === "file" ? mode.file : [])));
  const listed = runs.map(({ blob }) => blob?.digest ?? Buffer.of()).filter(() => random.once(4));
  const digests = [...listed, ...Array.from({ length: random.below(3) }, () => random.bytes(32))];
  if (!random.once(4)) digests.sort((a, b) => Buffer.compare(a, b));
  const fsVerityData = digests.map((digest) => ({ digest, verity: random.bytes(32) }));
  return { value: { metadatas, fsVerityData, manifestVersion: 3 }, shown: maker.shown() };
}
