import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type ExecutionContext } from "ava";
import { type GarbageReport, Layout, LayoutError } from "@puzzlefs/oci";
import { verifyImage } from "@puzzlefs/reader";
import { eventually, Random, runSeed } from "@puzzlefs/testing";
import { blobNames, neededBlobs } from "../../packages/oci/src/store-fixture.ts";
import { attempt, isRoot, missing, puzzlefs } from "../support/programs.ts";
import { layoutNames } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";

/**
 * gc, builds, changes of form, untags and mounts in one layout, all at the same time, without a grace period: nothing that is used is lost. Between
 * them pulls by skopeo, for which gc has a grace period; builds wait then, because skopeo writes index.json without a lock.
 */

const canMount = isRoot && attempt("unshare", ["--mount", "test", "-w", "/dev/fuse"]).status === 0;
const scratch = new Scratch();
const store = scratch.fresh("store");
const canPull = missing("skopeo").length === 0;
const ROUNDS = Number(process.env["PUZZLEFS_GC_ROUNDS"] ?? 30);
const BUILDERS = 2;
/** Of so many rounds the last ones are for pulls. */
const TURN = 10;
const BUILD_ROUNDS = 7;
const GRACE_SECONDS = 600;
/** So many rounds meet every case. */
const MANY = 100;
const PULLED_TAGS = 3;
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
  async work(what = "go"): Promise<string> {
    this.#child.stdin?.write(`${what}\n`);
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
  const names = readdirSync(mountpoint).filter((name) => name.length === 64);
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
  // skopeo writes index.json in place.
  if (code !== 0) t.regex(stderr, /no tag|index\.json/, "a mount fails only for a tag that is gone");
  return code === 0;
}

/** Copies an image of a content of its own into the layout: an old blob that skopeo finds there would have no grace period. */
async function pull(t: ExecutionContext, number: number, random: Random): Promise<void> {
  const rootfs = scratch.directory("pulled");
  const content = Buffer.alloc(20_000 + random.below(90_000), `pulled ${number} `);
  writeFileSync(join(rootfs, createHash("sha256").update(content).digest("hex")), content);
  mkdirSync(join(rootfs, `${number}`));
  const from = `${scratch.fresh("registry")}:${number}`;
  await succeed(t, puzzlefs, "build", ...random.pick([[], ["-c"], ["-c", "--packed"]]), rootfs, from);
  const to = `${store}:p${number % PULLED_TAGS}`;
  await succeed(t, "skopeo", "--insecure-policy", "copy", "--quiet", `oci:${from}`, `oci:${to}`);
}

async function succeed(t: ExecutionContext, program: string, ...argv: string[]): Promise<void> {
  const child = spawn(program, argv, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number];
  t.is(code, 0, `${program} ${argv.join(" ")}: ${stderr}`);
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

test(`${ROUNDS} rounds of gc under builds, untags, mounts and pulls lose nothing (seed ${runSeed})`, async (t) => {
  t.timeout(900_000);
  const random = new Random();
  Layout.create(store).close();
  const builders = Array.from({ length: BUILDERS }, () => new Worker("builder", random.bits()));
  const collector = new Worker("collector", 0);
  const counts = { builds: 0, mounts: 0, pulls: 0, verified: 0, freed: 0, pending: 0, inUse: 0 };
  const collect = async (grace: number): Promise<GarbageReport | null> =>
    JSON.parse(await collector.work(`${grace}`)) as GarbageReport | null;
  const build = async (builder: Worker): Promise<void> => {
    await builder.work();
    counts.builds++;
  };
  await Promise.all(builders.map(build));
  const building = new Map<Worker, Promise<void>>();
  const mounted: string[] = [];
  const mounting = async (): Promise<void> => {
    if (mounted.length >= MOUNTS || (mounted.length > 0 && random.once(2))) {
      const mountpoint = mounted.shift() as string;
      counts.mounts += readAll(t, mountpoint) > 0 ? 1 : 0;
      t.is(attempt(puzzlefs, ["umount", mountpoint]).status, 0);
      return;
    }
    const mountpoint = scratch.directory("mnt");
    const tag = random.once(4) ? `p${random.below(PULLED_TAGS)}` : `t${random.below(6)}`;
    if (await mount(t, tag, mountpoint, random.once(4))) mounted.push(mountpoint);
  };
  let atMounts: Promise<void> | undefined;
  for (let round = 0; round < ROUNDS && t.passed; round++) {
    const isPulling = canPull && round % TURN >= BUILD_ROUNDS;
    const pulling = { isOver: true };
    if (isPulling) {
      await Promise.all(building.values());
      pulling.isOver = false;
      void pull(t, counts.pulls++, random).finally(() => (pulling.isOver = true));
    } else {
      // They work on while gc runs again.
      for (const builder of builders)
        if (!building.has(builder))
          building.set(
            builder,
            build(builder).finally(() => building.delete(builder)),
          );
    }
    // During a pull as often as it can.
    do {
      const report = await collect(isPulling ? GRACE_SECONDS : 0);
      if (report === null) {
        t.true(isPulling);
        continue;
      }
      counts.freed += report.freed.blobs;
      counts.pending += report.pending.blobs;
      counts.inUse += report.inUse.blobs;
    } while (!pulling.isOver);
    // One at a time, over several rounds.
    if (canMount) atMounts ??= mounting().finally(() => (atMounts = undefined));
    if (round % 4 === 0) counts.verified += verifyTags(t);
    for (const mountpoint of mounted) if (random.once(8)) readAll(t, mountpoint);
  }
  await Promise.all([...building.values(), atMounts]);
  for (const mountpoint of mounted) {
    readAll(t, mountpoint);
    t.is(attempt(puzzlefs, ["umount", mountpoint]).status, 0);
  }
  await Promise.all(builders.map((builder) => builder.end()));
  t.log(JSON.stringify(counts));
  t.true(counts.builds > 0 && counts.freed > 0 && counts.verified > 0, "all of it was done");
  if (canPull) t.true(counts.pulls > 0);
  if (canMount) t.true(counts.mounts > 0 || mounted.length > 0);
  if (ROUNDS >= MANY) t.true(counts.pending > 0 && counts.inUse > 0);
  // The servers end soon after their mounts.
  t.true(await eventually(async () => (await collect(0))?.inUse.blobs === 0));
  await collector.end();
  verifyTags(t);
  t.deepEqual(blobNames(store), neededBlobs(store));
  t.deepEqual(layoutNames(store), ["blobs", "index.json", "oci-layout"]);
});
