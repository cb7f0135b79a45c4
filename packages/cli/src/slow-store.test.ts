/** A store that does not answer for a while: it lies in another mount, whose daemon is stopped. */
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { mountTest, tidy, withImage } from "./mount-fixture.ts";
import type { Workplace } from "./program-fixture.ts";

const CONTENT = 9 << 20;

/** The process behind a mount: `what` is "mount", or "serve" if it is supervised. */
function processOf(place: Workplace, what: "mount" | "serve", mountpoint: string): number {
  const lines = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "latin1", maxBuffer: 1e9 }).split("\n");
  const title = new RegExp(`^ *(\\d+) puzzlefs ${what} .* ${place.path(mountpoint)} *$`);
  for (const line of lines) {
    const [, pid] = title.exec(line) ?? [];
    if (pid !== undefined) return Number(pid);
  }
  throw new Error(`nobody serves ${mountpoint}`);
}

mountTest("a store that stops answering takes time, not data; who is killed goes at once", async (t) => {
  using place = await withImage(t);
  // Far more than is read ahead of a file that comes next.
  const content = { one: randomBytes(CONTENT).toString("base64"), two: randomBytes(CONTENT).toString("base64") };
  for (const [name, text] of Object.entries(content)) writeFileSync(place.path("root", name), text);
  mkdirSync(place.path("outer"));
  mkdirSync(place.path("outer-mnt"));
  const steps = [
    ["build", "-c", "root", "outer/store:v1"],
    ["build", "outer", "outer-store:v1"],
    ["mount", "--driver=fuse", "outer-store:v1", "outer-mnt"],
    ["mount", "--driver=fuse", "--supervise", "--log-file=log", "outer-mnt/store:v1", "mnt"],
  ];
  for (const argv of steps) t.is((await place.run(...argv)).code, 0, argv.join(" "));
  const store = processOf(place, "mount", "outer-mnt");
  try {
    t.is(await readFile(place.path("mnt/file"), "utf8"), "content\n");
    process.kill(store, "SIGSTOP");
    const reading = readFile(place.path("mnt/one"), "utf8");
    const other = spawn("cat", [place.path("mnt/two")], { stdio: "ignore" });
    const ended = new Promise((settle) => other.once("exit", (_code, signal) => settle(signal)));
    await sleep(500);
    other.kill("SIGKILL");
    t.is(await ended, "SIGKILL");
    // It waits for the store; so will the next.
    const server = processOf(place, "serve", "mnt");
    process.kill(server, "SIGKILL");
    await sleep(1000);
    process.kill(store, "SIGCONT");
    t.true((await reading) === content.one);
    t.not(processOf(place, "serve", "mnt"), server);
    t.true((await readFile(place.path("mnt/two"), "utf8")) === content.two);
    t.regex(await readFile(place.path("log"), "utf8"), /^\S+ error the process that serves .* died: SIGKILL; another/);
  } finally {
    process.kill(store, "SIGCONT");
    tidy(place);
    execFileSync("umount", ["--lazy", place.path("outer-mnt")]);
  }
});
