/** What the driver shows of itself: tracepoints in tracefs, features and counters in /sys/fs/puzzlefs. */
import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { type KernelName, type Machine, mountCommand, storeDisk } from "@puzzlefs/qemu";
import { noise, prose } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { Scratch } from "../support/scratch.ts";
import { CostlyStore } from "./costly-images.ts";
import { bootDriver, kernels, kernelTest, missingFor, mountImage } from "./driver.ts";

const pageBytes = 4096;
const chunkBytes = 60_000;
const textBytes = 40_000;
const blobs = "/store/oci/blobs/sha256";

const scratch = new Scratch();
const directory = scratch.directory("store");
test.after.always(() => scratch.remove());
const store = new CostlyStore(`${directory}/oci`);
const raw = [0, 1, 2].map((i) => store.blob(noise(i + 1, chunkBytes)));
const [first, second, third] = raw as [Buffer, Buffer, Buffer];
const frame = zstdCompressSync(Buffer.alloc(textBytes, "text "));
const compressed = store.frames({ count: 1, stored: frame.length, content: textBytes, bytes: () => frame });
const whole = (digest: Buffer, length: number, isCompressed = false): { blob: { digest: Buffer; offset: number; compressed: boolean }; len: number } => ({
  blob: { digest, offset: 0, compressed: isCompressed },
  len: length,
});
/** Two files of more than a window of readahead: compressed, a frame in each blob, and raw. */
const pieces = 24;
const texts = Array.from({ length: pieces }, (_, i) => Buffer.from(prose(`text ${i}`, chunkBytes)));
const noises = Array.from({ length: pieces }, (_, i) => noise(`noise ${i}`, chunkBytes));
const textBlobs = texts.map((content) => {
  const bytes = zstdCompressSync(content);
  return { digest: store.frames({ count: 1, stored: bytes.length, content: chunkBytes, bytes: () => bytes }), size: bytes.length };
});
const noiseBlobs = noises.map((content) => ({ digest: store.blob(content), size: chunkBytes }));
const manifest = store.files({
  large: [whole(first, chunkBytes), { blob: { digest: second, offset: 1000, compressed: false }, len: 50_000 }],
  packed: [whole(compressed, textBytes, true)],
  twin: [whole(compressed, textBytes, true)],
  other: [whole(third, chunkBytes)],
  text: textBlobs.map(({ digest }) => whole(digest, chunkBytes, true)),
  noise: noiseBlobs.map(({ digest }) => whole(digest, chunkBytes)),
});
const sums = [texts, noises].map((parts) => createHash("sha256").update(Buffer.concat(parts)).digest("hex"));
/** The runs of `large`: position, blob, offset in the blob. */
const runs = [
  { pos: 0, end: chunkBytes, digest: first.toString("hex"), offset: 0 },
  { pos: chunkBytes, end: chunkBytes + 50_000, digest: second.toString("hex"), offset: 1000 },
];
const largeBytes = chunkBytes + 50_000;
const pagesOf = (bytes: number): number => Math.ceil(bytes / pageBytes);

interface Event {
  name: string;
  fields: Record<string, string>;
}

/** Events of the driver in the text of tracefs. */
function eventsIn(text: string): Event[] {
  return [...text.matchAll(/: puzzlefs_(\w+): (.*)$/gm)].map(([, name = "", fields = ""]) => ({
    name,
    fields: Object.fromEntries([...fields.matchAll(/(\w+)=(\S*)/g)].map(([, key = "", value = ""]) => [key, value])),
  }));
}

const tracing = "/sys/kernel/tracing";

/** Runs a command with all events of the driver enabled. */
async function traced(machine: Machine, command: string): Promise<Event[]> {
  await machine.succeed(`echo >${tracing}/trace; echo 1 >${tracing}/events/puzzlefs/enable; ${command}; echo 0 >${tracing}/events/puzzlefs/enable`);
  return eventsIn(await machine.succeed(`cat ${tracing}/trace`));
}

/** The counters of the mount at `at`. */
async function counters(machine: Machine, at: string): Promise<Record<string, number>> {
  const text = await machine.succeed(`cd /sys/fs/puzzlefs/$(awk '$5 == "${at}" { print $3 }' /proc/self/mountinfo) && grep . *`);
  return Object.fromEntries([...text.matchAll(/^(\w+):(\d+)$/gm)].map(([, name = "", value]) => [name, Number(value)]));
}

for (const kernel of kernels) {
  if (missingFor(kernel) === "") declare(kernel);
  else kernelTest(kernel, "tracepoints and counters", () => undefined);
}

function declare(kernel: KernelName): void {
  const disk = storeDisk(directory);
  let booted: Promise<Machine> | undefined;
  const boot = async (): Promise<Machine> => {
    const machine = await bootDriver(kernel, { disks: [disk] });
    await machine.succeed(`mountpoint -q ${tracing} || mount -t tracefs none ${tracing}`);
    return machine;
  };
  test.after.always(async () => {
    (await booted?.catch(() => undefined))?.kill();
    disk.remove();
  });
  const withMachine = (title: string, body: (t: ExecutionContext, machine: Machine) => Promise<void>): void =>
    kernelTest(kernel, title, async (t) => body(t, await (booted ??= boot())));

  withMachine("reading files causes the events of look-ups, inodes, pages, runs and blobs", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a");
    const events = await traced(machine, "cat /a/large /a/packed >/dev/null; stat /a/none 2>/dev/null");
    const named = (name: string): Record<string, string>[] => events.filter((event) => event.name === name).map(({ fields }) => fields);
    t.log([...new Set(events.map(({ name }) => name))].join(" "));

    const found = named("lookup").map(({ name, ino }) => `${name} ${ino}`);
    t.deepEqual(found.toSorted(), ["large 2", "none 0", "packed 3"]);
    t.deepEqual(
      named("fill_inode").map(({ ino, mode, size }) => [ino, mode, size]),
      [
        ["2", "0100644", `${largeBytes}`],
        ["3", "0100644", `${textBytes}`],
      ],
    );
    const device = (await machine.succeed(`awk '$5 == "/a" { print $3 }' /proc/self/mountinfo`)).trim();
    const mounts = events.filter(({ name }) => name !== "locate_blob").map(({ fields }) => fields["mount"]);
    t.deepEqual([...new Set(mounts)], [`${device}/${manifest.slice(0, 12)}`]);

    const located = named("locate_blob").map(({ blob, err }) => `${blob} ${err}`);
    t.deepEqual(located.toSorted(), [first, second, compressed].map((digest) => `${digest.toString("hex")} 0`).toSorted());
    const loaded = new Set(named("load_object").map(({ blob, index, err }) => `${blob} ${index} ${err}`));
    const digest = compressed.toString("hex");
    for (const expected of [`${digest} file 0`, `${digest} table 0`, `${digest} 0x0 0`, `${first.toString("hex")} file 0`])
      t.true(loaded.has(expected), `${expected} in ${[...loaded].join(", ")}`);

    // Every byte of the file was mapped to the right byte of the right blob.
    const pages = [...named("readahead"), ...named("read_folio")].filter(({ ino }) => ino === "2");
    t.true(pages.reduce((sum, { length }) => sum + Number(length), 0) >= largeBytes);
    let mapped = 0;
    for (const fields of named("map_run").filter(({ ino }) => ino === "2")) {
      const [pos, length, offset] = [Number(fields["pos"]), Number(fields["length"]), Number(fields["offset"])];
      const run = runs.find((each) => each.pos <= pos && pos + length <= each.end);
      t.deepEqual([fields["blob"], offset - pos], [run?.digest, (run?.offset ?? 0) - (run?.pos ?? 0)]);
      mapped += length;
    }
    t.is(mapped, largeBytes);

    await machine.succeed("cat /a/other >/dev/null");
    t.is(eventsIn(await machine.succeed(`cat ${tracing}/trace`)).length, events.length, "disabled events are not recorded");
    await machine.succeed("umount /a");
  });

  withMachine("counters are what is in memory, and drop with the caches", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a");
    await machine.succeed("echo 3 >/proc/sys/vm/drop_caches; cat /a/large /a/packed /a/twin >/dev/null");
    const used = await counters(machine, "/a");
    t.like(used, {
      blobs: 3,
      open_blobs: 3,
      seek_tables: 1,
      cached_frames: 1,
      // The twin has no pages of its own.
      shared_inodes: 2,
      shared_pages: pagesOf(largeBytes) + pagesOf(textBytes),
      blob_errors: 0,
      verification_failures: 0,
    });
    t.true((used["metadata_bytes"] ?? 0) > 100 && (used["metadata_bytes"] ?? 0) < 10_000, `${used["metadata_bytes"]} bytes`);
    t.true((used["cached_frame_bytes"] ?? 0) >= textBytes && (used["seek_table_bytes"] ?? 0) > 0);
    await machine.succeed("echo 3 >/proc/sys/vm/drop_caches; echo 3 >/proc/sys/vm/drop_caches");
    t.like(await counters(machine, "/a"), { blobs: 0, open_blobs: 0, seek_tables: 0, cached_frames: 0, shared_inodes: 0, shared_pages: 0 });
    await machine.succeed("umount /a");
  });

  for (const more of [undefined, "verify=blob"]) {
    withMachine(`${more ?? "no verification"}: blobs are read once, and past the lower page cache`, async (t, machine) => {
      await mountImage(machine, "oci", manifest, "/a", more);
      const event = `${tracing}/events/filemap/mm_filemap_add_to_page_cache/enable`;
      await machine.succeed(`echo 3 >/proc/sys/vm/drop_caches; echo >${tracing}/trace; echo 1 >${event}`);
      const sectors = "awk '$3 == \"vda\" { print $6 }' /proc/diskstats";
      const text = await machine.succeed(`
        stat -c %s /a/text /a/noise >/dev/null; ls ${blobs} >/dev/null; exec 5</a/text 6</a/noise
        ${sectors}; sha256sum <&5 | cut -c-64; sha256sum <&6 | cut -c-64; ${sectors}; echo 0 >${event}`);
      const [before, textSum, noiseSum, after] = text.trim().split("\n");
      t.deepEqual([textSum, noiseSum], sums);
      const stored = [...textBlobs, ...noiseBlobs].reduce((sum, { size }) => sum + size + pageBytes, 0);
      const read = (Number(after) - Number(before)) * 512;
      t.true(read >= stored / 2 && read < stored * 1.2, `${read} bytes of ${stored}`);
      const inodes = new Set((await machine.succeed(`stat -c %i ${blobs}/*`)).trim().split("\n"));
      const device = (await machine.succeed(`awk '$5 == "/store" { print $3 }' /proc/self/mountinfo`)).trim();
      const added = [...(await machine.succeed(`cat ${tracing}/trace`)).matchAll(/page_cache: dev (\d+:\d+) ino ([0-9a-f]+)/g)];
      const ofBlobs = added.filter(([, dev, ino]) => dev === device && inodes.has(`${parseInt(ino ?? "", 16)}`));
      t.true(added.length > 0);
      t.deepEqual(ofBlobs.map(([line]) => line), []);
      await machine.succeed("umount /a");
    });
  }

  withMachine("verification failures and missing blobs are counted and traced", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a", "verify=blob");
    const damaged = `${blobs}/${third.toString("hex")}`;
    await machine.succeed(`cp ${damaged} /tmp/good; printf X | dd of=${damaged} bs=1 seek=5 conv=notrunc 2>/dev/null`);
    const events = await traced(machine, "! cat /a/other >/dev/null 2>&1");
    const failures = events.filter(({ name }) => name === "verify_failure");
    t.true(failures.length > 0 && failures.every(({ fields }) => fields["blob"] === third.toString("hex") && fields["ino"] === "5"));
    const counted = await counters(machine, "/a");
    t.is(counted["verification_failures"], failures.length);
    t.true((counted["blob_errors"] ?? 0) >= failures.length);
    await machine.succeed(`cp /tmp/good ${damaged}; umount /a`);
  });

  withMachine("features are listed for all, counters are readable by root only", async (t, machine) => {
    await mountImage(machine, "oci", manifest, "/a");
    await mountImage(machine, "oci", manifest, "/b");
    await mountImage(machine, "oci", manifest, "/c", "share=none");
    const { stdout } = await machine.run(`su nobody -s /bin/sh -c 'cd /sys/fs/puzzlefs/features && grep . *; cat ../0*/*'`);
    const features = ["oci_root_dir_fd", "share", "verify", ...(kernel === "6.1" ? [] : ["verity"])];
    t.is(stdout, features.map((name) => `${name}:supported\n`).join(""));
    const devices = (await machine.succeed("awk '$5 ~ /^\\/[ac]$/ { print $3 }' /proc/self/mountinfo")).trim().split("\n");
    t.deepEqual((await machine.succeed("ls /sys/fs/puzzlefs")).trim().split("\n").toSorted(), [...devices, "features"].toSorted());
    await machine.succeed("umount /a /b /c");
    t.is(await machine.succeed("ls /sys/fs/puzzlefs"), "features\n");
  });

  withMachine("open files of sysfs outlive the mount and the module, but return errors then", async (t, machine) => {
    const { stdout, stderr } = await machine.run(`
      ${mountCommand({ store: "/store/oci", manifest, at: "/a" })}
      exec 5</sys/fs/puzzlefs/$(awk '$5 == "/a" { print $3 }' /proc/self/mountinfo)/blobs 6</sys/fs/puzzlefs/features/share
      umount /a; cat <&5 && echo read
      rmmod puzzlefs && echo unloaded; cat <&5 && echo read; cat <&6 && echo read
      insmod /puzzlefs.ko && ls /sys/fs/puzzlefs`);
    t.is(stdout, "unloaded\nfeatures\n", stderr);
    t.is([...stderr.matchAll(/No such device/g)].length, 3, stderr);
  });

  withMachine("mounting, unmounting and unloading while others read the counters", async (t, machine) => {
    const mount = mountCommand({ store: "/store/oci", manifest, at: "/a" });
    await machine.succeed(`
      rm -f /tmp/ended
      for reader in 1 2; do (until [ -e /tmp/ended ]; do cat /sys/fs/puzzlefs/*/* >/dev/null 2>&1; done) & done
      for round in $(seq 30); do
        ${mount} && cat /a/large /a/packed >/dev/null && umount /a || exit 1
        [ $((round % 5)) != 0 ] || { rmmod puzzlefs && insmod /puzzlefs.ko; } || exit 2
      done
      : >/tmp/ended; wait`);
    t.pass();
  });

  withMachine("the kernel reported no fault while it was observed", async (t, machine) => {
    await machine.succeed("umount /store && rmmod puzzlefs");
    await t.notThrowsAsync(machine.close());
  });
}
