/** Mounts that outlive the processes that serve them. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import {
  close,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { hasCode } from "@puzzlefs/linux";
import { eventually, PATIENCE, Random, running, signalTo } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import type { MemoryArgument, MemorySettings } from "./memory-mount.ts";
import { alive, MEMORY_MOUNT, mountObstacle, run, Scratch } from "./mount-fixture.ts";
import type { ReaderResult } from "./reader-fixture.ts";

const obstacle = mountObstacle();
const mounting = obstacle === undefined ? test : test.skip;
const READER = fileURLToPath(new URL("reader-fixture.ts", import.meta.url));

test("obstacles to the tests of supervision", (t) => {
  if (obstacle !== undefined) t.log(`skipped: ${obstacle}`);
  t.pass();
});

/** A supervised mount, and the log and marks of its servers. */
class Supervised extends Scratch {
  readonly marks = join(this.directory, "marks");
  readonly logFile = join(this.directory, "log");
  readonly deadly: MemoryArgument = { tree: "deadly", marks: this.marks };
  pid = 0;

  constructor() {
    super();
    mkdirSync(this.marks);
  }

  async begin(tree: MemoryArgument = this.deadly, settings: MemorySettings = {}): Promise<void> {
    this.pid = await this.mount(tree, { supervised: true, logFile: this.logFile, ...settings });
  }

  /** The process that serves; undefined while there is none. */
  get server(): number | undefined {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "latin1").trim();
    return children === "" ? undefined : Number(children.split(" ").at(-1));
  }

  /** Sends a signal to the process that serves, and returns its number; undefined if there is none at the moment. */
  kill(signal: NodeJS.Signals = "SIGKILL"): number | undefined {
    const { server } = this;
    try {
      if (server !== undefined) signalTo(server, signal);
      return server;
    } catch (error) {
      // One that was killed before has ended since it was looked up.
      if (!hasCode(error, "ESRCH")) throw error;
      return undefined;
    }
  }

  get log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** Unmounts; all servers must end by themselves. */
  async end(t: ExecutionContext): Promise<void> {
    await this.unmount();
    await this.gone(t);
  }

  async gone(t: ExecutionContext): Promise<void> {
    t.true(await eventually(() => running(this.mountpoint).length === 0), "no process remains");
    t.false(this.mounted);
  }
}

function startReader(...argv: string[]): { started: Promise<void>; stop(): Promise<ReaderResult> } {
  const child = spawn(process.execPath, [READER, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<number | null>((settle) => child.once("close", settle));
  const started = new Promise<void>((settle, fail) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      settle();
    });
    void ended.then((code) => fail(new Error(`reader ended with ${code}: ${errors}`)));
  });
  return {
    started,
    async stop() {
      child.kill("SIGTERM");
      if ((await ended) !== 0) throw new Error(`reader failed: ${errors}`);
      return JSON.parse(output.split("\n").at(-2) ?? "") as ReaderResult;
    },
  };
}

/** From the present server, as direct reads are not cached. */
async function readSome(path: string): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_DIRECT);
  await file.read(Buffer.alloc(4096), 0, 4096, 0);
}

mounting("killed 20 times while programs read and list: no program sees an error", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin({ tree: "files", count: 3000, perDirectory: 5, big: 5_000_000 });
  const readers = [0, 1, 2, 3].map((index) => startReader(scratch.mountpoint, String(index), "4", "5"));
  await Promise.all(readers.map(({ started }) => started));
  const killed = new Set<number>();
  const random = new Random();
  while (killed.size < 20) {
    await readSome(scratch.path("big"));
    await sleep(random.below(200));
    const server = scratch.kill();
    if (server !== undefined) killed.add(server);
    // Now and then the next one, too, before it can serve.
    if (killed.size % 5 === 4) await sleep(random.below(300)).then(() => scratch.kill());
  }
  const results = await Promise.all(readers.map((reader) => reader.stop()));
  t.log(JSON.stringify(results));
  for (const { rounds, listed, longest } of results) {
    t.true(rounds > 0 && listed > 0);
    t.true(longest < PATIENCE, `waited ${longest} ms`);
  }
  await scratch.end(t);
});

mounting("killed in the middle of a read: the next one answers it", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin();
  t.is(await readFile(scratch.path("once"), "latin1"), "I am once");
  t.is(readFileSync(join(scratch.marks, "once"), "latin1"), "++");

  // Nor does it need to find the log.
  rmSync(scratch.logFile);
  mkdirSync(scratch.logFile);
  const reading = readFile(scratch.path("hang"), "latin1");
  t.true(await eventually(() => existsSync(join(scratch.marks, "hang"))));
  scratch.kill();
  t.is(await reading, "I am hang");
  await scratch.end(t);
});

mounting("a read that kills every server gets EIO, and the mount lives", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin();
  await t.throwsAsync(readFile(scratch.path("always")), { code: "EIO" });
  t.is(await readFile(scratch.path("good"), "latin1"), "I am good");
  t.regex(scratch.log, /^\S+Z error READ of inode 2: 3 processes died of it, so it gets EIO$/m);
  await scratch.end(t);
});

mounting("no server can start any more: ENOTCONN, and the reason in the log", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin();
  rmdirSync(scratch.marks);
  scratch.kill();
  t.true(await eventually(() => !alive(scratch.pid)));
  t.throws(() => statSync(scratch.path("good")), { code: "ENOTCONN" });
  t.regex(scratch.log, /error .* died: SIGKILL; another takes over$/m);
  t.regex(scratch.log, /error .* died: ENOENT.*; another takes over in 800 ms$/m);
  t.regex(scratch.log, /error every process that serves the mount dies at once, .*ENOENT.*; giving up$/m);
  await scratch.end(t);
});

mounting("SIGTERM has a server replaced, of the supervisor it unmounts", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin();
  const { server } = scratch;
  scratch.kill("SIGTERM");
  t.true(await eventually(() => scratch.server !== server && scratch.server !== undefined));
  t.is(await readFile(scratch.path("good"), "latin1"), "I am good");
  signalTo(scratch.pid, "SIGTERM");
  await scratch.gone(t);
});

mounting("a signal while a file is open: served on, by successors too, until the second signal", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin({ tree: "big", bytes: 10_000_000 });
  const file = openSync(scratch.path("big"), "r");
  signalTo(scratch.pid, "SIGINT");
  t.true(await eventually(() => !scratch.mounted));
  scratch.kill();
  t.is(readSync(file, Buffer.alloc(6), 0, 6, 6_000_000), 6);
  signalTo(scratch.pid, "SIGINT");
  await scratch.gone(t);
  // The connection is gone; close may fail or not.
  close(file, () => undefined);
});

mounting("without its supervisor a server goes on alone", async (t) => {
  await using scratch = new Supervised();
  for (const end of ["SIGTERM", "umount"]) {
    await scratch.begin();
    const server = scratch.server ?? 0;
    signalTo(scratch.pid, "SIGKILL");
    t.true(await eventually(() => /the supervisor died/.test(scratch.log)));
    t.is(await readFile(scratch.path("good"), "latin1"), "I am good");
    if (end === "SIGTERM") process.kill(server, end);
    else await scratch.unmount();
    await scratch.gone(t);
  }
});

mounting("unmounted while there is no server: all processes end", async (t) => {
  await using scratch = new Supervised();
  await scratch.begin();
  scratch.kill();
  await scratch.end(t);
});

mounting("an error at the start is reported as without supervision", async (t) => {
  await using scratch = new Supervised();
  const refused = await scratch.start({ tree: "refused" }, { supervised: true });
  t.deepEqual([refused.code, refused.stderr], [3, "demo:v1: dir-entry-name-slash: inode 7\n"]);
  const options = await scratch.start(scratch.deadly, { supervised: true, options: ["colour=blue"] });
  t.regex(options.stderr, /unknown mount option "colour=blue"/);
  await scratch.gone(t);
});

mounting("in the foreground: init pipe, traces of all servers, Ctrl-C", async (t) => {
  await using scratch = new Supervised();
  const initPipe = join(scratch.directory, "fifo");
  execFileSync("mkfifo", [initPipe]);
  const settings: MemorySettings = { supervised: true, debug: true, initPipe };
  const argv = [MEMORY_MOUNT, "--foreground", scratch.mountpoint, JSON.stringify(scratch.deadly)];
  // A process group of its own, as under a shell.
  const child: ChildProcess = spawn(process.execPath, [...argv, JSON.stringify(settings)], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let traces = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (traces += text));
  const ended = new Promise((settle) => child.once("close", settle));
  t.is((await run("cat", initPipe)).stdout, "s");
  t.is(await readFile(scratch.path("once"), "latin1"), "I am once");
  t.truthy(child.pid);
  process.kill(-(child.pid as number), "SIGINT");
  t.is(await ended, 0, traces);
  t.regex(traces, /puzzlefs: \d+ LOOKUP inode 1 .*"once"/);
  t.regex(traces, /puzzlefs: error: the process that serves .* died: SIGKILL; another takes over\n/);
  t.regex(traces, /puzzlefs: \d+ again READ inode 3 /);
  await scratch.gone(t);
});

mounting("through fusermount3 as well; auto_unmount unmounts when all processes have ended", async (t) => {
  if (spawnSync("fusermount3", ["--version"]).status !== 0) return t.log("skipped: fusermount3 is not installed");
  await using scratch = new Supervised();
  await scratch.begin(scratch.deadly, { options: ["auto_unmount"] });
  t.is(await readFile(scratch.path("once"), "latin1"), "I am once");
  rmSync(scratch.marks, { recursive: true });
  scratch.kill();
  await scratch.gone(t);
});

mounting("pivot_root does not keep the next server from being found", async (t) => {
  await using scratch = new Supervised();
  // The new root has all that the old one has, but the program.
  const script = `
    set -e
    node=$1 memory_mount=$2 scratch=$3 checkout=$4
    pid=$("$node" "$memory_mount" "$scratch/mnt" '${JSON.stringify(scratch.deadly)}' '{"supervised":true}')
    mkdir "$scratch/new" "$scratch/old"
    mount --rbind / "$scratch/new"
    mount -t tmpfs none "$scratch/new$checkout"
    cd "$scratch/new"
    pivot_root . "./$scratch/old"
    kill -KILL $(cat "/proc/$pid/task/$pid/children")
    cat "$scratch/mnt/good"
    umount "$scratch/mnt" "$scratch/old$scratch/mnt"`;
  const file = join(scratch.directory, "script");
  writeFileSync(file, script);
  const checkout = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
  const argv = [process.execPath, MEMORY_MOUNT, scratch.directory, checkout];
  const outcome = await run("unshare", "--mount", "sh", file, ...argv);
  t.is(outcome.stdout, "I am good", outcome.stderr);
  await scratch.gone(t);
});
