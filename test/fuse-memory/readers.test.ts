/** Users of a mount whose server is slow, stopped or dead. */
import { type ChildProcess, spawn } from "node:child_process";
import { constants, existsSync, mkdirSync, openSync, readFileSync, readSync, close, statSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, waitsForFuse } from "@puzzlefs/testing";
import test from "ava";
import { unmount } from "../../packages/fuse/src/index.ts";
import type { MemoryArgument } from "./memory-mount.ts";
import { alive, mountObstacle, run, Scratch } from "./mount-fixture.ts";

const obstacle = mountObstacle();
const mounting = obstacle === undefined ? test : test.skip;

test("obstacles to the tests of readers", (t) => {
  if (obstacle !== undefined) t.log(`skipped: ${obstacle}`);
  t.pass();
});

function marksOf(scratch: Scratch): { deadly: MemoryArgument; seen(name: string): Promise<boolean> } {
  const marks = join(scratch.directory, "marks");
  mkdirSync(marks);
  return { deadly: { tree: "deadly", marks }, seen: (name) => eventually(() => existsSync(join(marks, name))) };
}

/**
 * The first file ever closed asks the server whether it wants to know, and waits for the answer. So does, while this
 * very process starts another, the copy of a file that it has open: a stopped server would never answer it.
 */
async function settleFlush(path: string): Promise<void> {
  await readFile(path);
}

function cat(path: string): { child: ChildProcess; ended: Promise<string> } {
  const child = spawn("cat", [path], { stdio: "ignore" });
  const ended = new Promise<string>((settle) => child.once("exit", (code, signal) => settle(signal ?? String(code))));
  return { child, ended };
}

mounting(
  "the daemon is killed: ENOTCONN at once, also in open files; then the mount point is free for another",
  async (t) => {
    await using scratch = new Scratch();
    const { deadly, seen } = marksOf(scratch);
    const pid = await scratch.mount(deadly);
    await settleFlush(scratch.path("good"));
    const file = openSync(scratch.path("good"), constants.O_RDONLY | constants.O_DIRECT);
    t.is(readSync(file, Buffer.alloc(4)), 4);
    const waiting = t.throwsAsync(readFile(scratch.path("hang")), { code: "ENOTCONN" });
    t.true(await seen("hang"));
    const killed = performance.now();
    process.kill(pid, "SIGKILL");
    await waiting;
    t.true(await eventually(() => !alive(pid)));
    t.throws(() => readSync(file, Buffer.alloc(4)), { code: "ENOTCONN" });
    t.throws(() => readFileSync(scratch.path("once")), { code: "ENOTCONN" });
    t.log(`${Math.round(performance.now() - killed)} ms`);
    await new Promise((closed) => close(file, closed));

    await scratch.unmount();
    await scratch.mount({ tree: "files", count: 1 });
    t.is(readFileSync(scratch.path("d0/file-0"), "latin1"), "content");
  },
);

mounting("a reader that is killed while its read is served goes at once", async (t) => {
  await using scratch = new Scratch();
  const { deadly, seen } = marksOf(scratch);
  const pid = await scratch.mount(deadly);
  await settleFlush(scratch.path("good"));
  const reader = cat(scratch.path("hang"));
  t.true(await seen("hang"));
  reader.child.kill("SIGKILL");
  t.is(await reader.ended, "SIGKILL");
  // So does one whose request no server has read yet.
  const next = cat(scratch.path("once"));
  t.true(await eventually(() => waitsForFuse(next.child.pid)));
  next.child.kill("SIGINT");
  t.is(await next.ended, "SIGINT");
  process.kill(pid, "SIGKILL");
});

mounting("a server that is stopped for a while delays readers, and signals to them do not change that", async (t) => {
  await using scratch = new Scratch();
  const pid = await scratch.mount({ tree: "files", count: 1, big: 3_000_000 });
  await settleFlush(scratch.path("d0/file-0"));
  statSync(scratch.path("big"));
  process.kill(pid, "SIGSTOP");
  // Direct, so that it waits for the very answer, which signals then withdraw as far as the kernel lets them.
  const program = `
    process.on("SIGUSR1", () => process.exit(console.log("signal")));
    console.log("ready");
    const { constants, openSync, readSync } = require("fs");
    const file = openSync(process.argv[1], constants.O_RDONLY | constants.O_DIRECT);
    const hash = require("crypto").createHash("sha256");
    const buffer = Buffer.alloc(1 << 20);
    for (let length; (length = readSync(file, buffer)) > 0; ) hash.update(buffer.subarray(0, length));
    console.log(hash.digest("hex"));
    // The signal came while it was reading, and Node handles it now.
    setInterval(() => undefined, 1000);`;
  const reader = spawn(process.execPath, ["-e", program, scratch.path("big")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  reader.stdout.setEncoding("latin1").on("data", (text: string) => (output += text));
  const ended = new Promise((settle) => reader.once("close", settle));
  // Without its handler the signal would start Node's inspector. Node waits for pages of its own program, too.
  t.true(await eventually(() => output === "ready\n" && waitsForFuse(reader.pid)));
  reader.kill("SIGUSR1");
  const reading = readFile(scratch.path("big"));
  process.kill(pid, "SIGCONT");
  await ended;
  const [sum] = (await run("sh", "-c", "yes puzzle | tr -d '\\n' | head -c 3000000 | sha256sum")).stdout.split(" ");
  t.deepEqual(output.trim().split("\n").sort(), ["ready", "signal", sum].sort());
  t.is((await reading).length, 3_000_000);
});

mounting("2,000 processes at once each get the bytes of their file", async (t) => {
  await using scratch = new Scratch();
  const pid = await scratch.mount({ tree: "files", count: 2000, perDirectory: 2000, numbered: true });
  // Stopped, until all of them wait for it.
  process.kill(pid, "SIGSTOP");
  const script = `
    trap 'kill -KILL $(jobs -p)' TERM
    for n in $(seq 0 1999); do
      { read -r line < "$1/d0/file-$n"; [ "$line" = "$(printf %07d $n)" ] && echo "right"; } &
    done
    echo "started"
    wait`;
  const shell = spawn("bash", ["-c", script, "sh", scratch.mountpoint], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  shell.stdout.setEncoding("latin1").on("data", (text: string) => (output += text));
  const ended = new Promise((settle) => shell.once("close", settle));
  t.true(await eventually(() => output === "started\n"));
  process.kill(pid, "SIGCONT");
  await ended;
  t.is(output.match(/right/g)?.length, 2000);
});

mounting("a mount that is detached serves the files that are open, to the last byte", async (t) => {
  await using scratch = new Scratch();
  const bytes = 20_000_000;
  const pid = await scratch.mount({ tree: "big", bytes });
  await using file = await open(scratch.path("big"), constants.O_RDONLY | constants.O_DIRECT);
  await unmount(scratch.mountpoint, { lazy: true });
  t.false(scratch.mounted);
  const content = await file.readFile("latin1");
  t.is(content, "puzzle".repeat(Math.ceil(bytes / 6)).slice(0, bytes));
  await file.close();
  t.true(await eventually(() => !alive(pid)));
});
