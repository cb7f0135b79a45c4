import { lstatSync, readdirSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type SizeScanOrder, sizeSlot } from "./tree-size.ts";

/** A worker thread: adds up the sizes of a tree's regular files, hard links counted once, and stores the sum. */
function scan(root: string): number {
  const device = lstatSync(root).dev;
  const linked = new Set<number>();
  const pending: Buffer[] = [Buffer.from(root)];
  let total = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const entry of readdirSync(directory, { withFileTypes: true, encoding: "buffer" })) {
      if (!entry.isDirectory() && !entry.isFile()) continue;
      const path = Buffer.concat([directory, Buffer.from("/"), entry.name]);
      const status = lstatSync(path);
      if (entry.isDirectory() && status.dev === device) pending.push(path);
      if (!entry.isFile() || linked.has(status.ino)) continue;
      if (status.nlink > 1) linked.add(status.ino);
      total += status.size;
    }
  }
  return total;
}

if (parentPort !== null) {
  const { root, memory }: SizeScanOrder = workerData;
  try {
    Atomics.store(new BigInt64Array(memory), sizeSlot, BigInt(scan(root)));
  } catch {
    // Only the progress bar wants to know; what is wrong with the tree is for the build to say.
  }
}
