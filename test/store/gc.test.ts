import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type ExecutionContext } from "ava";
import { type GarbageReport, Layout, LayoutError } from "@puzzlefs/oci";
import { verifyImage } from "@puzzlefs/reader";
import { eventually, Random, runSeed } from "@puzzlefs/testing";
import { blobNames, neededBlobs } from "../../packages/oci/src/store-fixture.ts";
import { attempt, isRoot, puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** gc, builds, untags and mounts in one layout, all at the same time, without a grace period: nothing that is used is lost. */

const canMount = isRoot && attempt("unshare", ["--mount", "test", "-w", "/dev/fuse"]).status === 0;
const scratch = new Scratch();
const store = scratch.fresh("store");
const ROUNDS = 200;
const BUILDERS = 2;
/** Mounts at a time. */
const MOUNTS = 3;
const workers: ChildProcess[] = [];

test.after.always(() => {
  for (const worker of workers) worker.kill();
  scratch.remove();
});

/** A process of worker-fixture.ts. */
class Worker {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #errors: string[] = [];

  constructor(role: string, seed: number) {
    const program = join(import.meta.dirname, "worker-fixture.ts");
    const directory = scratch.directory(role);
    this.#child = spawn(process.execPath, [program, role, store, directory, String(seed)], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    workers.push(this.#child);
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("no pipes");
    stderr.setEncoding("utf8").on("data", (text: string) => this.#errors.push(text));
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Has it do a piece of work. Rejects if it died. */
  async work(): Promise<string> {
    this.#child.stdin?.write("go\n");
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`a worker died: ${this.#errors.join("")}`);
    return value;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    await ended;
  }
}

/** Reads all files below a mount point; each is named by its content. Returns how many. */
function readAll(t: ExecutionContext, mountpoint: string): number {
  const names = readdirSync(mountpoint);
  for (const name of names) {
    const found = createHash("sha256")
      .update(readFileSync(join(mountpoint, name)))
      .digest("hex");
    if (found !== name) t.fail(`${mountpoint}/${name} has sha256 ${found}`);
  }
  return names.length;
}

/** Mounts a tag by FUSE; false if there was no such tag any more. */
async function mount(t: ExecutionContext, tag: string, mountpoint: string, supervise: boolean): Promise<boolean> {
  const options = supervise ? ["--supervise"] : [];
  const child = spawn(puzzlefs, ["mount", "--driver", "fuse", ...options, `${store}:${tag}`, mountpoint], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) t.regex(stderr, /no tag/, "a mount fails only for a tag that is gone");
  return code === 0;
}

/** Checks every image that has a tag at this moment. */
function verifyTags(t: ExecutionContext): number {
  using layout = Layout.open(store);
  let count = 0;
  for (const tag of layout.tags()) {
    try {
      using image = layout.use(tag);
      const { problems } = verifyImage(layout, image.digest);
      if (problems.length > 0) t.fail(`${tag}: ${JSON.stringify(problems)}`);
      count++;
    } catch (error) {
      // It was untagged since.
      if (!(error instanceof LayoutError) || error.kind !== "absent") throw error;
    }
  }
  return count;
}

test(`${ROUNDS} rounds of gc under builds, untags and mounts lose nothing (seed ${runSeed})`, async (t) => {
  t.timeout(900_000);
  const random = new Random();
  Layout.create(store).close();
  const builders = Array.from({ length: BUILDERS }, () => new Worker("builder", random.bits()));
  const collector = new Worker("collector", 0);
  const counts = { builds: 0, mounts: 0, verified: 0, freed: 0, pending: 0, inUse: 0 };
  await Promise.all(builders.map((builder) => builder.work()));
  const work = { isOver: false };
  const building = builders.map(async (builder) => {
    for (; !work.isOver; counts.builds++) await builder.work();
  });
  const mounted: string[] = [];
  const mounting = async (): Promise<void> => {
    if (mounted.length >= MOUNTS || (mounted.length > 0 && random.once(2))) {
      const mountpoint = mounted.shift() as string;
      counts.mounts += readAll(t, mountpoint) > 0 ? 1 : 0;
      t.is(attempt(puzzlefs, ["umount", mountpoint]).status, 0);
      return;
    }
    const mountpoint = scratch.directory("mnt");
    if (await mount(t, `t${random.below(6)}`, mountpoint, random.once(4))) mounted.push(mountpoint);
  };
  let atMounts: Promise<void> | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const report = JSON.parse(await collector.work()) as GarbageReport;
    counts.freed += report.freed.blobs;
    counts.pending += report.pending.blobs;
    counts.inUse += report.inUse.blobs;
    // One at a time, over several rounds.
    if (canMount) atMounts ??= mounting().finally(() => (atMounts = undefined));
    if (round % 4 === 0) counts.verified += verifyTags(t);
    for (const mountpoint of mounted) if (random.once(8)) readAll(t, mountpoint);
    if (!t.passed) break;
  }
  work.isOver = true;
  await Promise.all([...building, atMounts]);
  for (const mountpoint of mounted) {
    readAll(t, mountpoint);
    t.is(attempt(puzzlefs, ["umount", mountpoint]).status, 0);
  }
  await Promise.all(builders.map((builder) => builder.end()));
  t.log(JSON.stringify(counts));
  t.true(counts.builds > 0 && counts.freed > 0 && counts.pending > 0 && counts.verified > 0, "all of it was done");
  if (canMount) t.true(counts.mounts > 0);
  // The servers end soon after their mounts.
  const isUnused = async (): Promise<boolean> =>
    (JSON.parse(await collector.work()) as GarbageReport).inUse.blobs === 0;
  t.true(await eventually(isUnused));
  await collector.end();
  verifyTags(t);
  t.deepEqual(blobNames(store), neededBlobs(store));
  t.deepEqual(readdirSync(store).toSorted(), ["blobs", "index.json", "oci-layout"]);
});
