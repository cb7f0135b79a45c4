/**
 * docs/format.md once more, on plain objects and by plain means: which rules a value breaks, and what its tree shows.
 *
 * Both generated implementations come from one source; this one does not.
 */
import type { InodeModeValue, InodeValue, RootfsValue } from "@puzzlefs/format";
import { ROOT, latin1 } from "./trees.ts";

type Dir = Extract<InodeModeValue, { kind: "dir" }>["dir"];

const layersOf = (value: RootfsValue): (readonly InodeValue[])[] =>
  (value.metadatas ?? []).map(({ inodes }) => inodes ?? []);

/** The image by inode number; built only of values whose inode numbers are in order. */
export class Model {
  readonly #layers: Map<number, InodeValue>[];
  readonly #newest = new Map<number, InodeValue>();

  constructor(value: RootfsValue) {
    this.#layers = layersOf(value).map((inodes) => new Map(inodes.map((inode) => [inode.ino, inode])));
    for (const layer of this.#layers.toReversed()) for (const [ino, inode] of layer) this.#newest.set(ino, inode);
  }

  hasInode(ino: number): boolean {
    return this.#newest.has(ino);
  }

  find(ino: number): InodeValue | undefined {
    const inode = this.#newest.get(ino);
    return inode?.mode.kind === "wht" ? undefined : inode;
  }

  /** Visible inodes, by number: how many links each has, and the directory that has its first name. */
  walk(): Map<number, { links: number; parent: number }> {
    const found = new Map([[ROOT, { links: 2, parent: ROOT }]]);
    for (const [dir, above] of found) {
      if (this.find(dir)?.mode.kind !== "dir") continue;
      for (const ino of this.list(dir).values()) {
        const isDir = this.find(ino)?.mode.kind === "dir";
        if (isDir) above.links++;
        const known = found.get(ino);
        if (known === undefined) found.set(ino, { links: isDir ? 2 : 1, parent: dir });
        else known.links++;
      }
    }
    return found;
  }

  /** What an image records of the tree as a whole. */
  totals(): { inodes: number; contentBytes: number; traits: number } {
    const totals = { inodes: 0, contentBytes: 0n, traits: 0 };
    for (const ino of this.walk().keys()) {
      const inode = this.find(ino);
      if (inode === undefined) continue;
      const { mode, additional } = inode;
      totals.inodes++;
      if (mode.kind === "file") for (const { len } of mode.file) totals.contentBytes += BigInt(len);
      if (mode.kind === "chr" && mode.chr.major === 0 && mode.chr.minor === 0) totals.traits |= 8;
      for (const { key } of additional?.xattrs ?? []) {
        const name = latin1(key);
        totals.traits |= 1;
        if (name.startsWith("system.posix_acl_")) totals.traits |= 2;
        if (name === "security.selinux") totals.traits |= 4;
        if (/^(trusted|user)\.overlay\./.test(name)) totals.traits |= 8;
      }
    }
    const largest = 2n ** 53n;
    return { ...totals, contentBytes: Number(totals.contentBytes < largest ? totals.contentBytes : largest) };
  }

  #records(ino: number): Dir[] {
    return this.#layers.flatMap((layer) => {
      const mode = layer.get(ino)?.mode;
      return mode?.kind === "dir" ? [mode.dir] : [];
    });
  }

  /** How many records of a directory look below to another one. */
  depth(ino: number): number {
    const records = this.#records(ino);
    const last = records.findIndex(({ lookBelow }) => lookBelow !== true);
    return last < 0 ? records.length - 1 : last;
  }

  /** Names in latin1 and inode numbers, in the order of the listing. */
  list(ino: number): Map<string, number> {
    const merged = new Map<string, number>();
    for (const { entries, lookBelow } of this.#records(ino)) {
      for (const entry of entries ?? []) {
        const name = latin1(entry.name);
        if (!merged.has(name)) merged.set(name, entry.ino);
      }
      if (lookBelow !== true) break;
    }
    return new Map([...merged].filter(([, target]) => this.find(target) !== undefined));
  }
}

/** The rules of an image that records its tree. */
function* recordedViolations(value: RootfsValue, model: Model): Generator<string> {
  const totals = model.totals();
  const { inodes = 0, contentBytes = 0, traits = 0 } = value;
  if (inodes === 0) return;
  if (inodes !== totals.inodes || contentBytes !== totals.contentBytes || traits !== totals.traits)
    yield "recorded-totals";
  for (const [ino, { links, parent }] of model.walk()) {
    const inode = model.find(ino);
    const dir = inode?.mode.kind === "dir" ? inode.mode.dir : undefined;
    if ((dir === undefined ? inode?.additional?.links || 1 : (dir.links ?? 0)) !== links) yield "recorded-links";
    if (dir !== undefined && (dir.parent ?? 0) !== parent) yield "recorded-parent";
  }
  for (const { mode } of layersOf(value).flat()) {
    const names = mode.kind === "dir" ? (mode.dir.entries ?? []).map(({ name }) => latin1(name)) : [];
    if (names.some((name, i) => i > 0 && name < (names[i - 1] ?? ""))) yield "recorded-unsorted";
  }
}

/** The rules that hold for each record, superseded or not. */
function* recordViolations(inode: InodeValue, model: Model): Generator<string> {
  const { mode, additional, permissions, mtimeNanoseconds = 0 } = inode;
  if (mode.kind === "unknown") yield "inode-kind";
  if (permissions > 0o7777) yield "permissions-range";
  if (mtimeNanoseconds >= 1e9) yield "mtime-nanoseconds";
  const device = mode.kind === "chr" ? mode.chr : mode.kind === "blk" ? mode.blk : { major: 0, minor: 0 };
  if (device.major >= 2 ** 12 || device.minor >= 2 ** 20) yield "device-number";
  const target = additional?.symlinkTarget ?? Buffer.of();
  if (mode.kind === "lnk" && (target.length === 0 || target.length > 4095 || target.includes(0)))
    yield "symlink-target";
  for (const { key = Buffer.of(), val = Buffer.of() } of additional?.xattrs ?? []) {
    if (key.length === 0 || key.length > 255 || key.includes(0)) yield "xattr-name";
    if (val.length > 65536) yield "xattr-value";
  }
  if (mode.kind === "file") {
    let size = 0n;
    for (const { blob, len } of mode.file) {
      if ((blob?.digest?.length ?? 0) !== 32) yield "digest-length";
      size += BigInt(len);
      if (BigInt(blob?.offset ?? 0) + BigInt(len) >= 2n ** 53n || size >= 2n ** 53n) yield "chunk-list-overflow";
    }
  }
  if (mode.kind === "dir") yield* directoryViolations(mode.dir, model);
}

function* directoryViolations({ entries = [], lookBelow }: Dir, model: Model): Generator<string> {
  const names = entries.map(({ name }) => latin1(name));
  if (new Set(names).size < names.length) yield "dir-entry-duplicate";
  if (lookBelow === true && names.some((name, i) => i > 0 && name < (names[i - 1] ?? ""))) yield "look-below-unsorted";
  for (const [i, { ino }] of entries.entries()) {
    const name = names[i] ?? "";
    if (name.length === 0 || name.length > 255) yield "dir-entry-name-length";
    if (name.includes("/")) yield "dir-entry-name-slash";
    if (name.includes("\0")) yield "dir-entry-name-nul";
    if (name === "." || name === "..") yield "dir-entry-name-dots";
    if (ino === ROOT) yield "dir-entry-root";
    if (!model.hasInode(ino)) yield "dir-entry-dangling";
  }
}

function* treeViolations(value: RootfsValue, model: Model): Generator<string> {
  if (model.find(ROOT)?.mode.kind !== "dir") yield "root-inode";
  const parents = new Map([[ROOT, 1]]);
  for (const dir of parents.keys()) {
    for (const ino of model.list(dir).values()) {
      if (model.find(ino)?.mode.kind === "dir") parents.set(ino, (parents.get(ino) ?? 0) + 1);
    }
  }
  if ([...parents.values()].some((count) => count > 1)) yield "dir-parents";
  if ([...parents.keys()].some((dir) => model.depth(dir) > 16)) yield "look-below-depth";
  for (const { ino, mode } of layersOf(value)[0] ?? [])
    if (mode.kind === "dir" && !parents.has(ino)) yield "dir-unreachable";
}

/** Every rule that a value breaks; of the tree only where the inode numbers are in order. */
export function violations(value: RootfsValue): Set<string> {
  const found = new Set<string>();
  if (value.manifestVersion !== 3) found.add("manifest-version");
  if ((value.metadatas?.length ?? 0) > 128) found.add("too-many-layers");
  for (const inodes of layersOf(value)) {
    for (const [i, { ino }] of inodes.entries()) {
      if (ino === 0) found.add("ino-range");
      if (i > 0 && ino <= (inodes[i - 1]?.ino ?? 0)) found.add("ino-order");
    }
  }
  for (const { digest, verity } of value.fsVerityData ?? []) {
    if (digest?.length !== 32 || verity?.length !== 32) found.add("digest-length");
  }
  const model = new Model(value);
  for (const inode of layersOf(value).flat()) for (const rule of recordViolations(inode, model)) found.add(rule);
  for (const rule of treeViolations(value, model)) found.add(rule);
  for (const rule of recordedViolations(value, model)) found.add(rule);
  return found;
}
