/** A store that does not answer for a while: it is in another mount, whose daemon is stopped. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { eventually, noise, running, waitsForFuse } from "@puzzlefs/testing";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import type { TestDirectory } from "./program-fixture.ts";

const CONTENT = 9 << 20;

/** The process behind a mount, -1 if there is none: `what` is "mount", or "serve" if it is supervised. */
function processOf(directory: TestDirectory, what: "mount" | "serve", mountpoint: string): number {
  return running(new RegExp(`^puzzlefs ${what} .* ${directory.path(mountpoint)}$`))[0]?.pid ?? -1;
}

mountTest("a store that stops answering costs time, not data; a reader that is killed ends at once", async (t) => {
  using directory = await withImage(t);
  // Far more than is read ahead of a file that comes next.
  const content = { one: noise("one", CONTENT).toString("base64"), two: noise("two", CONTENT).toString("base64") };
  for (const [name, bytes] of Object.entries(content)) writeFileSync(directory.path("root", name), bytes);
  mkdirSync(directory.path("outer"));
  mkdirSync(directory.path("outer-mnt"));
  const steps = [
    ["build", "-c", "root", "outer/store:v1"],
    ["build", "outer", "outer-store:v1"],
    ["mount", "--driver=fuse", "outer-store:v1", "outer-mnt"],
    ["mount", "--driver=fuse", "--supervise", "--log-file=log", "outer-mnt/store:v1", "mnt"],
  ];
  for (const argv of steps) t.is((await directory.run(...argv)).code, 0, argv.join(" "));
  const store = processOf(directory, "mount", "outer-mnt");
  t.true(store > 0, "it has a server");
  try {
    t.is(await readFile(directory.path("mnt/file"), "utf8"), "content\n");
    process.kill(store, "SIGSTOP");
    const reading = readFile(directory.path("mnt/one"), "utf8");
    const other = spawn("cat", [directory.path("mnt/two")], { stdio: ["ignore", "ignore", "pipe"] });
    const complaint = text(other.stderr);
    const ended = new Promise((settle) => other.once("exit", (_code, signal) => settle(signal)));
    t.true(await eventually(() => waitsForFuse(other.pid) || other.exitCode !== null), "cat waits");
    other.kill("SIGKILL");
    t.is(await ended, "SIGKILL", await complaint);
    const server = processOf(directory, "serve", "mnt");
    t.true(await eventually(() => waitsForFuse(server)), "it waits for the store");
    // After it is killed it answers no request; but a request that the store has accepted keeps it until it is answered.
    process.kill(server, "SIGKILL");
    process.kill(store, "SIGCONT");
    t.true((await reading) === content.one, "one is read");
    t.not(processOf(directory, "serve", "mnt"), server);
    t.true((await readFile(directory.path("mnt/two"), "utf8")) === content.two, "two is read");
    t.regex(
      await readFile(directory.path("log"), "utf8"),
      /^\S+ error the process that serves .* died: SIGKILL; another/,
    );
  } finally {
    process.kill(store, "SIGCONT");
    unmountLeftover(directory);
    execFileSync("umount", ["--lazy", directory.path("outer-mnt")]);
  }
});
