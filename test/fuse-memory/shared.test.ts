/** A server of several mounts, of which some trees kill it. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { eventually, running } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { mountObstacle, Scratch } from "./mount-fixture.ts";

const obstacle = mountObstacle();
const mounting = obstacle === undefined ? test : test.skip;

test("obstacles to the tests of shared servers", (t) => {
  if (obstacle !== undefined) t.log(`skipped: ${obstacle}`);
  t.pass();
});

const serving = (store: string): number[] => running(`puzzlefs serve ${store}`).map(({ pid }) => pid);

async function gone(t: ExecutionContext, store: string): Promise<void> {
  t.true(await eventually(() => running(`puzzlefs share ${store}`).length + serving(store).length === 0));
}

mounting("a read that kills every server gets EIO; the mount and the others live", async (t) => {
  await using bad = new Scratch();
  await using good = new Scratch();
  const settings = { store: bad.directory, logFile: `${bad.directory}/log` };
  for (const [scratch, tree] of [
    [bad, { tree: "fatal" }],
    [good, { tree: "files", count: 3 }],
  ] as const)
    t.is((await scratch.start(tree, settings)).code, 0);
  t.is(serving(bad.directory).length, 1);
  await t.throwsAsync(readFile(bad.path("always")), { code: "EIO" });
  t.is(await readFile(bad.path("good"), "latin1"), "I am good");
  t.is(await readFile(good.path("d0/file-2"), "latin1"), "content");
  const log = readFileSync(settings.logFile, "utf8");
  t.regex(log, /^\S+Z error READ of inode 2: 3 processes died of it, so it gets EIO$/m);
  await bad.unmount();
  await good.unmount();
  await gone(t, bad.directory);
});

mounting("a tree that kills the server when it is opened is its command's error, however often", async (t) => {
  await using bad = new Scratch();
  await using good = new Scratch();
  const settings = { store: good.directory };
  t.is((await good.start({ tree: "files", count: 3 }, settings)).code, 0);
  // More often than a server that serves nothing may die.
  for (let attempt = 0; attempt < 4; attempt++) {
    const { code, stderr } = await bad.start({ tree: "fatal", opening: true }, settings);
    t.is(code, 1);
    t.is(stderr, "the process that serves died before the mount was complete: SIGKILL\n");
  }
  t.is(await readFile(good.path("d0/file-1"), "latin1"), "content");
  await good.unmount();
  await gone(t, good.directory);
});

mounting("a tree that is refused is its command's error, with its name", async (t) => {
  await using scratch = new Scratch();
  const refused = await scratch.start({ tree: "refused" }, { store: scratch.directory });
  t.deepEqual([refused.code, refused.stderr], [3, "demo:v1: dir-entry-name-slash: inode 7\n"]);
  await gone(t, scratch.directory);
});
