/** `puzzlefs enable-fs-verity` on a real ext4, compared with fsverity(1). */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import { attempt, puzzlefs, run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";
import { kernels } from "../kernel/driver.ts";
import { noise } from "@puzzlefs/testing";
import { type Guest, guestTest, guestWith } from "./guest.ts";

/** All ways to store chunks, each in a layout of its own. */
const images: Readonly<Record<string, readonly string[]>> = {
  raw: [],
  zstd: ["-c"],
  "large-chunks": ["--chunk-size", "262144:1048576:4194304"],
};
/** A file of this size is one chunk. */
const small = 20_000;
/** Enough chunks that an interruption occurs before the last one. */
const manyFiles = 150;

interface Prepared {
  /** The disk of the store, and one without fs-verity. */
  disks: [string, string];
  /** fs-verity digests of manifests by layout, from the output of `puzzlefs build`. */
  digests: Readonly<Record<string, string>>;
}

function prepare(scratch: Scratch): Prepared {
  const store = scratch.directory("store");
  const digests: Record<string, string> = {};
  const build = (layout: string, tree: string, options: readonly string[]): void => {
    const { stdout, stderr } = attempt(puzzlefs, ["build", ...options, tree, `${join(store, layout)}:v1`]);
    digests[layout] = /manifest digest: ([0-9a-f]{64})/.exec(stdout + stderr)?.[1] ?? "none printed";
  };
  const tree = scratch.directory("tree");
  mkdirSync(join(tree, "files"));
  for (let i = 0; i < 8; i++) writeFileSync(join(tree, `files/${i}`), noise(i + 1, small));
  // Sizes at which a Merkle tree gets another level: one block, 128 blocks.
  for (const size of [0, 1, 4096, 4097, 128 * 4096, 128 * 4096 + 1]) {
    writeFileSync(join(tree, `files/size-${size}`), noise(1000 + size, size));
  }
  writeFileSync(join(tree, "files/text"), "the same line again and again\n".repeat(20_000));
  for (const [layout, options] of Object.entries(images)) build(layout, tree, options);
  const many = scratch.directory("many");
  for (let i = 0; i < manyFiles; i++) writeFileSync(join(many, `${i}`), noise(10_000 + i, small));
  build("many", many, []);
  const disks: [string, string] = [scratch.fresh("store.ext4"), scratch.fresh("plain.ext4")];
  ext4Image(disks[0], store);
  const plain = scratch.directory("plain");
  run("cp", ["-a", join(store, "raw"), plain]);
  ext4Image(disks[1], plain, 1 << 20, "^verity");
  return { disks, digests };
}

/** The image configuration `{}` is never read, and so needs no fs-verity. */
const emptyConfig = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/** Lines of `fsverity measure` or `fsverity digest` for all blobs of a layout. */
const blobs = (layout: string): string => `find ${layout}/blobs/sha256 -type f ! -name ${emptyConfig}`;
const measured = (layout: string): string => `${blobs(layout)} | sort | xargs fsverity measure`;
const computed = (layout: string): string => `${blobs(layout)} | sort | xargs fsverity digest`;
/** Blobs with the flag V of lsattr(1). */
const countEnabled = (layout: string): string => `lsattr ${layout}/blobs/sha256 | awk '$1 ~ /V/' | wc -l`;

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, prepare);
  const manifest = async (guest: Guest, layout: string): Promise<string> =>
    (await guest.succeed(`sed 's/.*"digest":"sha256:\\([0-9a-f]*\\)".*/\\1/' ${layout}/index.json`)).trim();

  guestTest(kernel, "a wrong digest is refused, and nothing is enabled", async (t) => {
    const { guest, digests } = await ready();
    const wrong = digests["zstd"];
    await guest.refused(
      t,
      `puzzlefs enable-fs-verity /store/raw:v1 ${wrong}`,
      3,
      new RegExp(`${digests["raw"]}.*${wrong}`),
    );
    await guest.refused(t, "puzzlefs enable-fs-verity /store/raw:v1 abc", 2, /hex/);
    await guest.refused(t, `puzzlefs enable-fs-verity /store/raw:v2 ${wrong}`, 1, /v2/);
    t.is(await guest.succeed(countEnabled("/store/raw")), "0\n");
  });

  guestTest(
    kernel,
    "filesystems without fs-verity are refused with a message: ext4 without the feature, tmpfs",
    async (t) => {
      const { guest, digests } = await ready();
      await guest.succeed("mkdir /plain && mount -t ext4 /dev/vdb /plain && cp -a /store/raw /tmp/");
      for (const layout of ["/plain/raw", "/tmp/raw"]) {
        await guest.refused(t, `puzzlefs enable-fs-verity ${layout}:v1 ${digests["raw"]}`, 1, /: no fs-verity there/);
      }
      await guest.succeed("umount /plain && rm -r /tmp/raw");
    },
  );

  guestTest(kernel, "every blob of each kind of image is enabled; fsverity(1) measures what it computes", async (t) => {
    const { guest, digests } = await ready();
    for (const layout of Object.keys(images)) {
      const at = `/store/${layout}`;
      // The older syntax, once.
      const image = layout === "large-chunks" ? `${at} v1` : `${at}:v1`;
      const before = await guest.succeed(computed(at));
      const output = await guest.succeed(`puzzlefs enable-fs-verity ${image} ${digests[layout]}`);
      const lines = before.trim().split("\n");
      t.is(output, `fs-verity is enabled on ${lines.length} blobs\n`);
      t.is(await guest.succeed(measured(at)), before, layout);
      const name = await manifest(guest, at);
      t.true(lines.includes(`sha256:${digests[layout]} ${at}/blobs/sha256/${name}`), `${layout}: ${before}`);
    }
  });

  guestTest(kernel, "succeeds if all blobs are enabled already, also on a read-only store", async (t) => {
    const { guest, digests } = await ready();
    const before = await guest.succeed(measured("/store/raw"));
    await guest.succeed(`puzzlefs enable-fs-verity /store/raw:v1 ${digests["raw"]}`);
    await guest.succeed("mount -o remount,ro /store");
    try {
      await guest.succeed(`puzzlefs enable-fs-verity /store/raw:v1 ${digests["raw"]}`);
      await guest.refused(t, `puzzlefs enable-fs-verity /store/many:v1 ${digests["many"]}`, 1, /read-only/i);
    } finally {
      await guest.succeed("mount -o remount,rw /store");
    }
    t.is(await guest.succeed(measured("/store/raw")), before);
    t.is(await guest.succeed(countEnabled("/store/many")), "0\n");
  });

  guestTest(kernel, "a blob changed before is refused, and the message names it", async (t) => {
    const { guest, digests } = await ready();
    await guest.succeed("cp -a /store/many /store/changed");
    const [blob = ""] = await guest.lines("ls -S /store/changed/blobs/sha256 | sed -n 60p");
    await guest.succeed(`printf X | dd of=/store/changed/blobs/sha256/${blob} bs=1 seek=4000 conv=notrunc 2>/dev/null`);
    const command = `puzzlefs enable-fs-verity /store/changed:v1 ${digests["many"]}`;
    for (let round = 0; round < 2; round++) await guest.refused(t, command, 3, new RegExp(`blob sha256:${blob}`));
    // With the original blob the image can be enabled.
    const repair = `cd /store/changed/blobs/sha256 && rm ${blob} && cp /store/many/blobs/sha256/${blob} .`;
    await guest.succeed(`${repair} && ${command}`);
  });

  guestTest(kernel, "can be repeated after an interruption", async (t) => {
    const { guest, digests } = await ready();
    const command = `puzzlefs enable-fs-verity /store/many:v1 ${digests["many"]}`;
    const all = Number(await guest.succeed(`${blobs("/store/many")} | wc -l`));
    const enabled = async (): Promise<number> => Number(await guest.succeed(countEnabled("/store/many")));
    // Another process has a blob open for writing.
    const [blob = ""] = await guest.lines("ls /store/many/blobs/sha256 | sed -n 20p");
    await guest.refused(
      t,
      `exec 5>>/store/many/blobs/sha256/${blob}; ${command}`,
      1,
      new RegExp(`${blob}.*busy|busy.*${blob}`),
    );
    const refused = await enabled();
    t.true(refused < all, `${refused} of ${all}`);
    // Killed after some of the chunks, which are enabled in the order of their digests.
    const next = await guest.succeed(`ls -d /store/many/blobs/sha256/* | sed -n ${refused + 10}p`);
    const { stdout } = await guest.run(`
      ${command} >/tmp/output 2>&1 & process=$!
      until fsverity measure ${next.trim()} >/dev/null 2>&1 || ! kill -0 $process; do :; done
      kill -9 $process; wait $process; echo $?`);
    t.is(stdout, "137\n");
    const killed = await enabled();
    t.true(killed > refused && killed < all, `${killed} of ${all} when it was killed`);
    t.is(await guest.succeed(command), `fs-verity is enabled on ${all} blobs\n`);
    t.is(await guest.succeed(measured("/store/many")), await guest.succeed(computed("/store/many")));
  });

  guestTest(kernel, "the kernel reported no fault", async (t) => {
    const { guest } = await ready();
    await guest.succeed("umount /store");
    await t.notThrowsAsync(guest.machine.close());
  });
}
