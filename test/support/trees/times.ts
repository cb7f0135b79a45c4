import { readdirSync } from "node:fs";
import { AT_FDCWD, utimensat } from "@puzzlefs/linux";

/** From the largest moment that ext4 holds to the smallest, and values around zero. */
const oddSeconds = [0, -1, -1_000_000_000, -0x80000000, 1, 0x7fffffff, 0x80000000, 0xffffffff, 15_032_385_535];

/** Sets a fixed, different modification time with nanoseconds for everything in a tree; links to a file share one. */
export function setTimes(root: Buffer): void {
  let count = 0;
  const visit = (path: Buffer, isDirectory: boolean): void => {
    if (isDirectory) {
      for (const entry of readdirSync(path, { encoding: "buffer", withFileTypes: true }).sort(byName)) {
        visit(Buffer.concat([path, Buffer.from("/"), entry.name]), entry.isDirectory());
      }
    }
    const seconds = count % 5 === 0 ? oddSeconds[(count / 5) % oddSeconds.length] : 1_000_000_000 + count * 3600;
    utimensat(AT_FDCWD, path, { seconds: seconds ?? 0, nanoseconds: (count * 7919 + 1) % 1_000_000_000 });
    count += 1;
  };
  visit(root, true);
}

function byName(a: { name: Buffer }, b: { name: Buffer }): number {
  return Buffer.compare(a.name, b.name);
}
