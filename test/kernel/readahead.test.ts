/**
 * What is ahead of a reader is decompressed and verified by workers. An image that is unmounted waits for them, a killed
 * reader leaves them to end, and what they cannot read fails alone, when it is read.
 */
import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { type KernelName, type Machine, storeDisk } from "@puzzlefs/qemu";
import { noise } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { Scratch } from "../support/scratch.ts";
import { CostlyStore } from "./costly-images.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

const page = 4096;
const chunkBytes = 60_000;
/** Four windows of readahead. */
const chunks = 70;
/** Far from the start, so that a worker finds it first. */
const damaged = 40;
const blobs = "/store/oci/blobs/sha256";
const tracing = "/sys/kernel/tracing";

/** `lua /pages.lua FILE`: prints the numbers of the pages that cannot be read, each read alone. */
const readPages = `
  local file = sys.call(2, arg[1], 0, 0)
  local buffer = sys.buffer(${page})
  local number = 0
  while true do
    local count = sys.call(17, file, buffer, ${page}, number * ${page})
    if count == 0 then break end
    if count < 0 then print(number) end
    number = number + 1
  end`;

/** `lua /random.lua FILE`: reads all pages, each alone, in an order without neighbours; prints how many. */
const readRandomly = `
  local file = sys.call(2, arg[1], 0, 0)
  local buffer = sys.buffer(${page})
  local pages = ${Math.ceil((chunks * chunkBytes) / page)}
  for i = 1, pages do sys.call(17, file, buffer, ${page}, i * 397 % pages * ${page}) end
  print(pages)`;

const scratch = new Scratch();
const directory = scratch.directory("store");
test.after.always(() => scratch.remove());
const store = new CostlyStore(`${directory}/oci`);
const contents = Array.from({ length: chunks }, (_, i) => noise(`chunk ${i}`, chunkBytes));
const digests = contents.map((content) => {
  const frame = zstdCompressSync(content);
  return store.frames({ count: 1, stored: frame.length, content: chunkBytes, bytes: () => frame });
});
const manifest = store.files({
  file: digests.map((digest) => ({ blob: { digest, offset: 0, compressed: true }, len: chunkBytes })),
});
const sum = `${createHash("sha256").update(Buffer.concat(contents)).digest("hex")}  -\n`;
const blob = digests[damaged]?.toString("hex") ?? "";

/** The pages that contain a byte of the damaged chunk. */
const affected = Array.from({ length: Math.ceil((chunks * chunkBytes) / page) }, (_, number) => number).filter(
  (number) => number * page < (damaged + 1) * chunkBytes && (number + 1) * page > damaged * chunkBytes,
);

/** Bytes per second that the machine's disk delivers; 0: without a limit. */
const limitDisk = (machine: Machine, bytes: number): Promise<string> =>
  machine.monitor(`block_set_io_throttle disk-0 0 ${bytes} 0 0 0 0`);

/** Empties the trace, and lets it record the runs that are read, each with the name of the task. */
const beginTrace = `echo >${tracing}/trace; echo 1 >${tracing}/events/puzzlefs/puzzlefs_map_run/enable`;
const emptyCaches = "echo 3 >/proc/sys/vm/drop_caches";

/** The recorded runs that workers have read. */
const runsOfWorkers = (trace: string): string[] => trace.match(/^ *kworker\/u.* puzzlefs_map_run: .*$/gm) ?? [];

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "readahead by workers", () => undefined);
}

function declare(kernel: KernelName): void {
  const disk = storeDisk(directory);
  let booted: Promise<Machine> | undefined;
  const boot = async (): Promise<Machine> => {
    const machine = await bootDriver(kernel, { disks: [disk], files: { "/pages.lua": readPages, "/random.lua": readRandomly } });
    await machine.succeed(`mount -t tracefs none ${tracing}; mount -o remount,ro /store`);
    return machine;
  };
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });
  const withMachine = (title: string, body: (t: ExecutionContext, machine: Machine) => Promise<void>): void =>
    kernelTest(kernel, title, async (t) => {
      const machine = await (booted ??= boot());
      await machine.succeed(`dmesg -c >/dev/null; ${emptyCaches}`);
      await body(t, machine);
    });
  const log = async (machine: Machine): Promise<string[]> =>
    (await machine.succeed("dmesg -c")).split("\n").filter((line) => line.includes("puzzlefs ("));

  withMachine("workers fill what is ahead of a reader, decompressed or verified", async (t, machine) => {
    for (const more of [undefined, "verify=blob"]) {
      await mountImage(machine, "oci", manifest, "/a", more);
      t.is(await machine.succeed(`${beginTrace}; sha256sum </a/file`), sum);
      t.true(runsOfWorkers(await machine.succeed(`cat ${tracing}/trace`)).length > chunks / 2);
      await machine.succeed("umount /a");
    }
  });

  withMachine("random reads of a few bytes decompress each chunk once", async (t, machine) => {
    for (const more of [undefined, "verify=blob"]) {
      await mountImage(machine, "oci", manifest, "/a", more);
      const pages = Number(await machine.succeed(`${beginTrace}; lua /random.lua /a/file`));
      const runs = (await machine.succeed(`cat ${tracing}/trace`)).match(/ puzzlefs_map_run: /g) ?? [];
      // A page that two chunks share needs both, and its own window.
      t.true(pages > 1000 && runs.length <= 4 * chunks, `${runs.length} of ${pages}`);
      t.is(await machine.succeed("sha256sum </a/file"), sum);
      await machine.succeed("umount /a");
    }
  });

  withMachine("an image is unmounted when workers have filled their windows", async (t, machine) => {
    for (const more of [undefined, "share=none"]) {
      await mountImage(machine, "oci", manifest, "/a", more);
      await machine.succeed(`ls -l /a >/dev/null; ${beginTrace}`);
      // The checkers of the debug kernel take seconds of the workers' time.
      await limitDisk(machine, kernel === "debug" ? 50_000 : 200_000);
      await machine.succeed(`
        dd if=/a/file of=/dev/null bs=256k count=1 2>/dev/null
        echo unmounting >${tracing}/trace_marker; umount /a; echo unmounted >${tracing}/trace_marker`);
      await limitDisk(machine, 0);
      const [, after = ""] = (await machine.succeed(`cat ${tracing}/trace`)).split(": unmounting");
      const [during = "", late = ""] = after.split(": unmounted");
      t.true(runsOfWorkers(during).length > 0, "a worker still had to read");
      t.deepEqual(runsOfWorkers(late), []);
      t.deepEqual(await log(machine), []);
    }
  });

  withMachine("the windows of killed readers are filled", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a");
    for (let round = 0; round < 3; round++) {
      await machine.succeed(`${emptyCaches}; ${beginTrace}`);
      await limitDisk(machine, 400_000);
      await machine.succeed(`
        cat /a/file >/dev/null & reader=$!
        until grep -q kworker/u ${tracing}/trace; do usleep 1000; done
        kill -9 $reader; wait $reader 2>/dev/null; [ ! -e /proc/$reader ]`);
      await limitDisk(machine, 0);
      t.is(await machine.succeed("sha256sum </a/file"), sum);
    }
    t.deepEqual(await log(machine), []);
    await machine.succeed("umount /a");
  });

  for (const [what, damage] of [
    ["damaged", `printf X | dd of=${blobs}/${blob} bs=1 conv=notrunc 2>/dev/null`],
    ["cut", `: >${blobs}/${blob}`],
  ] as const) {
    withMachine(`of a ${what} chunk that is ahead, exactly its pages fail`, async (t, machine) => {
      await machine.succeed(`mount -o remount,rw /store; cp ${blobs}/${blob} /tmp/good; ${damage}`);
      for (const more of [undefined, "verify=blob"]) {
        await mountImage(machine, "oci", manifest, "/a", more);
        for (const before of ["true", "cat /a/file >/dev/null 2>&1; true"]) {
          await machine.succeed(`${emptyCaches}; ${beginTrace}; ${before}`);
          const pages = (await machine.succeed("lua /pages.lua /a/file")).trim().split("\n").map(Number);
          t.deepEqual(pages, affected, before);
          t.true(runsOfWorkers(await machine.succeed(`cat ${tracing}/trace`)).length > 0);
        }
        await machine.succeed("umount /a");
      }
      t.true((await log(machine)).every((line) => line.includes(blob)));
      await machine.succeed(`cp /tmp/good ${blobs}/${blob}; mount -o remount,ro /store`);
    });
  }

  withMachine("of a missing chunk that is ahead, exactly its pages fail, until it is there", async (t, machine) => {
    await machine.succeed(`mount -o remount,rw /store; mv ${blobs}/${blob} /store/away`);
    await mountImage(machine, "oci", manifest, "/a");
    const pages = (await machine.succeed("lua /pages.lua /a/file")).trim().split("\n").map(Number);
    t.deepEqual(pages, affected);
    t.true((await log(machine)).every((line) => line.includes(blob)));
    await machine.succeed(`mv /store/away ${blobs}/${blob}; ${emptyCaches}; ${beginTrace}`);
    t.is(await machine.succeed("sha256sum </a/file"), sum);
    t.true(runsOfWorkers(await machine.succeed(`cat ${tracing}/trace`)).length > 0, "workers read again");
    await machine.succeed("umount /a; mount -o remount,ro /store");
  });

  withMachine("many readers at once, more than workers may serve, get all bytes", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a", "share=none");
    await mountImage(machine, "oci", manifest, "/b", "verify=blob");
    const sums = await machine.succeed(`
      for i in 1 2 3 4 5 6 7 8; do for at in a b; do
        (dd if=/$at/file bs=60000 skip=$((i * 5)) count=20 2>/dev/null | sha256sum >/tmp/sum-$i-$at) &
      done; done
      wait; for i in 1 2 3 4 5 6 7 8; do cat /tmp/sum-$i-a /tmp/sum-$i-b; done; umount /a /b`);
    const expected = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => {
      const part = createHash("sha256").update(Buffer.concat(contents.slice(i * 5, i * 5 + 20)));
      return `${part.digest("hex")}  -\n`.repeat(2);
    });
    t.is(sums, expected.join(""));
  });

  withMachine("the kernel reported no fault", async (t, machine) => {
    await machine.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(machine.close());
  });
}
