/** What an image, or an ordinary user with it, can cost a machine: memory, open files, time. */
import { type KernelName, type Machine, storeDisk } from "@puzzlefs/qemu";
import { noise } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { Scratch } from "../support/scratch.ts";
import { CostlyStore, frameOfOneByte } from "./costly-images.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

const mebi = 1024;
const manyFrames = 500_000;
/** A shorter one is no zstd frame. */
const shortestFrame = 9;
const fewFrames = 4096;
const chunkBytes = 5000;
const chunks = 900;

/** Memory that no process maps and the page cache does not have, KiB. */
const kernelMemory = "awk '/^(SUnreclaim|VmallocUsed):/ { sum += $2 } END { print sum }' /proc/meminfo";
const sectors = "awk '$3 == \"vda\" { print $6 }' /proc/diskstats";

const scratch = new Scratch();
const directory = scratch.directory("store");
test.after.always(() => scratch.remove());
const store = new CostlyStore(`${directory}/oci`);
const tables = store.files(
  Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => {
      const digest = store.frames({ count: manyFrames, stored: shortestFrame, content: 1 }, i);
      return [`f${i}`, [{ blob: { digest, offset: 0, compressed: true }, len: 1 }]];
    }),
  ),
);
const tiny = store.files(
  Object.fromEntries(
    [fewFrames, 4 * fewFrames].map((count) => {
      const digest = store.frames({ count, stored: 10, content: 1, bytes: (i) => frameOfOneByte((i * 7) & 255) });
      return [`f${count}`, [{ blob: { digest, offset: 0, compressed: true }, len: count }]];
    }),
  ),
);
const short = store.files({
  file: [
    {
      blob: { digest: store.frames({ count: 3, stored: shortestFrame - 1, content: 1 }), offset: 0, compressed: true },
      len: 1,
    },
  ],
});
const scattered = store.files({
  file: Array.from({ length: chunks }, (_, i) => ({
    blob: { digest: store.blob(noise(i, chunkBytes)), offset: 0, compressed: false },
    len: chunkBytes,
  })),
});

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "bounds", () => undefined);
}

function declare(kernel: KernelName): void {
  const disk = storeDisk(directory);
  // Its clock counts instructions: times are the same on any machine.
  let booted: Promise<Machine> | undefined;
  const boot = (): Promise<Machine> => (booted ??= bootDriver(kernel, { disks: [disk], counted: true }));
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });
  const withImage = (title: string, image: string, body: (t: ExecutionContext, machine: Machine) => Promise<void>): void =>
    kernelTest(kernel, title, async (t) => {
      const machine = await boot();
      await mountImage(machine, "oci", image, "/a");
      try {
        await body(t, machine);
      } finally {
        await machine.run("umount /a");
      }
    });
  const number = async (machine: Machine, command: string): Promise<number> => Number(await machine.succeed(command));

  withImage("seek tables that were used are few, charged to the reader, and given back", tables, async (t, machine) => {
    await machine.succeed(`
      mkdir /cg && mount -t cgroup2 none /cg && echo +memory >/cg/cgroup.subtree_control && mkdir /cg/reader
      echo 3 >/proc/sys/vm/drop_caches`);
    const before = await number(machine, kernelMemory);
    // Their frames are no zstd frames.
    await machine.run(`sh -c 'echo $$ >/cg/reader/cgroup.procs; exec su nobody -s /bin/sh -c "cat /a/*"' 2>/dev/null`);
    const idle = (await number(machine, kernelMemory)) - before;
    const charged = await number(machine, "awk '/^(vmalloc|kernel) / { if ($2 > n) n = $2 } END { print n }' /cg/reader/memory.stat");
    await machine.succeed("echo 3 >/proc/sys/vm/drop_caches");
    const kept = (await number(machine, kernelMemory)) - before;
    t.log(`${idle} KiB more while idle, ${charged} bytes charged, ${kept} KiB after dropping caches`);
    t.true(idle < 40 * mebi && kept < 4 * mebi && charged > 6_000_000);
  });

  withImage("a seek table with frames that are too short is refused", short, async (t, machine) => {
    t.not((await machine.run("cat /a/file")).status, 0);
    // The log reaches the serial line later.
    t.regex(await machine.succeed("dmesg"), /frame 0 is too short/);
  });

  withImage(
    "reading frames of a byte takes time in proportion to their number, and no memory afterwards",
    tiny,
    async (t, machine) => {
        const before = await number(machine, kernelMemory);
      // Of the processor; also the disk's time passes on the machine's clock.
      const seconds = (count: number): Promise<number> =>
        number(machine, `time -f %S cat /a/f${count} 2>&1 >/dev/null`);
      const few = await seconds(fewFrames);
      const many = await seconds(4 * fewFrames);
      const idle = (await number(machine, kernelMemory)) - before;
      t.log(`${few} s and ${many} s; ${idle} KiB more`);
      t.true(many < 0.5);
      t.true(idle < 12 * mebi);
    },
  );

  withImage("a file of many blobs takes no open files of the user's", scattered, async (t, machine) => {
    const opened = await machine.run(`
      files=$(cut -f1 /proc/sys/fs/file-nr); echo $((files + 200)) >/proc/sys/fs/file-max
      su nobody -s /bin/sh -c 'exec 5</a/file; cat /a/file | wc -c; id -un'`);
    t.is(opened.stdout, `${chunks * chunkBytes}\nnobody\n`, opened.stderr);
    t.notRegex(opened.log, /file-max/);
  });

  withImage("the slab shrinker leaves the pages of large files alone", scattered, async (t, machine) => {
    await machine.succeed("cat /a/file >/dev/null; echo 2 >/proc/sys/vm/drop_caches; cat /a/file >/dev/null");
    const before = await number(machine, sectors);
    await machine.succeed("echo 2 >/proc/sys/vm/drop_caches; cat /a/file >/dev/null");
    const first = (await number(machine, sectors)) - before;
    t.true(first < 1000, `${first} sectors were read again`);
    await machine.succeed("echo 3 >/proc/sys/vm/drop_caches; cat /a/file >/dev/null");
    t.true((await number(machine, sectors)) - before - first > 8000, "drop_caches=3 drops them");
  });

  withImage("reading an image leaves the store's pages of other readers alone", scattered, async (t, machine) => {
    await machine.succeed("echo 3 >/proc/sys/vm/drop_caches; cat /store/oci/blobs/sha256/* >/dev/null; cat /a/file >/dev/null");
    const before = await number(machine, sectors);
    await machine.succeed("cat /store/oci/blobs/sha256/* >/dev/null");
    t.is((await number(machine, sectors)) - before, 0);
  });

  withImage("overlays on an image nest", scattered, async (t, machine) => {
    await machine.succeed(`
      modprobe overlay; mkdir -p /empty /one /two
      mount -t overlay -o lowerdir=/a:/empty none /one && mount -t overlay -o lowerdir=/one:/empty none /two
      cmp /two/file /a/file && umount /two /one`);
    t.pass();
  });

  kernelTest(kernel, "the kernel reported no fault within these bounds", async (t) => {
    const machine = await boot();
    await machine.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(machine.close());
  });
}
