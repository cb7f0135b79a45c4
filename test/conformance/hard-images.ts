/** Small images that make a reader work. */
import { encodeRootfs } from "@puzzlefs/format";
import type { DirEntryValue, InodeValue } from "@puzzlefs/format";
import { MAX_LOOK_BELOW } from "../../packages/format/src/generated/directories.ts";
import { MAX_LAYERS } from "../../packages/format/src/generated/layers.ts";

const inode = (ino: number, mode: InodeValue["mode"]): InodeValue => ({ ino, mode, uid: 0, gid: 0, permissions: 0 });
const fifo = (ino: number): InodeValue => inode(ino, { kind: "fifo" });
const root = (entries: DirEntryValue[], lookBelow = false): InodeValue =>
  inode(1, { kind: "dir", dir: { entries, lookBelow } });
const image = (layers: InodeValue[][]): Uint8Array =>
  encodeRootfs({ manifestVersion: 3, metadatas: layers.map((inodes) => ({ inodes })) });

/** As many as are allowed: of an image, and of one directory that looks below. */
const LAYERS = MAX_LAYERS;
const RECORDS = MAX_LOOK_BELOW + 1;
const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const name = (i: number, common = 0): Uint8Array => Buffer.from("x".repeat(common) + String(i).padStart(7, "0"));

/** By what each takes most of. */
export const HARD: Record<string, () => Uint8Array> = {
  "one layer": () => {
    const inos = range(8000).map((i) => i + 2);
    return image([[root(inos.map((ino) => ({ ino, name: name(ino) }))), ...inos.map(fifo)]]);
  },
  "names in no order, alike for long": () => {
    const inos = range(4000).map((i) => i + 2);
    return image([[root(inos.map((ino) => ({ ino, name: name((ino * 7919) % 4001, 240) }))), ...inos.map(fifo)]]);
  },
  "inode numbers far apart, in the oldest of all layers": () => {
    const above = range(LAYERS - 1).map((layer) => range(20).map((i) => fifo(10 + (i * LAYERS + layer) * 7919)));
    const inos = range(4000).map((i) => 4 + i * 15838);
    return image([...above, [root(inos.map((ino, i) => ({ ino, name: name(i) }))), ...inos.map(fifo)]]);
  },
  "a directory in as many layers as it may be, each with names of its own": () => {
    const layers = range(RECORDS).map((layer) => {
      const entries = range(200).map((i) => ({ ino: 2 + layer * 200 + i, name: name(i * RECORDS + layer) }));
      return [root(entries, layer < RECORDS - 1), ...entries.map(({ ino }) => fifo(ino))];
    });
    return image(layers);
  },
  "the same with names that are alike for long": () => {
    const layers = range(RECORDS).map((layer) => {
      const entries = range(100).map((i) => ({ ino: 2 + layer * 100 + i, name: name(i * RECORDS + layer, 248) }));
      return [root(entries, layer < RECORDS - 1), ...entries.map(({ ino }) => fifo(ino))];
    });
    return image(layers);
  },
};
