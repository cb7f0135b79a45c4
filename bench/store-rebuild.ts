/** Times and bytes of a second version, in which one file has changed. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import {
  compareTrees,
  isInstalled,
  measured,
  run,
  sizeOf,
  type Command,
  type CommandOptions,
} from "./store-programs.ts";
import type { Target, TimedSubject } from "./store-results.ts";
import { borgCreate, borgEnvironment, borgInit, puzzlefs } from "./store-subjects.ts";
import { inScratch } from "./store-work.ts";

/** The image of the tree before its file is changed. */
const BASE = "base";

interface Rebuilder {
  name: string;
  /** Directory of the store, which others may share. */
  store: string;
  /** Makes the version `tag`. */
  command(tag: string): Command;
  options?: CommandOptions;
  /** Called before, with the bytes that the file gets. */
  prepare?(tag: string, content: Uint8Array): void;
}

export const rebuildTargets: Target[] = [
  { what: "by a walk of the tree", subject: "build -c -b", peer: "borg", most: 1 },
  { what: "with the file cache", subject: "build -c --file-cache", peer: "borg", most: 0.4 },
  { what: "from the upper directory", subject: "commit", peer: "borg", most: 0.05 },
];

/** Measures all subjects in each round, after one that is not counted. Each gets other content, so that no two share it. */
export function measureRebuilds(
  tree: string,
  work: string,
  rounds: number,
): { subjects: TimedSubject[]; missing: string[] } {
  return inScratch(work, (directory) => {
    const { rebuilders, missing } = prepare(tree, directory);
    const file = changedFile(tree);
    const before = readFileSync(file);
    const subjects = rebuilders.map(({ name }): TimedSubject => ({ name, rounds: [] }));
    try {
      for (let round = 0; round <= rounds; round++) {
        for (const [index, { name, store, options, ...rebuilder }] of rebuilders.entries()) {
          const tag = `r${round}-${index}`;
          const content = Buffer.concat([before, Buffer.from(`# changed: ${tag}\n`)]);
          writeFileSync(file, content);
          rebuilder.prepare?.(tag, content);
          const sizeBefore = sizeOf(store);
          const usage = measured(rebuilder.command(tag), store, options);
          const sizeAfter = sizeOf(store);
          const added = {
            apparent: sizeAfter.apparent - sizeBefore.apparent,
            allocated: sizeAfter.allocated - sizeBefore.allocated,
          };
          if (round > 0) subjects[index].rounds.push({ ...usage, added });
          process.stderr.write(
            `bench: ${name}, round ${round}: ${usage.seconds.toFixed(3)} s, ${added.apparent} bytes\n`,
          );
        }
      }
      verify(tree, rebuilders, directory, before);
    } finally {
      writeFileSync(file, before);
    }
    return { subjects, missing };
  });
}

/** The file that is changed: a short one, which shares a chunk with its neighbours. */
export function changedFile(tree: string): string {
  const usual = join(tree, "etc/profile");
  if (existsSync(usual)) return usual;
  const small = run(["find", tree, "-type", "f", "-size", "-16k"]).split("\n");
  const first = small.sort().find((path) => path !== "");
  if (first === undefined) throw new Error(`${tree} has no small file that could be changed`);
  return first;
}

function prepare(tree: string, directory: string): { rebuilders: Rebuilder[]; missing: string[] } {
  const [loose, packed, borg] = ["loose", "packed", "borg"].map((name) => join(directory, name));
  const image = (store: string, tag: string): string => `${store}:${tag}`;
  run([puzzlefs, "build", "-c", "--file-cache", tree, image(loose, BASE)]);
  run([puzzlefs, "build", "-c", "--packed", tree, image(packed, BASE)]);
  const upper = (tag: string): string => join(directory, `upper-${tag}`);
  const rebuilders: Rebuilder[] = [
    {
      name: "build -c -b",
      store: loose,
      command: (tag) => [puzzlefs, "build", "-c", "-b", BASE, tree, image(loose, tag)],
    },
    {
      name: "build -c --file-cache",
      store: loose,
      command: (tag) => [puzzlefs, "build", "-c", "--file-cache", tree, image(loose, tag)],
    },
    {
      name: "build -c --packed -b",
      store: packed,
      command: (tag) => [puzzlefs, "build", "-c", "--packed", "-b", BASE, tree, image(packed, tag)],
    },
  ];
  const missing: string[] = [];
  if (process.geteuid?.() === 0 && existsSync("/dev/fuse")) {
    const change = (tag: string, content: Uint8Array): void => {
      const mountpoint = join(directory, "mnt");
      mkdirSync(mountpoint, { recursive: true });
      run([puzzlefs, "mount", "--persist", upper(tag), image(loose, BASE), mountpoint]);
      try {
        writeFileSync(join(mountpoint, relative(tree, changedFile(tree))), content);
      } finally {
        run([puzzlefs, "umount", mountpoint]);
      }
    };
    rebuilders.push({
      name: "commit",
      store: loose,
      prepare: change,
      command: (tag) => [puzzlefs, "commit", image(loose, BASE), upper(tag), image(loose, tag)],
    });
  } else missing.push("commit (needs root and /dev/fuse)");
  if (isInstalled("borg")) {
    borgInit(borg);
    const options = { cwd: tree, env: borgEnvironment(borg) };
    run(borgCreate(borg, BASE), options);
    rebuilders.unshift({ name: "borg", store: borg, command: (tag) => borgCreate(borg, tag), options });
  } else missing.push("borg");
  return { rebuilders, missing };
}

/**
 * One more version by each, of one content: those of the same layout must be the image of a fresh build, or its tree, and each
 * store must give the tree back.
 */
function verify(tree: string, rebuilders: readonly Rebuilder[], directory: string, before: Uint8Array): void {
  appendFileSync(changedFile(tree), "# changed: the last time\n");
  const content = readFileSync(changedFile(tree));
  if (content.equals(before)) throw new Error("the file has not changed");
  const manifests = new Map<string, string>();
  for (const [index, { name, prepare: change, command, options }] of rebuilders.entries()) {
    const tag = `last-${index}`;
    change?.(tag, content);
    const [program, ...args] = command(tag);
    const isOurs = program === puzzlefs;
    const output = run([program, ...args, ...(isOurs ? ["--json"] : [])], options);
    if (isOurs) manifests.set(name, (JSON.parse(output) as { manifest: string }).manifest);
  }
  const loose = join(directory, "loose");
  const fresh = run([puzzlefs, "build", "-c", "--verify", "--json", tree, `${loose}:fresh`]);
  const { manifest } = JSON.parse(fresh) as { manifest: string };
  for (const name of ["build -c --file-cache", "commit"]) {
    const made = manifests.get(name);
    if (made !== undefined && made !== manifest) throw new Error(`${name} made ${made}, a fresh build ${manifest}`);
  }
  for (const [index, { name, store, command, options }] of rebuilders.entries()) {
    if (name === "build -c --file-cache" || name === "commit") continue;
    const copy = join(directory, "copy");
    mkdirSync(copy);
    const tag = `last-${index}`;
    const isOurs = command(tag)[0] === puzzlefs;
    if (isOurs) run([puzzlefs, "extract", `${store}:${tag}`, copy]);
    else run(["borg", "extract", "--numeric-ids", `${store}::${tag}`], { ...options, cwd: copy });
    try {
      compareTrees(tree, copy);
    } catch (error) {
      throw new Error(`${name} does not give the tree back`, { cause: error });
    }
    run(["rm", "-rf", copy]);
  }
}
