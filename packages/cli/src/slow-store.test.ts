/** A store that does not answer for a while: it lies in another mount, whose daemon is stopped. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { eventually, noise, running, waitsForFuse } from "@puzzlefs/testing";
import { mountTest, tidy, withImage } from "./mount-fixture.ts";
import type { Workplace } from "./program-fixture.ts";

const CONTENT = 9 << 20;

/** The process behind a mount, -1 if there is none: `what` is "mount", or "serve" if it is supervised. */
function processOf(place: Workplace, what: "mount" | "serve", mountpoint: string): number {
  return running(new RegExp(`^puzzlefs ${what} .* ${place.path(mountpoint)}$`))[0]?.pid ?? -1;
}

mountTest("a store that stops answering takes time, not data; who is killed goes at once", async (t) => {
  using place = await withImage(t);
  // Far more than is read ahead of a file that comes next.
  const content = { one: noise("one", CONTENT).toString("base64"), two: noise("two", CONTENT).toString("base64") };
  for (const [name, bytes] of Object.entries(content)) writeFileSync(place.path("root", name), bytes);
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
  t.true(store > 0, "it has a server");
  try {
    t.is(await readFile(place.path("mnt/file"), "utf8"), "content\n");
    process.kill(store, "SIGSTOP");
    const reading = readFile(place.path("mnt/one"), "utf8");
    const other = spawn("cat", [place.path("mnt/two")], { stdio: ["ignore", "ignore", "pipe"] });
    const complaint = text(other.stderr);
    const ended = new Promise((settle) => other.once("exit", (_code, signal) => settle(signal)));
    t.true(await eventually(() => waitsForFuse(other.pid) || other.exitCode !== null), "cat waits");
    other.kill("SIGKILL");
    t.is(await ended, "SIGKILL", await complaint);
    const server = processOf(place, "serve", "mnt");
    t.true(await eventually(() => waitsForFuse(server)), "it waits for the store");
    // Killed, it answers nobody any more; but a request that the store has taken keeps it until that is answered.
    process.kill(server, "SIGKILL");
    process.kill(store, "SIGCONT");
    t.true((await reading) === content.one, "one is read");
    t.not(processOf(place, "serve", "mnt"), server);
    t.true((await readFile(place.path("mnt/two"), "utf8")) === content.two, "two is read");
    t.regex(await readFile(place.path("log"), "utf8"), /^\S+ error the process that serves .* died: SIGKILL; another/);
  } finally {
    process.kill(store, "SIGCONT");
    tidy(place);
    execFileSync("umount", ["--lazy", place.path("outer-mnt")]);
  }
});
