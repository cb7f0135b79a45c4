import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import test from "ava";
import { type ServerOrder, startMount, unmount } from "../../packages/fuse/src/index.ts";
import { alive, MEMORY_MOUNT, mountObstacle, Scratch } from "./mount-fixture.ts";

const mounting = mountObstacle() === undefined ? test : test.skip;

const tree = JSON.stringify({ tree: "files", count: 1 });
const settings = {
  attached: true,
  argv: (order: ServerOrder): string[] => [MEMORY_MOUNT, "--server", tree, JSON.stringify(order)],
  program: [resolve(import.meta.dirname, "../..")],
};

mounting("a started mount that leaves its scope is unmounted, and its process has ended", async (t) => {
  await using scratch = new Scratch();
  const pids: number[] = [];
  for (const isUnmounted of [false, true]) {
    await using mount = await startMount(scratch.mountpoint, settings);
    pids.push(mount.pid);
    t.is(readFileSync(scratch.path("d0/file-0"), "latin1"), "content");
    if (isUnmounted) await unmount(scratch.mountpoint, { lazy: true });
  }
  t.false(scratch.mounted);
  t.deepEqual(pids.map(alive), [false, false]);
});
