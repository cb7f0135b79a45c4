/** What an image, or an ordinary user with it, can cost a machine: memory, open files, time. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type KernelName, type Machine, mountCommand, storeDisk } from "@puzzlefs/qemu";
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
const hiddenNames = 20_000;
const runs = 200_000;
const digestBytes = 32;
/** Of a processor that executes an instruction in a nanosecond. */
const milliseconds = 1000;

/** Memory that no process maps and the page cache does not have, KiB. */
const kernelMemory = "awk '/^(SUnreclaim|VmallocUsed):/ { sum += $2 } END { print sum }' /proc/meminfo";
/** Makes a cgroup for a process whose memory is counted. */
const readerGroup = `
  mountpoint -q /cg || { mkdir /cg && mount -t cgroup2 none /cg && echo +memory >/cg/cgroup.subtree_control; }
  mkdir -p /cg/reader`;
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

const layered = store.layers(hiddenNames, 256);
const manyRuns = store.files({
  file: Array.from({ length: runs }, (_, i) => ({
    blob: { digest: Buffer.alloc(digestBytes, i), offset: i, compressed: false },
    len: 1,
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
  const boot = (): Promise<Machine> => (booted ??= bootDriver(kernel, {
      disks: [disk],
      counted: true,
      files: { "/latency.lua": readFileSync(join(import.meta.dirname, "latency.lua")) },
    }));
  /** Runs a command, perhaps until it is killed: how late others ran, and how long it took, both in microseconds. */
  const run = async (command: string, killAfter?: number): Promise<{ status: number; late: number; time: number }> => {
    const machine = await boot();
    const quoted = command.replaceAll("'", `'"'"'`);
    const line = await machine.succeed(`lua /latency.lua '${quoted}' ${killAfter ?? ""}`, { timeout: 900_000 });
    const [status = NaN, late = NaN, time = NaN] = line.trim().split(/\s+/).map(Number);
    return { status, late, time };
  };
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
      ${readerGroup}
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
    t.regex(await machine.succeed("dmesg"), /seek-table-frame-too-small at byte 8/);
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

  /** Runs a command to its end, and once more until it is killed in the middle. */
  const isPolite = async (t: ExecutionContext, command: string): Promise<void> => {
    const machine = await boot();
    const whole = await run(command);
    const killed = await run(command, Math.floor(whole.time / 2));
    t.log(`${command}: ${whole.time} µs, others ran ${whole.late} µs late; ended ${killed.time} µs after a kill`);
    t.true(whole.late < 50 * milliseconds && killed.late < 50 * milliseconds);
    t.true(killed.status === 9 && killed.time < 100 * milliseconds);
    t.notRegex(await machine.succeed("dmesg"), /corrupt metadata|soft lockup/);
  };

  kernelTest(kernel, "mounting lets others run and can be killed, however much is searched in layers", async (t) => {
    const mount = mountCommand({ store: "/store/oci", manifest: layered, at: "/a" });
    await (await boot()).succeed("mkdir -p /a");
    await isPolite(t, `umount /a 2>/dev/null; ${mount}`);
    t.not((await (await boot()).run("mountpoint -q /a")).status, 0, "what was killed did not mount");
    t.is((await run(`${mount} && umount /a`)).status, 0, "and left no verdict");
  });

  withImage("listing a directory of hidden names lets others run and can be killed", layered, (t) =>
    isPolite(t, "su nobody -s /bin/sh -c 'ls /a/d'"),
  );

  withImage("opening a file of many runs lets others run, can be killed, and is charged to the caller", manyRuns, async (t, machine) => {
    await machine.succeed(readerGroup);
    const charged = await number(
      machine,
      `sh -c 'echo $$ >/cg/reader/cgroup.procs; exec 5</a/file; awk "/^vmalloc / { print \\$2 }" /cg/reader/memory.stat'`,
    );
    t.log(`${charged} bytes are charged for ${runs} runs`);
    t.true(charged >= runs * 32 && charged < runs * 64);
    // Each time with another inode in memory: what was made by the first open is kept.
    await isPolite(t, "echo 2 >/proc/sys/vm/drop_caches; stat /a/file >/dev/null; head -c 1 /a/file 2>/dev/null");
  });

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
