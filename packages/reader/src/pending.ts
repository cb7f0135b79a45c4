// Local stand-in until the generated algorithms exist: one layer only.
import { Bytes } from "@puzzlefs/format";
import type { DirEntry, Inode, Rootfs } from "@puzzlefs/format";
export function findInode(image: Rootfs, ino: number): Inode | undefined {
  const list = image.metadatas.at(0).inodes;
  let low = 0, high = list.length;
  while (low < high) { const m = (low + high) >>> 1; if (list.at(m).ino < ino) low = m + 1; else high = m; }
  const found = list.at(low);
  return low < list.length && found.ino === ino ? found : undefined;
}
export function nextName(image: Rootfs, dir: number, cookie: number): { cookie: number; entry: DirEntry; inode: Inode } | undefined {
  const d = findInode(image, dir);
  if (d?.mode.kind !== "dir") return undefined;
  const { entries } = d.mode.dir;
  if (cookie >= entries.length) return undefined;
  const entry = entries.at(cookie);
  return { cookie: cookie + 1, entry, inode: findInode(image, entry.ino) as Inode };
}
export function findName(image: Rootfs, dir: number, name: Bytes): DirEntry | undefined {
  const d = findInode(image, dir);
  if (d?.mode.kind !== "dir") return undefined;
  for (const e of d.mode.dir.entries) if (e.name.equals(name)) return e;
  return undefined;
}
export function findRootfs(b: Bytes): { digest: string; verity?: string } {
  const m = JSON.parse(Buffer.from(b.toUint8Array()).toString()) as { layers: { mediaType: string; digest: string }[] };
  return { digest: (m.layers.find((l) => l.mediaType.includes("rootfs")) as { digest: string }).digest.slice(7) };
}
