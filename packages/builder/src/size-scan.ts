import { constants } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { Descent, Directory, FileStatus, isLeftOut, listDirectory, type Crossing } from "@puzzlefs/linux";
import { type SizeScanOrder, sizeSlot } from "./tree-size.ts";

/**
 * A worker thread: adds up the sizes of a tree's regular files, hard links counted once, and stores the sum. It finds
 * the same files as the build that runs at the same time, and does not leave the tree either.
 */
function scan(path: string, crossing: Crossing): number {
  using root = Directory.open(path);
  using descent = new Descent(root.descriptor, (_, cause) => new Error("the tree is changing", { cause }));
  const status = new FileStatus();
  const linked = new Set<string>();
  const pending = [descent.root];
  let total = 0;
  for (let level = pending.pop(); level !== undefined; level = pending.pop()) {
    const directory = descent.enter(level);
    for (const { name } of listDirectory(directory)) {
      status.readAt(directory, name);
      if (status.type === constants.S_IFDIR && !isLeftOut(crossing, status, level.device)) {
        pending.push(descent.level(level, name, status));
      }
      if (status.type !== constants.S_IFREG || (status.nlink > 1 && linked.has(status.identity))) continue;
      if (status.nlink > 1) linked.add(status.identity);
      total += status.size;
    }
  }
  return total;
}

if (parentPort !== null) {
  const { root, crossing, memory }: SizeScanOrder = workerData;
  try {
    Atomics.store(new BigInt64Array(memory), sizeSlot, BigInt(scan(root, crossing)));
  } catch {
    // Only the progress bar needs the sum; what is wrong with the tree is reported by the build.
  }
}
