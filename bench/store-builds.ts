/** Times of first builds, into fresh directories, of all subjects in turn. */
import { join } from "node:path";
import { compareTrees, isInstalled, measured, run, type Command } from "./store-programs.ts";
import type { Round, Target, TimedSubject } from "./store-results.ts";
import { puzzlefs, rustTool } from "./store-subjects.ts";
import { inScratch } from "./store-work.ts";

interface Builder {
  name: string;
  /** @param target does not exist */
  build(tree: string, target: string): Command;
  extract(target: string, tree: string): Command;
}

const layout = (name: string, program: string, ...options: string[]): Builder => ({
  name,
  build: (tree, target) => [program, "build", ...options, tree, `${target}:v1`],
  // By one reader for both: the Rust tool's takes minutes for 2 GB.
  extract: (target, tree) => [puzzlefs, "extract", `${target}:v1`, tree],
});

const ZSTD_3 = ["-comp", "zstd", "-Xcompression-level", "3"] as const;

const mksquashfs: Builder = {
  name: "mksquashfs, zstd level 3",
  build: (tree, target) => ["mksquashfs", tree, target, "-quiet", "-no-progress", ...ZSTD_3],
  extract: (target, tree) => ["unsquashfs", "-quiet", "-no-progress", "-dest", tree, target],
};

const [raw, compressed] = [layout("puzzlefs", puzzlefs), layout("puzzlefs -c", puzzlefs, "-c")];
const rawRust = (cache: string): Builder => layout("Rust tool", rustTool(cache));

/** What is built of a tree, and the targets of STORE.md. */
export interface BuildSet {
  builders: Builder[];
  missing: string[];
  targets: Target[];
}

function present(builders: Builder[], targets: Target[]): BuildSet {
  const isHere = (builder: Builder): boolean => isInstalled(builder.build("", "")[0]);
  return {
    builders: builders.filter(isHere),
    missing: builders.filter((builder) => !isHere(builder)).map(({ name }) => name),
    targets,
  };
}

export function largeBuilds(cache: string): BuildSet {
  return present(
    [raw, rawRust(cache), compressed, mksquashfs],
    [
      { what: "build, raw", subject: raw.name, peer: "Rust tool", most: 0.35 },
      { what: "build -c", subject: compressed.name, peer: mksquashfs.name, most: 0.9 },
    ],
  );
}

export function memoryBuilds(cache: string): BuildSet {
  return present(
    [raw, rawRust(cache), compressed, layout("Rust tool -c", rustTool(cache), "-c")],
    [
      { what: "build, raw", subject: raw.name, peer: "Rust tool", most: 0.7 },
      { what: "build -c", subject: compressed.name, peer: "Rust tool -c", most: 0.5 },
    ],
  );
}

/**
 * Measures all builders in each round, after one round that is not counted and whose results are extracted and compared
 * with the tree.
 *
 * @param work where images are written
 * @param extracted where they are extracted
 */
export function measureBuilds(
  builders: readonly Builder[],
  tree: string,
  { work, extracted, rounds }: { work: string; extracted: string; rounds: number },
): TimedSubject[] {
  const subjects = builders.map(({ name }): TimedSubject => ({ name, rounds: [] }));
  for (let round = 0; round <= rounds; round++) {
    for (const [index, builder] of builders.entries()) {
      inScratch(work, (directory) => {
        const target = join(directory, "image");
        const usage: Round = measured(builder.build(tree, target), work);
        if (round === 0) verify(builder, tree, target, extracted);
        else subjects[index].rounds.push(usage);
        process.stderr.write(`bench: ${builder.name}, round ${round}: ${usage.seconds.toFixed(2)} s\n`);
      });
    }
  }
  return subjects;
}

function verify(builder: Builder, tree: string, target: string, extracted: string): void {
  inScratch(extracted, (directory) => {
    const copy = join(directory, "tree");
    run(builder.extract(target, copy));
    compareTrees(tree, copy);
  });
}
