/** Lazy images by the driver: an open waits until the file has been fetched. test/lazy/opens.test.ts has the processes behind it. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ext4Image, type KernelName, luaProgram } from "@puzzlefs/qemu";
import { eventually, noise } from "@puzzlefs/testing";
import { kernels } from "../kernel/driver.ts";
import { puzzlefs, root, run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";
import { type Guest, guestTest, guestWith, type Material } from "./guest.ts";

const FILES = 16;
const SPARE = 16 << 20;
const node = "/usr/lib/puzzlefs/node";
const sources = "/store/sources";
const registry = "test/mounting/guest-registry.ts";
const layout = "/store/lazy";

interface Prepared extends Material {
  /** sha256sum's lines for /mnt. */
  sums: string[];
}

function prepare(scratch: Scratch): Prepared {
  const store = scratch.directory("store");
  const tree = scratch.fresh("tree");
  mkdirSync(tree);
  const sums: string[] = [];
  for (let i = 0; i < FILES; i++) {
    const content = noise(`lazily ${i}`, 200_000);
    writeFileSync(join(tree, `${i}`), content);
    sums.push(`${createHash("sha256").update(content).digest("hex")}  /mnt/${i}`);
  }
  // Linked statically: the kernel maps it, and no other file.
  writeFileSync(join(tree, "lua"), Object.values(luaProgram())[0] as Uint8Array, { mode: 0o755 });
  run(puzzlefs, ["build", "-c", "--packed", tree, `${join(store, "app")}:v1`]);
  for (const file of [registry, "packages/registry/src/test-registry-fixture.ts"]) {
    const copy = join(store, "sources", file);
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(join(root, file), copy);
  }
  const disk = scratch.fresh("store.ext4");
  ext4Image(disk, store, SPARE);
  return {
    disks: [disk],
    sums,
    setUp: `echo "127.0.0.1 localhost" >/etc/hosts; ${node} ${sources}/${registry} /tmp/host /tmp/away /store/app >/tmp/registry.log 2>&1 &
      until [ -s /tmp/host ]; do :; done
      puzzlefs pull --lazy --plain-http "$(cat /tmp/host)/team/app:v1" ${layout}:v1`,
  };
}

/** Waits until a command that finds a process finds none. */
function ended(guest: Guest, find: string): Promise<boolean> {
  return eventually(async () => (await guest.run(find)).status !== 0);
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);
  const lazily = "puzzlefs mount --driver kernel --lazy --no-fill --reserve 0 --fetch-timeout 20";
  const blobs = `ls ${layout}/blobs/sha256 | wc -l`;
  const listener = (at: string): string => `pgrep -f "^puzzlefs listen ${at}\\$"`;

  guestTest(
    kernel,
    "readers, executed programs and mappings see the bytes of the image, and what they open is fetched",
    async (t) => {
      const { guest, sums } = await ready();
      await guest.succeed(`${lazily} ${layout}:v1 /mnt`);
      t.is((await guest.succeed("findmnt -no FSTYPE /mnt")).trim(), "puzzlefs");
      const before = Number(await guest.succeed(blobs));
      const { stdout, stderr, log } = await guest.run(
        'for i in 1 2 3 4 5 6 7 8; do sha256sum /mnt/0 /mnt/1 /mnt/2 /mnt/3 >/tmp/sums-$i & readers="$readers $!"; done; wait $readers; cat /tmp/sums-*',
      );
      const lines = stdout.trim().split("\n");
      t.is(lines.length, 32, stderr + (await guest.succeed("cat /run/syslog")));
      t.deepEqual([...new Set(lines)].sort(), sums.slice(0, 4).sort());
      t.is(await guest.succeed("echo 'print(6 * 7)' >/tmp/program.lua && /mnt/lua /tmp/program.lua"), "42\n");
      t.notRegex(log, /puzzlefs.*cannot be opened/, "what is about to be fetched is not reported as missing");
      t.true(Number(await guest.succeed(blobs)) > before);
      t.regex(
        (await guest.run(`puzzlefs inspect ${layout}:v1`)).stdout,
        /lazy: \d+ of \d+ chunks, .* have not been fetched yet/,
      );
    },
  );

  guestTest(
    kernel,
    "with the registry away an open ends with EIO, and when it is back the file is fetched",
    async (t) => {
      const { guest, sums } = await ready();
      await guest.refused(t, "touch /tmp/away; cat /mnt/4", 1, /Input\/output error/);
      await guest.succeed("cat /mnt/0 >/dev/null; rm /tmp/away");
      t.is((await guest.succeed("sha256sum /mnt/4")).trim(), sums[4]);
    },
  );

  guestTest(
    kernel,
    "files below a writable overlay are fetched, also by the process of another mount of the image",
    async (t) => {
      const { guest, sums } = await ready();
      await guest.succeed(`mkdir /above && ${lazily} -w ${layout}:v1 /above`);
      t.is((await guest.succeed("findmnt -no FSTYPE /above")).trim(), "overlay");
      await guest.succeed(`kill -9 $(${listener("/mnt")})`);
      t.true(await ended(guest, listener("/mnt")));
      t.is((await guest.succeed("sha256sum /above/5")).trim(), sums[5]?.replace("/mnt/", "/above/"));
      await guest.succeed(
        "echo more >>/above/6; cmp -n 200000 /above/6 /mnt/6; echo 'print(1)' >/tmp/one.lua && /above/lua /tmp/one.lua",
      );
      t.is((await guest.succeed("sha256sum /mnt/7")).trim(), sums[7]);
    },
  );

  guestTest(
    kernel,
    "without a process that fetches, what has been fetched can be read, and the rest is EIO",
    async (t) => {
      const { guest, sums } = await ready();
      await guest.succeed(`kill -9 $(${listener("/above")})`);
      t.is((await guest.succeed("sha256sum /mnt/5")).trim(), sums[5]);
      await guest.refused(t, "cat /mnt/8", 1, /Input\/output error/);
      await guest.succeed("umount /above");
    },
  );

  guestTest(
    kernel,
    "a process that fetches ends with the last mount; where opens cannot wait the mount is refused",
    async (t) => {
      const { guest } = await ready();
      await guest.succeed(`${lazily} ${layout}:v1 /above && ${listener("/above")}`);
      await guest.succeed(`umount /mnt /above`);
      t.true(await ended(guest, listener("/above")));
      const groups = "/proc/sys/fs/fanotify/max_user_groups";
      const why =
        /the kernel driver cannot mount it: opens cannot wait for chunks .*CONFIG_FANOTIFY_ACCESS_PERMISSIONS/;
      await guest.refused(t, `echo 0 >${groups}; ${lazily} ${layout}:v1 /mnt`, 1, why);
      await guest.refused(
        t,
        `echo 128 >${groups}; puzzlefs mount --driver kernel ${layout}:v1 /mnt`,
        1,
        /only with --lazy/,
      );
      t.is((await guest.run("findmnt /mnt")).status, 1);
    },
  );

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed(`kill $(pgrep -f ${registry})`);
    t.true(await ended(guest, 'pgrep -f "^puzzlefs fetch"'));
    await guest.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(guest.machine.close());
  });
}
