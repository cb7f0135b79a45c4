/** The space that versions of a tree take: each alone, and together in one store. */
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { compareTrees, sizeOf, type Size } from "./store-programs.ts";
import type { StoreSizes } from "./store-results.ts";
import type { Subject } from "./store-subjects.ts";
import { inScratch, removeTree } from "./store-work.ts";

/**
 * Stores all versions by one subject, gives each back, and compares it with its tree.
 *
 * @param work where stores are made: on a file system that programs of ordinary users would use
 */
export function measureSizes(subject: Subject, versions: readonly string[], work: string): StoreSizes {
  const { name, compressed } = subject;
  return inScratch(work, (directory) => {
    const store = join(directory, "store");
    mkdirSync(store);
    const together = versions.map((tree, index) => {
      subject.store(tree, store, index + 1);
      return sizeOf(store);
    });
    for (const [index, tree] of versions.entries()) verify(subject, tree, store, index + 1, join(directory, "tree"));
    const alone = subject.separate ? steps(together) : versions.map((tree) => sizeAlone(subject, tree, directory));
    return { name, compressed, alone, together };
  });
}

function verify(subject: Subject, tree: string, store: string, version: number, target: string): void {
  subject.extract(store, version, target);
  try {
    compareTrees(tree, target, subject.lacks);
  } catch (error) {
    throw new Error(`${subject.name} does not give ${basename(tree)} back`, { cause: error });
  }
  removeTree(target);
}

function sizeAlone(subject: Subject, tree: string, directory: string): Size {
  return inScratch(directory, (alone) => {
    const store = join(alone, "store");
    mkdirSync(store);
    subject.store(tree, store, 1);
    return sizeOf(store);
  });
}

/** What each version added. */
function steps(sizes: readonly Size[]): Size[] {
  return sizes.map(({ apparent, allocated }, index) => {
    const before = sizes[index - 1] ?? { apparent: 0, allocated: 0 };
    return { apparent: apparent - before.apparent, allocated: allocated - before.allocated };
  });
}
