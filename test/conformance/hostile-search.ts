/** Valid images that make a reader work most for their size, found by climbing: a change that costs more is kept. */
import { type DirEntryValue, encodeRootfs, type InodeValue } from "@puzzlefs/format";
import type { Random } from "@puzzlefs/testing";
import { MAX_LOOK_BELOW } from "../../packages/format/src/generated/directories.ts";
import { MAX_LAYERS } from "../../packages/format/src/generated/layers.ts";

/** What an image is made of. */
export interface Plan {
  layers: number;
  /** Records of the directory, in the newest layers, each with names of its own or those of the first again. */
  records: number;
  repeated: boolean;
  names: number;
  /** Bytes that all names begin with. */
  common: number;
  sorted: boolean;
  /** The layer of the inodes that have names, from the newest on: 1 is the oldest. */
  depth: number;
  /** Distance of their numbers, and other inodes in each newer layer, whose numbers are between them. */
  gap: number;
  fillers: number;
  /** Of the inodes, so many are whiteouts, of 8. */
  hidden: number;
  /** Names of each inode. */
  links: number;
  runs: number;
  xattrs: number;
  xattrBytes: number;
}

/** The largest value of each number. */
const most: Record<Exclude<keyof Plan, "repeated" | "sorted">, number> = {
  layers: MAX_LAYERS,
  records: MAX_LOOK_BELOW + 1,
  names: 4000,
  common: 248,
  depth: 1,
  gap: 2 ** 20,
  fillers: 500,
  hidden: 8,
  links: 4000,
  runs: 1000,
  xattrs: 256,
  xattrBytes: 255,
};
const numbers = Object.keys(most) as (keyof typeof most)[];

const start: Plan = {
  layers: 2,
  records: 1,
  repeated: false,
  names: 100,
  common: 0,
  sorted: true,
  depth: 1,
  gap: 1,
  fillers: 0,
  hidden: 0,
  links: 1,
  runs: 1,
  xattrs: 0,
  xattrBytes: 16,
};

const digest = Buffer.alloc(32, 1);
const firstIno = 3;
const directory = 2;
const owner = { uid: 0, gid: 0, permissions: 0o755 };
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** The metadata of a plan. */
export function imageOf(plan: Plan): Uint8Array {
  const { layers, names, gap } = plan;
  const records = Math.min(plan.records, layers);
  const inos = Math.max(1, Math.ceil(names / plan.links));
  const inoOf = (i: number): number => firstIno + (i % inos) * gap;
  const nameOf = (record: number, i: number): Buffer => {
    const turned = plan.sorted || records > 1 ? i : (i * 7919) % names;
    const own = plan.repeated ? i * 32 : turned * 32 + record;
    return Buffer.from("x".repeat(plan.common) + own.toString(36).padStart(7, "0"), "latin1");
  };
  const made: InodeValue[][] = range(layers).map(() => []);
  const put = (layer: number, inode: InodeValue): void => void made[layer]?.push(inode);
  const dir = (ino: number, entries: DirEntryValue[], lookBelow: boolean): InodeValue => ({
    ...owner,
    ino,
    mode: { kind: "dir", dir: { entries, lookBelow } },
  });
  put(0, dir(1, [{ ino: directory, name: Buffer.from("d") }], false));
  const each = Math.max(1, Math.floor(names / records));
  for (const record of range(records)) {
    const entries = range(each).map((i) => ({
      ino: inoOf(plan.repeated ? i : record * each + i),
      name: nameOf(record, i),
    }));
    put(record, dir(directory, entries, record < records - 1));
  }
  const target = Math.round((layers - 1) * plan.depth);
  for (const layer of range(layers))
    if (layer < target)
      for (const i of range(plan.fillers)) {
        const ino = firstIno + i * (gap + 1) + 1 + (layer % Math.max(gap - 1, 1));
        // Between the numbers of inodes that are used, none of which it may hide.
        if ((ino - firstIno) % gap !== 0) put(layer, { ...owner, ino, mode: { kind: "fifo" } });
      }
  const xattrs = range(plan.xattrs).map((i) => ({
    key: Buffer.from(`user.${i}`.padEnd(plan.xattrBytes, "x").slice(0, 255)),
    val: Buffer.of(),
  }));
  const file = range(plan.runs).map((i) => ({ blob: { digest, offset: i }, len: 1 }));
  for (const i of range(inos))
    put(target, {
      ...owner,
      ino: inoOf(i),
      mode: i % 8 < plan.hidden ? { kind: "wht" } : { kind: "file", file },
      ...(xattrs.length > 0 ? { additional: { xattrs } } : {}),
    });
  for (const inodes of made) inodes.sort((a, b) => a.ino - b.ino);
  return encodeRootfs({ manifestVersion: 3, metadatas: made.map((inodes) => ({ inodes })) });
}

/** A plan in which one or two members differ. */
function changed(plan: Plan, random: Random): Plan {
  const next = { ...plan };
  for (let count = 1 + random.below(2); count > 0; count--) {
    const turn = random.below(numbers.length + 2);
    if (turn === 0) next.repeated = !next.repeated;
    else if (turn === 1) next.sorted = !next.sorted;
    else {
      const name = numbers[turn - 2] ?? "names";
      const limit = most[name];
      const least = ["hidden", "runs", "xattrs", "fillers", "common", "depth"].includes(name) ? 0 : 1;
      const value = name === "depth" ? random.below(5) / 4 : climbed(next[name], limit, random);
      next[name] = Math.max(least, Math.min(limit, value));
    }
  }
  return next;
}

function climbed(value: number, limit: number, random: Random): number {
  const turn = random.below(6);
  if (turn === 0) return limit;
  if (turn === 1) return random.below(limit + 1);
  if (turn === 2) return value * 2;
  if (turn === 3) return Math.floor(value / 2);
  return value + random.pick([-1, 1]) * (1 + random.below(1 + Math.floor(value / 4)));
}

/** The costliest plan of at most `bytes` that `steps` attempts find, and its score. */
export async function climb(
  random: Random,
  steps: number,
  bytes: number,
  score: (image: Uint8Array) => Promise<number>,
): Promise<{ plan: Plan; score: number }> {
  let best = { plan: start, score: await score(imageOf(start)) };
  for (let step = 0; step < steps; step++) {
    const plan = changed(best.plan, random);
    // Not made at all if it is far too large.
    if (sizeOf(plan) > 2 * bytes) continue;
    const image = imageOf(plan);
    if (image.length > bytes) continue;
    const reached = await score(image);
    if (reached >= best.score) best = { plan, score: reached };
  }
  return best;
}

/** About the bytes of its image. */
function sizeOf(plan: Plan): number {
  const names = plan.names * (plan.repeated ? Math.min(plan.records, plan.layers) : 1);
  const inode = 56 + plan.runs * 72 + plan.xattrs * (40 + plan.xattrBytes);
  return names * (32 + plan.common) + Math.ceil(plan.names / plan.links) * inode + plan.layers * plan.fillers * 48;
}
