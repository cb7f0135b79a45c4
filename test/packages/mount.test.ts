/** mount() of @puzzlefs/mount, as a program that runs for long uses it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "@puzzlefs/builder";
import { unmount } from "@puzzlefs/fuse";
import { mount } from "@puzzlefs/mount";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { mountTest } from "../../packages/cli/src/mount-fixture.ts";

const directory = temporaryDirectory();
const ociDir = join(directory, "store");
const mountpoint = join(directory, "mnt");

test.before(async () => {
  mkdirSync(mountpoint);
  for (const tag of ["v1", "v2"]) {
    const rootfs = join(directory, tag);
    mkdirSync(rootfs);
    writeFileSync(join(rootfs, "tag"), tag);
    await build({ rootfs, ociDir, tag });
  }
});

const mountTag = (reference: string) => mount({ ociDir, reference, mountpoint, driver: "fuse" });
const shown = (): string => readFileSync(join(mountpoint, "tag"), "utf8");

mountTest("a mount that is gone leaves no descriptor in the process that mounted", async (t) => {
  const counts: number[] = [];
  for (let round = 0; round < 4; round++) {
    const mounted = await mountTag("v1");
    await mounted.unmount();
    counts.push(readdirSync("/proc/self/fd").length);
  }
  t.is(counts.at(-1), counts[1], counts.join(" "));
});

mountTest("unmount() ends its own mount and no other, whatever else happens on the mount point", async (t) => {
  const first = await mountTag("v1");
  const second = await mountTag("v2");
  await t.throwsAsync(first.unmount(), { name: "MountError", code: "EBUSY" });
  t.is(shown(), "v2");
  await Promise.all([second.unmount(), second.unmount(), second[Symbol.asyncDispose]()]);
  t.is(shown(), "v1");
  await unmount(mountpoint);
  const third = await mountTag("v2");
  await first.unmount();
  t.is(shown(), "v2");
  await third.unmount();
  t.deepEqual(readdirSync(mountpoint), []);
});
