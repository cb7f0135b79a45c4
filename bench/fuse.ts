/**
 * `make bench-fuse`: our FUSE beside that of others, on one tree, in one run, in turn.
 *
 *     [TREE=debian|big|DIR] [ROWS=find,mount] [RUNS=3] [PEERS=puzzlefs,erofsfuse] [JSON=FILE] node bench/fuse.ts CACHE
 *
 * Cold: freshly mounted, then all caches of the machine emptied; warm: the same once more. ROWS and PEERS are
 * names as the table has them; "mount" lasts until the first `ls`. Images are kept in CACHE/bench-fuse:
 * remove them to have them made anew.
 */
import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { type FuseCase, fuseCases } from "./fuse-cases.ts";
import { FuseMount } from "./fuse-mount.ts";
import { presentPeers, type Peer } from "./fuse-peers.ts";
import { figuresTable, type Measure, type Temperature, timesTable } from "./fuse-results.ts";
import { benchTree, imagePath, makeImages } from "./fuse-tree.ts";
import { dropCaches, seconds } from "./timing.ts";

const { TREE = "debian", ROWS, RUNS = "3", PEERS, JSON: file } = process.env;
const cache = resolve(process.argv[2] ?? ".");
const known: Record<string, string> = {
  debian: join(cache, "trees/debian-bookworm"),
  big: join(cache, "trees/big-tree"),
};
const mebi = 1 << 20;
/** Seconds; what takes this long is not done a second time. */
const tooLong = 30;

const chosen =
  (list: string | undefined) =>
  ({ name }: { name: string }): boolean =>
    list === undefined || list.split(",").includes(name);

const rootfs = known[TREE] ?? resolve(TREE);
const directory = join(cache, "bench-fuse", basename(rootfs));
const peers = presentPeers(cache).filter(chosen(PEERS));
const cases = fuseCases.filter(chosen(ROWS));
mkdirSync(directory, { recursive: true });
const tree = benchTree(rootfs, directory);
makeImages(peers, rootfs, tree, directory);
// Below this machine's disk may be another machine's memory: all images have been read once.
for (const peer of peers) seconds("sh", ["-c", `tar -c '${imagePath(peer, directory)}' 2>/dev/null | cat >/dev/null`]);

/** One case on one peer: cold, then warm. */
async function measure(peer: Peer, each: FuseCase, mountpoint: string, run: number): Promise<Measure[]> {
  const measures: Measure[] = [];
  const step = (mount: FuseMount, temperature: Temperature, before: number, mounting: number): void => {
    const taken = mounting + each.measure(mountpoint, tree);
    const { busy, memory } = mount;
    measures.push({
      peer: peer.name,
      what: each.name,
      temperature,
      run,
      seconds: taken,
      busy: busy - before,
      memory,
    });
  };
  const command = peer.mount(imagePath(peer, directory), mountpoint);
  if (each.mounts === true) {
    for (const temperature of ["cold", "warm"] as const) {
      if (temperature === "cold") dropCaches();
      const start = performance.now();
      const mount = FuseMount.start(command, mountpoint);
      step(mount, temperature, 0, (performance.now() - start) / 1000);
      await mount.end();
    }
  } else {
    const mount = FuseMount.start(command, mountpoint);
    await mount.ready();
    dropCaches();
    step(mount, "cold", mount.busy, 0);
    if ((measures[0]?.seconds ?? 0) < tooLong) step(mount, "warm", mount.busy, 0);
    await mount.end();
  }
  return measures;
}

async function measureAll(mountpoint: string): Promise<Measure[]> {
  const measures: Measure[] = [];
  const runs = Number(RUNS);
  for (let run = 1; run <= runs; run++) {
    for (const each of cases) {
      for (const peer of peers) {
        measures.push(...(await measure(peer, each, mountpoint, run)));
      }
      process.stderr.write(`measured: ${each.name}, ${run} of ${runs}\n`);
    }
  }
  return measures;
}

const mountpoint = mkdtempSync(join(tmpdir(), "puzzlefs-bench-"));
const measures = await measureAll(mountpoint);
rmdirSync(mountpoint);
if (file !== undefined) writeFileSync(file, JSON.stringify({ rootfs, kernel: release(), cpus: cpus(), measures }));
console.log(
  `${rootfs}, Linux ${release()}, ${cpus().length} cores; medians of ${RUNS}; ratio (spread): smaller is better`,
);
for (const compressed of [false, true]) {
  const alike = peers.filter((peer) => peer.compressed === compressed);
  if (alike.length === 0) continue;
  console.log(`\n### ${compressed ? "Compressed" : "Stored as it is"}\n\n${timesTable(measures, alike, cases)}`);
  const busy = figuresTable(measures, alike, cases, (each) => each.busy * 1000);
  console.log(`\nProcessor time of the daemon, ms:\n\n${busy}`);
  const memory = figuresTable(measures, alike, cases, (each) => each.memory / mebi);
  console.log(`\nMemory of the daemon afterwards (RSS), MiB:\n\n${memory}`);
}
