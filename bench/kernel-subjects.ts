/** The compared file systems: the same tree on disks of one machine, and as images of one store. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { storePlaces } from "@puzzlefs/mount";
import { canonicalOf, Layout } from "@puzzlefs/oci";
import { entriesBelow, ext4Image, mountCommand } from "@puzzlefs/qemu";
import { readHeader } from "@puzzlefs/reader";

export interface Subject {
  name: string;
  /** Where it is mounted in the guest. */
  at: string;
  /** The disk that it reads, such as "vda". */
  disk: string;
  mount: string;
  /** Names of the subjects it is compared with; empty for those themselves. */
  peers: readonly string[];
  /** Bytes of the metadata blob. */
  metadata?: number;
}

export interface Prepared {
  subjects: Subject[];
  /** /dev/vda, /dev/vdb, … */
  disks: string[];
  /** Below each mount: the largest file, for reading within one. */
  largeFile: string;
  /** Bytes that all regular files take in memory, in whole pages. */
  dataBytes: number;
}

/** Mount point of the store of images. */
export const storeDirectory = "/store";

const images = [
  { tag: "raw", options: [], peers: ["erofs", "squashfs"] },
  { tag: "zstd", options: ["-c"], peers: ["erofs", "squashfs zstd"] },
  { tag: "raw packed", options: ["--packed", "--independent"], peers: ["erofs", "squashfs", "raw"] },
  { tag: "zstd packed", options: ["-c", "--packed", "--independent"], peers: ["erofs", "squashfs zstd", "zstd"] },
];

/** Programs that make an image of the tree ROOT in the file IMAGE. */
const peers = [
  { name: "erofs", type: "erofs", make: "mkfs.erofs -T0 IMAGE ROOT" },
  { name: "squashfs", type: "squashfs", make: "mksquashfs ROOT IMAGE -noI -noD -noF -noX" },
  { name: "squashfs zstd", type: "squashfs", make: "mksquashfs ROOT IMAGE -comp zstd -Xcompression-level 3" },
];

const tagName = (tag: string): string => tag.replaceAll(" ", "-");

/** Makes a file under a name that it gets when it is complete: an earlier run's is taken as it is. */
function once(path: string, make: (temporary: string) => void): void {
  if (existsSync(path)) return;
  make(`${path}.new`);
  renameSync(`${path}.new`, path);
}

function run([program = "", ...words]: string[]): void {
  execFileSync(program, words, { stdio: ["ignore", "ignore", "pipe"], maxBuffer: 1 << 26 });
}

/** Makes the disks in `directory`, where they are not there yet. */
export function prepare(root: string, directory: string): Prepared {
  const layout = join(directory, "oci");
  const store = join(directory, "store.ext4");
  const puzzlefs = resolve(import.meta.dirname, "../packages/cli/bin/puzzlefs");
  once(layout, (temporary) => {
    for (const { tag, options } of images) {
      run([puzzlefs, "build", ...options, root, `${temporary}:${tagName(tag)}`]);
      settled(temporary, tagName(tag));
    }
  });
  once(store, (temporary) => ext4Image(temporary, layout));
  const disks = [store];
  const subjects = peers.map(({ name, type, make }): Subject => {
    const image = join(directory, `${tagName(name)}.img`);
    once(image, (temporary) => {
      run(make.split(" ").map((word) => (word === "ROOT" ? root : word === "IMAGE" ? temporary : word)));
    });
    const disk = `vd${"abcdefgh"[disks.push(image) - 1]}`;
    const at = `/mnt/${tagName(name)}`;
    return { name, at, disk, mount: `mount -t ${type} -o ro /dev/${disk} ${at}`, peers: [] };
  });
  for (const { tag, peers: others } of images) {
    const at = `/mnt/${tagName(tag)}`;
    const mount = mountCommand({ store: storeDirectory, ...settled(layout, tagName(tag)), at });
    subjects.push({ name: tag, at, disk: "vda", mount, peers: others, metadata: metadataBytes(layout, tagName(tag)) });
  }
  return { subjects, disks, ...measureTree(root) };
}

/** What the driver needs; of a packed image, its place table is stored. */
function settled(directory: string, tag: string): { manifest: string; more?: string } {
  using layout = Layout.open(directory);
  const { digest, bytes } = layout.manifest(tag);
  if (canonicalOf(bytes) === undefined) return { manifest: digest };
  using options = storePlaces(directory, tag, { verify: "none" });
  return { manifest: options.manifest, more: `places=${options.places}` };
}

function metadataBytes(directory: string, tag: string): number {
  using layout = Layout.open(directory);
  const { blobs, metadataDigest } = readHeader(layout, tag);
  const bytes = blobs.size(metadataDigest);
  if (blobs !== layout.blobs) blobs.close();
  return bytes ?? NaN;
}

function measureTree(root: string): { largeFile: string; dataBytes: number } {
  const page = 4096;
  const seen = new Set<number>();
  let dataBytes = 0;
  let largest = { size: -1, path: "" };
  for (const { path, entry } of entriesBelow(root)) {
    if (!entry.isFile()) continue;
    const { ino, size } = lstatSync(path);
    if (!seen.has(ino)) dataBytes += Math.ceil(size / page) * page;
    seen.add(ino);
    if (size > largest.size) largest = { size, path };
  }
  return { largeFile: largest.path.slice(root.length + 1), dataBytes };
}
