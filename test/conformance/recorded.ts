/** Images that record their tree: what schema/recorded.ts checks, once more by plain means. */
import type { InodeValue, RootfsValue } from "@puzzlefs/format";
import type { Random } from "@puzzlefs/testing";
import { Model } from "./model.ts";
import { latin1, randomImage, type Sample } from "./trees.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Of half of the images a variant that records its tree, and whose names are sorted therefore. */
export function randomSample(random: Random, size: number): Sample {
  const sample = randomImage(random, size);
  return random.once(2) ? { ...sample, value: recorded(sample.value) } : sample;
}

/** The image with its tree recorded. */
export function recorded(original: RootfsValue): RootfsValue {
  const value: Writable<RootfsValue> = structuredClone(original);
  const inodes = (value.metadatas ?? []).flatMap(({ inodes: all = [] }) => all as Writable<InodeValue>[]);
  for (const { mode } of inodes) {
    if (mode.kind !== "dir") continue;
    const entries = (mode.dir.entries ?? []).toSorted((a, b) => (latin1(a.name) < latin1(b.name) ? -1 : 1));
    mode.dir = { ...mode.dir, entries };
  }
  const model = new Model(value);
  for (const [ino, { links, parent }] of model.walk()) {
    const inode: Writable<InodeValue> | undefined = model.find(ino);
    if (inode === undefined) throw new Error(`no inode ${ino}`);
    if (inode.mode.kind === "dir") inode.mode.dir = { ...inode.mode.dir, links, parent };
    else if (links > 1) inode.additional = { ...inode.additional, links };
  }
  return Object.assign(value, model.totals());
}
