/** Lazy images by FUSE: what readers see while chunks are fetched from a registry. */
import { copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "@puzzlefs/builder";
import { unmount } from "@puzzlefs/fuse";
import { collectGarbage, Layout, lazyImages, lazyState, untag } from "@puzzlefs/oci";
import { verifyImage } from "@puzzlefs/reader";
import { eventually, running, waitsForFuse } from "@puzzlefs/testing";
import type { ExecutionContext } from "ava";
import { mountTest } from "../../packages/cli/src/mount-fixture.ts";
import { LazyImage, run, start } from "./lazy-fixture.ts";

const FILES = 24;

function names(): string[] {
  return Array.from({ length: FILES }, (_, file) => join(file % 2 === 0 ? "" : "d", `file${file}`));
}

/** Every file, read by `readers` processes in different orders, is as it was built. */
async function readsAll(t: ExecutionContext, image: LazyImage, readers: number): Promise<void> {
  const outputs = await Promise.all(
    Array.from({ length: readers }, (_, reader) => {
      const order = names().map((_name, at, all) => all[(at * (2 * reader + 1) + 5 * reader) % FILES] as string);
      return run("sh", "-c", 'cd "$0" && exec sha256sum "$@"', image.mountpoint, ...new Set([...order, ...names()]));
    }),
  );
  const built = await run("sh", "-c", 'cd "$0" && exec sha256sum "$@"', image.rootfs, ...names());
  const expected = built.stdout.trim().split("\n").sort();
  for (const { code, stdout, stderr } of outputs) {
    t.is(code, 0, stderr);
    t.deepEqual(stdout.trim().split("\n").sort(), expected);
  }
}

mountTest("an image is mounted after its metadata, and a file is fetched when it is read", async (t) => {
  await using image = await LazyImage.make();
  const { state } = await image.pull();
  t.true((state?.missingChunks ?? 0) >= FILES);
  t.is(state?.missingChunks, state?.chunks);
  t.is(image.registry.log().length, 4, "manifest, bundle, configuration, bootstrap");
  await image.mount();
  t.is((await run("ls", "-lR", image.mountpoint)).code, 0);
  t.deepEqual(image.ranges, []);
  t.deepEqual(await readFile(image.path("d/file5")), readFileSync(join(image.rootfs, "d/file5")));
  t.is(image.ranges.length, 1);
  t.not(image.ranges[0], "whole");
});

for (const packed of [true, false])
  mountTest(
    `eight concurrent readers see the right bytes, each chunk is fetched once: ${packed ? "packed" : "loose"}`,
    async (t) => {
      await using image = await LazyImage.make({ packed });
      await image.pull();
      await image.mount();
      await readsAll(t, image, 8);
      const requested = image.registry.requests.filter(
        ({ method, path }) => method === "GET" && path.includes("/blobs/"),
      );
      const keys = requested.map(({ path, headers }) => `${path} ${headers.range}`);
      t.is(new Set(keys).size, keys.length);
      t.is(image.fetchers.length, 1);
    },
  );

mountTest("the rest is fetched in the background, and then it is an ordinary image", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount({ lazy: { fill: true } });
  using layout = Layout.open(image.ociDir);
  const { digest } = layout.manifest("v1");
  t.true(await eventually(() => lazyState(layout, digest) === undefined));
  t.true(await eventually(() => image.fetchers.length === 0));
  for (const pack of image.packs) t.true(layout.blobs.has(pack));
  const documents = 4;
  t.is(layout.blobs.list().length, image.packs.length + documents, "no chunks beside the packs");
  t.deepEqual(verifyImage(layout).problems, []);
  const before = image.registry.requests.length;
  await readsAll(t, image, 2);
  t.is(image.registry.requests.length, before);
});

mountTest("a pack with chunks of an older image is completed too", async (t) => {
  await using image = await LazyImage.make();
  await run("rm", join(image.rootfs, "file4"), join(image.rootfs, "d/file7"));
  await image.publish("v2");
  t.is(image.packs.length, 1, "the pack of v1");
  await image.pull("v2");
  await image.mount({ reference: "v2", lazy: { fill: true } });
  using layout = Layout.open(image.ociDir);
  t.true(await eventually(() => lazyState(layout, layout.manifest("v2").digest) === undefined));
  t.deepEqual(verifyImage(layout).problems, []);
});

mountTest(
  "with the registry away a read waits, others go on, and it is answered when the registry is back",
  async (t) => {
    await using image = await LazyImage.make();
    await image.pull();
    await image.mount();
    const file = await readFile(image.path("file0"));
    image.registry.intercept = (_seen, response) => (response.destroy(), true);
    const late = start("cat", image.path("d/file9"));
    t.true(await eventually(() => waitsForFuse(late.pid)));
    t.deepEqual(await readFile(image.path("file0")), file);
    t.is((await readdir(image.path("d"))).length, FILES / 2);
    image.registry.intercept = undefined;
    const { code, stdout } = await late.ended;
    t.is(code, 0);
    t.deepEqual(Buffer.from(stdout, "latin1"), readFileSync(join(image.rootfs, "d/file9")));
  },
);

mountTest(
  "with the registry away for longer a read fails with EIO and one line, and the next read tries again",
  async (t) => {
    await using image = await LazyImage.make();
    await image.pull();
    await image.mount({ lazy: { timeout: 1500 } });
    // On a busy machine the time that is allowed here may not suffice at once.
    const content = async (name: string): Promise<Buffer | undefined> =>
      readFile(image.path(name)).catch(() => undefined);
    t.true(await eventually(async () => (await content("file0")) !== undefined));
    image.registry.intercept = (_seen, response) => (response.destroy(), true);
    const { code, stderr } = await run("cat", image.path("d/file9"));
    t.not(code, 0);
    t.regex(stderr, /Input\/output error/);
    const lines = readFileSync(image.log, "utf8").split("\n");
    t.regex(
      lines.findLast((line) => line.includes("sha256")) ?? "",
      /READ of inode \d+: chunk sha256:[0-9a-f]{64} cannot be fetched: .*localhost:\d+\/team\/app: /,
    );
    image.registry.intercept = undefined;
    let found: Buffer | undefined;
    t.true(await eventually(async () => (found = await content("d/file9")) !== undefined));
    t.deepEqual(found, readFileSync(join(image.rootfs, "d/file9")));
  },
);

mountTest("wrong bytes of a registry are never seen", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount({ lazy: { timeout: 60_000 } });
  const whole = new Map(image.registry.blobs);
  for (const pack of image.packs) {
    const key = `team/app@sha256:${pack}`;
    const bytes = Buffer.from(whole.get(key) as Buffer);
    for (let at = 0; at < bytes.length; at += 1000) bytes.writeUInt8(bytes[at] ^ 1, at);
    image.registry.blobs.set(key, bytes);
  }
  for (const name of ["file0", "d/file9"]) {
    const { code, stdout } = await run("cat", image.path(name));
    t.deepEqual([code, stdout], [1, ""]);
  }
  t.regex(readFileSync(image.log, "utf8"), /other bytes than sha256:/);
  using layout = Layout.open(image.ociDir);
  t.deepEqual(verifyImage(layout).problems, []);
  for (const [key, bytes] of whole) image.registry.blobs.set(key, bytes);
  await readsAll(t, image, 2);
});

mountTest("a registry that ignores ranges sends each pack once", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount();
  image.registry.intercept = (seen) => {
    delete seen.headers.range;
    return false;
  };
  await readFile(image.path("file0"));
  await readsAll(t, image, 4);
  t.is(image.ranges.length, image.packs.length);
});

mountTest("a fetcher that is killed under readers is replaced, and they see nothing of it", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount();
  const killed = new Set<number>();
  image.registry.intercept = (seen) => {
    const [pid] = image.fetchers;
    if (seen.path.includes("/blobs/") && pid !== undefined && killed.size < 3 && !killed.has(pid)) {
      killed.add(pid);
      process.kill(pid, "SIGKILL");
    }
    return false;
  };
  await readsAll(t, image, 3);
  t.is(killed.size, 3);
});

mountTest("a server that is killed while reads wait: the next one answers them", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount({ supervise: true });
  image.registry.intercept = (_seen, response) => (response.destroy(), true);
  const readers = ["file0", "d/file9", "file16"].map((name) => start("cat", image.path(name)));
  t.true(await eventually(() => readers.every(({ pid }) => waitsForFuse(pid))));
  for (let kills = 0; kills < 2; kills++) {
    const servers = running(`puzzlefs serve ${image.ociDir}`);
    t.is(servers.length, 1);
    process.kill(servers[0].pid, "SIGKILL");
    const isNew = ({ pid }: { pid: number }): boolean => pid !== servers[0].pid;
    t.true(await eventually(() => running(`puzzlefs serve ${image.ociDir}`).some(isNew)));
  }
  image.registry.intercept = undefined;
  for (const [at, name] of ["file0", "d/file9", "file16"].entries()) {
    const { code, stdout } = await readers[at].ended;
    t.is(code, 0);
    t.deepEqual(Buffer.from(stdout, "latin1"), readFileSync(join(image.rootfs, name)));
  }
});

mountTest(
  "readers that wait end when they are killed or interrupted, and the mount can be unmounted then",
  async (t) => {
    await using image = await LazyImage.make();
    await image.pull();
    await image.mount({ lazy: { timeout: 600_000 } });
    image.registry.intercept = (_seen, response) => (response.destroy(), true);
    const direct = ["dd", "bs=64k", "iflag=direct", "of=/dev/null"];
    for (const signal of ["SIGINT", "SIGKILL"] as const)
      for (const command of [
        ["cat", image.path("file0")],
        [...direct, `if=${image.path("d/file9")}`],
      ]) {
        const reader = start(...(command as [string]));
        t.true(await eventually(() => waitsForFuse(reader.pid)));
        process.kill(reader.pid, signal);
        const { code, signal: ended } = await reader.ended;
        t.true(ended === signal || code !== 0, `${command[0]} ${signal}`);
      }
    await unmount(image.mountpoint);
    t.true(await eventually(() => running(`puzzlefs mount ${image.ociDir}`).length === 0));
    t.is((await run("ls", image.mountpoint)).stdout, "");
  },
);

mountTest("a mount is unmounted lazily while a read waits: when the reader ends, so does the server", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount({ lazy: { timeout: 600_000 } });
  image.registry.intercept = (_seen, response) => (response.destroy(), true);
  const reader = start("cat", image.path("file0"));
  t.true(await eventually(() => waitsForFuse(reader.pid)));
  await unmount(image.mountpoint, { lazy: true });
  process.kill(reader.pid, "SIGKILL");
  await reader.ended;
  t.true(await eventually(() => running(`puzzlefs mount ${image.ociDir}`).length === 0));
  t.true(await eventually(() => image.fetchers.length === 0));
});

mountTest("a full disk: chunks are answered from memory, again and again", async (t) => {
  await using image = await LazyImage.make();
  image.ociDir = join(image.directory, "small/store");
  t.is(
    (await run("sh", "-c", 'mkdir "$0" && mount -t tmpfs -o size=1500k tmpfs "$0"', join(image.directory, "small")))
      .code,
    0,
  );
  try {
    await image.pull();
    await image.mount({ lazy: { fill: true } });
    await readsAll(t, image, 3);
    await readsAll(t, image, 1);
    using layout = Layout.open(image.ociDir);
    const state = lazyState(layout, layout.manifest("v1").digest);
    t.true((state?.missingChunks ?? 0) > 0);
    t.deepEqual(verifyImage(layout).problems, []);
    await unmount(image.mountpoint);
    t.true(await eventually(() => image.fetchers.length === 0));
  } finally {
    // A process that ends has no command line any more while its files are still open.
    t.true(await eventually(async () => (await run("umount", join(image.directory, "small"))).code === 0));
  }
});

mountTest("programs are run from a lazy image: pages of mapped files are fetched", async (t) => {
  await using image = await LazyImage.make({ tree: programTree });
  await image.pull();
  await image.mount();
  // By a shell: this process must not wait for the start of the program, as it is the registry.
  const { code, stdout, stderr } = await run("sh", "-c", 'exec "$0" "$1"', image.path("cat"), image.path("text"));
  t.is(code, 0, stderr);
  t.is(stdout, "mapped\n");
});

function programTree(root: string): void {
  mkdirSync(root);
  copyFileSync("/bin/cat", join(root, "cat"));
  writeFileSync(join(root, "text"), "mapped\n");
}

mountTest("gc keeps what a lazy image has, and its record goes with it", async (t) => {
  await using image = await LazyImage.make();
  await image.pull();
  await image.mount();
  using layout = Layout.open(image.ociDir);
  const { digest } = layout.manifest("v1");
  const missing = (): number => lazyState(layout, digest)?.missingChunks ?? 0;
  const before = missing();
  await readFile(image.path("d/file9"));
  t.true(await eventually(() => missing() < before));
  await unmount(image.mountpoint);
  t.true(await eventually(() => image.fetchers.length === 0));
  const left = missing();
  t.true(left < before);
  t.is(collectGarbage(layout, { grace: 0 }).freed.blobs, 0);
  t.is(missing(), left);
  const { problems, lazy } = verifyImage(layout);
  t.deepEqual(problems, []);
  t.is(lazy[0]?.missingChunks, left);
  untag(layout, "v1");
  t.true(collectGarbage(layout, { grace: 0 }).freed.blobs > 0);
  t.deepEqual(lazyImages(layout), []);
  t.deepEqual(layout.blobs.list(), []);
});

for (const packed of [true, false])
  mountTest(
    `gc removes what was fetched first, and readers fetch it again: ${packed ? "packed" : "loose"}`,
    async (t) => {
      await using image = await LazyImage.make({ packed });
      await image.pull();
      await image.mount();
      using layout = Layout.open(image.ociDir);
      const { digest } = layout.manifest("v1");
      const documents = new Set(layout.blobs.list());
      const fetched = (): string[] => layout.blobs.list().filter((name) => !documents.has(name));
      // One after the other, with different times.
      const read = async (name: string, time: number): Promise<string[]> => {
        const before = new Set(fetched());
        t.deepEqual(await readFile(image.path(name)), readFileSync(join(image.rootfs, name)));
        t.true(await eventually(() => fetched().length > before.size));
        const chunks = fetched().filter((chunk) => !before.has(chunk));
        for (const chunk of chunks) utimesSync(layout.blobs.pathOf(chunk), time, time);
        return chunks;
      };
      const sum = (chunks: readonly string[]): number =>
        chunks.reduce((bytes, chunk) => bytes + (layout.blobs.size(chunk) ?? 0), 0);
      const older = await read("file0", 1000);
      const newer = await read("d/file23", 2000);
      const keepFetched = sum(newer);
      const evicted = { blobs: older.length, bytes: sum(older) };
      t.deepEqual(collectGarbage(layout, { grace: 3600, keepFetched, dryRun: true }).evicted, evicted);
      const report = collectGarbage(layout, { grace: 3600, keepFetched });
      t.deepEqual(report.evicted, evicted);
      t.is(report.freed.blobs, 0);
      t.deepEqual(new Set(fetched()), new Set(newer));
      const { chunks = 0, missingChunks } = lazyState(layout, digest) ?? {};
      t.is(missingChunks, chunks - newer.length);

      // A new server has nothing in memory.
      await unmount(image.mountpoint);
      await image.mount();
      t.deepEqual(new Set(await read("file0", 3000)), new Set(older));

      await build({ rootfs: image.rootfs, ociDir: image.ociDir, tag: "ordinary", compress: true });
      t.is(collectGarbage(layout, { grace: 0, keepFetched: 0 }).evicted.blobs, 0, "another image has these chunks too");
      untag(layout, "ordinary");
      // A loose image is whole with the chunks of the build, and so an ordinary one.
      t.is(collectGarbage(layout, { grace: 0, keepFetched: 0 }).evicted.blobs, packed ? chunks : 0);
      t.is(fetched().length, packed ? 0 : chunks);
    },
  );
