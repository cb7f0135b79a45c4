/** Where messages are written, and that a failing log does not disturb a mount. */
import { closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bind } from "@puzzlefs/linux";
import { eventually } from "@puzzlefs/testing";
import test from "ava";
import { logTo, openLog } from "./log.ts";
import type { Log } from "./log-level.ts";
import { MEMORY_MOUNT, mountObstacle, run, Scratch } from "../../../../test/fuse-memory/mount-fixture.ts";
import { connectToSystemLog, sendToSystemLog } from "./system-log.ts";

const obstacle = mountObstacle();
const mounting = obstacle === undefined ? test : test.skip;

/** The other end: a syslog daemon that receives when the test asks it to. */
class Listener {
  readonly #socket: number;
  readonly #receive = bind("int64_t recv(int fd, void *into, size_t length, int flags)");

  constructor(path: string) {
    const AF_UNIX = 1;
    const SOCK_DGRAM = 2;
    // Or what other tests start would keep it open.
    const SOCK_CLOEXEC = 0x80000;
    this.#socket = bind("int socket(int domain, int type, int protocol)")(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const address = Buffer.concat([new Uint8Array(new Uint16Array([AF_UNIX]).buffer), Buffer.from(`${path}\0`)]);
    const result = bind("int bind(int fd, const void *address, int length)")(this.#socket, address, address.length);
    if (result !== 0) throw new Error(`bind ${path}: ${result}`);
  }

  close(): void {
    closeSync(this.#socket);
  }

  /** All messages that have come. */
  messages(): string[] {
    const MSG_DONTWAIT = 0x40;
    const found: string[] = [];
    const buffer = Buffer.alloc(10_000);
    for (;;) {
      const length = this.#receive(this.#socket, buffer, buffer.length, MSG_DONTWAIT);
      if (length < 0) return found;
      found.push(buffer.toString("utf8", 0, length));
    }
  }
}

const systemLog = (path: string): Log => sendToSystemLog(connectToSystemLog(path), path);

test("messages to the system log have priority, time, program and process", async (t) => {
  await using scratch = new Scratch();
  const path = join(scratch.directory, "log");
  const listener = new Listener(path);
  const log = systemLog(path);
  log("error", "something is wrong");
  log("info", "something happened");
  const [first, second, ...others] = listener.messages();
  t.regex(first, /^<27>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d puzzlefs\[\d+\]: something is wrong$/);
  t.regex(second, /^<30>.*something happened$/);
  t.deepEqual(others, []);
});

test("a system log may come, go and come again", async (t) => {
  await using scratch = new Scratch();
  const path = join(scratch.directory, "log");
  const log = systemLog(path);
  log("error", "no listener");
  for (const life of ["first", "second"]) {
    const listener = new Listener(path);
    log("error", `${life} one`);
    const messages: string[] = [];
    t.true(await eventually(() => messages.push(...listener.messages()) > 0), life);
    log("error", `${life} two`);
    messages.push(...listener.messages());
    // It is looked for by another thread, which may find it in time for the message before.
    const texts = messages.map((message) => message.slice(message.indexOf("]: ") + 3));
    t.deepEqual(
      texts.filter((text) => !text.startsWith("no listener")),
      [`${life} one`, `${life} two`],
    );
    listener.close();
    rmSync(path);
    log("error", "no listener any more");
  }
});

test("the mount does not wait for a full system log; lost messages are counted", async (t) => {
  await using scratch = new Scratch();
  const path = join(scratch.directory, "log");
  const listener = new Listener(path);
  const log = systemLog(path);
  for (let count = 0; count < 5000; count++) log("error", `message ${count}`);
  const { length } = listener.messages();
  t.true(length > 0 && length < 5000);
  log("error", "again");
  const [lost, again] = listener.messages();
  t.regex(lost, new RegExp(`]: ${5000 - length} messages were lost: the log was full$`));
  t.regex(again, /again$/);
});

test("a log file is appended to, so that it can be emptied under a running daemon", async (t) => {
  await using scratch = new Scratch();
  const path = join(scratch.directory, "log");
  const log = logTo(openLog(path, false));
  log("error", "one");
  writeFileSync(path, "");
  log("info", "two");
  t.regex(readFileSync(path, "utf8"), /^\d{4}-\d\d-\d\dT\S+Z info two\n$/);
});

test("a repeated message is logged once", async (t) => {
  await using scratch = new Scratch();
  const path = join(scratch.directory, "log");
  const log = logTo(openLog(path, false));
  for (let count = 0; count < 100; count++) log("error", "the same");
  t.is(readFileSync(path, "utf8").match(/the same/g)?.length, 1);
});

test("a message is one line, even with newlines in names", async (t) => {
  await using scratch = new Scratch();
  const path = join(scratch.directory, "log");
  const log = logTo(openLog(path, false));
  log("debug", "name \n2026-01-01T00:00:00.000Z error FORGED\r\u001b[31m\u009b1m\u202e\u2028\ud800 → é");
  const text = readFileSync(path, "utf8");
  t.regex(text, /^\S+Z debug name \\x0a2026\S+ error FORGED\\x0d\\x1b\[31m\\x9b1m\\u202e\\u2028\\ud800 → é\n$/);
});

/** Runs `use` in a mount namespace where /dev has little but, if asked for, a log. */
function withDevices(scratch: Scratch, log: string, mount: string, use: string): ReturnType<typeof run> {
  const script = `
    set -e
    mkdir "$1/dev"; mount -t tmpfs none "$1/dev"
    for name in null zero urandom fuse ${log}; do touch "$1/dev/$name"; done
    for name in null zero urandom fuse; do mount --bind "/dev/$name" "$1/dev/$name"; done
    [ -z "${log}" ] || mount --bind "$1/socket" "$1/dev/log"
    mount --rbind "$1/dev" /dev
    "$2" "$3" "$4" '${mount}' > /dev/null
    ${use}
    umount "$4"`;
  const file = join(scratch.directory, "script");
  writeFileSync(file, script);
  const argv = [scratch.directory, process.execPath, MEMORY_MOUNT, scratch.mountpoint];
  return run("unshare", "--mount", "sh", file, ...argv);
}

mounting("a daemon speaks to /dev/log", async (t) => {
  await using scratch = new Scratch();
  const listener = new Listener(join(scratch.directory, "socket"));
  const outcome = await withDevices(scratch, "log", '{"tree":"broken"}', '! cat "$4/broken" || exit 9');
  t.is(outcome.code, 0, outcome.stderr);
  t.regex(listener.messages()[0] ?? "", /^<27>.* puzzlefs\[\d+\]: READ of inode 2: blob missing$/);
});

mounting("a daemon serves on when /dev/log takes nothing any more, or is not there", async (t) => {
  const all = 'for n in $(seq 0 999); do ! cat "$4/broken-$n" 2> "$1/errors" || exit 9; done; cat "$4/good"';
  for (const log of ["log", ""]) {
    await using scratch = new Scratch();
    const listener = new Listener(join(scratch.directory, "socket"));
    const outcome = await withDevices(scratch, log, '{"tree":"broken","more":1000}', all);
    t.deepEqual([outcome.code, outcome.stdout], [0, "good"], outcome.stderr);
    const { length } = listener.messages();
    t.is(length > 0, log !== "");
    t.true(length < 1000);
  }
});

mounting("a full disk under the log file does not disturb the mount", async (t) => {
  await using scratch = new Scratch();
  await scratch.mount({ tree: "broken" }, { logFile: "/dev/full", debug: true });
  t.throws(() => readFileSync(scratch.path("broken")), { code: "EIO" });
  t.is(readFileSync(scratch.path("good"), "latin1"), "good");
});
