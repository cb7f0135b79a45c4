/**
 * Errors of the driver do not stick, do not accuse, and do not spread: blobs that arrive late or are replaced are read,
 * killed readers leave no trace, and of a file with a missing blob all other pages can be read.
 */
import { createHash } from "node:crypto";
import { type KernelName, type Machine, mountCommand, storeDisk } from "@puzzlefs/qemu";
import { noise } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { Scratch } from "../support/scratch.ts";
import { CostlyStore } from "./costly-images.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

const page = 4096;
const chunkBytes = 60_000;
const chunks = 50;
const missing = 20;
const blobs = "/store/oci/blobs/sha256";

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

const scratch = new Scratch();
const directory = scratch.directory("store");
test.after.always(() => scratch.remove());
const store = new CostlyStore(`${directory}/oci`);
const contents = Array.from({ length: chunks }, (_, i) => noise(i + 1, chunkBytes));
const digests = contents.map((bytes) => store.blob(bytes));
const manifest = store.files({
  file: digests.map((digest) => ({ blob: { digest, offset: 0, compressed: false }, len: chunkBytes })),
});
/** Half a megabyte of metadata. */
const slow = store.layers(15_000, 0);
const sum = `${createHash("sha256").update(Buffer.concat(contents)).digest("hex")}  -\n`;
const blob = digests[missing]?.toString("hex") ?? "";

/** The pages that contain a byte of the missing chunk. */
const affected = Array.from({ length: Math.ceil((chunks * chunkBytes) / page) }, (_, number) => number).filter(
  (number) => number * page < (missing + 1) * chunkBytes && (number + 1) * page > missing * chunkBytes,
);

/** New lines of the driver in the kernel's log, which reaches the serial line later. */
const linesAbout = async (machine: Machine, text: string): Promise<string[]> =>
  (await machine.succeed("dmesg -c")).split("\n").filter((line) => line.includes("puzzlefs (") && line.includes(text));

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "errors", () => undefined);
}

function declare(kernel: KernelName): void {
  const disk = storeDisk(directory);
  let booted: Promise<Machine> | undefined;
  const boot = (): Promise<Machine> => (booted ??= bootDriver(kernel, { disks: [disk], files: { "/pages.lua": readPages } }));
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });
  const withMachine = (title: string, body: (t: ExecutionContext, machine: Machine) => Promise<void>): void =>
    kernelTest(kernel, title, async (t) => {
      const machine = await boot();
      await machine.succeed("dmesg -c");
      await body(t, machine);
    });

  withMachine("a blob that arrives late is read by files that are open, and by other mounts", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a");
    await mountImage(machine, "oci", manifest, "/b");
    const { stdout, stderr } = await machine.run(`
      mv ${blobs}/${blob} /tmp/late
      exec 5</a/file
      for i in 1 2 3; do cat /a/file /b/file >/dev/null 2>&1 && echo read; done
      lua /pages.lua /a/file >/tmp/pages
      mv /tmp/late ${blobs}/${blob}
      sha256sum <&5; sha256sum </b/file; sha256sum </a/file
      exec 5<&-; umount /a /b`);
    t.is(stdout, sum.repeat(3), stderr);
    t.is((await linesAbout(machine, blob)).length, 1);
  });

  withMachine("a damaged blob that was replaced is read without another mount", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a", "verify=blob");
    const { stdout } = await machine.run(`
      cp ${blobs}/${blob} /tmp/good
      printf X | dd of=${blobs}/${blob} bs=1 seek=5 conv=notrunc 2>/dev/null
      exec 5</a/file
      for i in 1 2; do cat /a/file >/dev/null 2>&1 && echo read; done
      cp /tmp/good ${blobs}/new && mv ${blobs}/new ${blobs}/${blob}
      sha256sum </a/file; sha256sum <&5
      exec 5<&-; umount /a`);
    t.is(stdout, sum.repeat(2));
    t.is((await linesAbout(machine, blob)).length, 1);
  });

  withMachine("all pages but those of a missing chunk are read, whatever was read ahead", async (t, machine) => {
    await machine.succeed(`mv ${blobs}/${blob} /tmp/late`);
    await mountImage(machine, "oci", manifest, "/a");
    for (const before of ["true", "cat /a/file >/dev/null 2>&1; true"]) {
      await machine.succeed(`echo 3 >/proc/sys/vm/drop_caches; ${before}`);
      const pages = (await machine.succeed("lua /pages.lua /a/file")).trim().split("\n").map(Number);
      t.deepEqual(pages, affected, before);
    }
    await machine.succeed(`umount /a; mv /tmp/late ${blobs}/${blob}`);
  });

  withMachine("killed readers log nothing, and later readers get all bytes", async (t, machine) => {
    for (const more of [undefined, "verify=blob"]) {
      await mountImage(machine, "oci", manifest, "/a", more);
      const { stdout } = await machine.run(`
        for i in $(seq 40); do
          echo 3 >/proc/sys/vm/drop_caches
          cat /a/file >/dev/null & reader=$!
          usleep $((i * 500)); kill -9 $reader; wait $reader 2>/dev/null
        done
        sha256sum </a/file; umount /a`);
      t.is(stdout, sum);
      t.deepEqual(await linesAbout(machine, "blob"), []);
    }
  });

  withMachine("a mount from a slow store delays no sync(2) of others", async (t, machine) => {
    // Bytes per second in all, read, written; requests in all, read, written.
    const limitDisk = (bytes: number): Promise<string> => machine.monitor(`block_set_io_throttle disk-0 0 ${bytes} 0 0 0 0`);
    // Nothing is written, as that would wait for the disk too.
    await machine.succeed("mkdir -p /b; mount -o remount,ro /store; rm -f /tmp/ended; echo 3 >/proc/sys/vm/drop_caches");
    await limitDisk(60_000);
    const order = await machine.succeed(`
      sectors() { awk '$3 == "vda" { print $6 }' /proc/diskstats; }
      before=$(sectors)
      (${mountCommand({ store: "/store/oci", manifest: slow, at: "/b" })}; : >/tmp/ended) >/dev/null 2>&1 &
      until [ $(($(sectors) - before)) -gt 100 ] || [ -e /tmp/ended ]; do usleep 10000; done
      sync; [ -e /tmp/ended ] || echo earlier`);
    await limitDisk(0);
    await machine.succeed("until [ -e /tmp/ended ]; do usleep 10000; done");
    t.is(order, "earlier\n");
    await machine.succeed("ls /b/d >/dev/null && umount /b; mount -o remount,rw /store");
  });

  withMachine("the kernel reported no fault", async (t, machine) => {
    await machine.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(machine.close());
  });
}
