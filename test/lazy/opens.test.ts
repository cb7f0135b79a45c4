/** Opens that wait until files have been fetched, as in lazy mounts of the driver: here in a tmpfs, whose inode numbers are taken for the image's. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findMount } from "@puzzlefs/fuse";
import { close, messageOf, O_PATH, OpenEvents, openNamed } from "@puzzlefs/linux";
import { Layout, lazyState } from "@puzzlefs/oci";
import { type ImageTree, keyDigest, openImageAt } from "@puzzlefs/reader";
import { eventually, running, signalTo } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { hasListener } from "@puzzlefs/mount";
import { startListener } from "../../packages/mount/src/opens/start-listener.ts";
import type { MountRequest } from "../../packages/mount/src/mount-request.ts";
import { LazyImage, run, start } from "./lazy-fixture.ts";

const FILES = 24;

function missing(): string {
  if (process.geteuid?.() !== 0) return "root";
  try {
    OpenEvents.create()[Symbol.dispose]();
    return "";
  } catch (error) {
    return `permission events: ${messageOf(error)}`;
  }
}

function opensTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  const needs = missing();
  if (needs === "") test.serial(title, body);
  else test.skip(`${title} (needs ${needs})`, () => undefined);
}

/** A tmpfs with files whose inode numbers files of the image have too. */
class WaitingFiles implements AsyncDisposable {
  readonly image: LazyImage;
  readonly layout: Layout;
  readonly tree: ImageTree;
  readonly directory: string;
  readonly files: string[] = [];

  constructor(image: LazyImage) {
    this.image = image;
    this.layout = Layout.open(image.ociDir);
    this.tree = openImageAt(image.ociDir, "v1", {});
    this.directory = join(image.directory, "files");
    mkdirSync(this.directory);
    execFileSync("mount", ["-t", "tmpfs", "opens", this.directory]);
    for (let i = 0; i < FILES; i++) {
      const path = join(this.directory, `${i}`);
      writeFileSync(path, "content");
      if (this.tree.attributes(statSync(path).ino)?.kind === "file") this.files.push(path);
    }
    execFileSync("mkfifo", [join(this.directory, "fifo")]);
  }

  static async make(): Promise<WaitingFiles> {
    const image = await LazyImage.make();
    await image.pull();
    return new WaitingFiles(image);
  }

  async listen(lazy: MountRequest["lazy"] = {}): Promise<void> {
    const { ociDir, log: logFile } = this.image;
    const { digest: reference } = this.layout.manifest("v1");
    const request: MountRequest = {
      ociDir,
      reference,
      mountpoint: this.directory,
      source: "",
      options: [],
      driver: "kernel",
      verify: "none",
      writable: false,
      lazy: { fill: false, timeout: 240_000, ...lazy },
      logFile,
    };
    const root = openNamed(this.directory, O_PATH);
    try {
      (await startListener(request, root, this.directory))[Symbol.dispose]();
    } finally {
      close(root);
    }
  }

  /** Whether the layout has all chunks of the file with the inode number of one here. */
  has(file: string): boolean {
    const content = this.tree.content(statSync(file).ino);
    for (let i = 0; i < content.runs; i++) if (!this.layout.blobs.has(keyDigest(content.blob(i)))) return false;
    return true;
  }

  log(): string {
    return existsSync(this.image.log) ? readFileSync(this.image.log, "utf8") : "no log";
  }

  pid(title: "listen" | "fetch for"): number | undefined {
    return running(`puzzlefs ${title} ${this.directory}`)[0]?.pid;
  }

  isListenedTo(): boolean {
    const found = findMount(this.directory);
    return found !== undefined && hasListener(found);
  }

  ended(): Promise<boolean> {
    return eventually(() => this.pid("listen") === undefined && this.pid("fetch for") === undefined);
  }

  unmount(): void {
    spawnSync("umount", [this.directory]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const title of ["listen", "fetch for"] as const) {
      const pid = this.pid(title);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    }
    await this.ended();
    // A process that was killed may still have a file open.
    await eventually(() => {
      this.unmount();
      return spawnSync("mountpoint", ["-q", this.directory]).status !== 0;
    });
    this.tree.close();
    this.layout.close();
    await this.image[Symbol.asyncDispose]();
  }
}

opensTest("an open waits until all chunks of the file are stored, and only of that one", async (t) => {
  await using waiting = await WaitingFiles.make();
  await waiting.listen();
  const [one, other, ...more] = waiting.files as [string, string, ...string[]];
  t.false(waiting.has(one));
  t.is((await run("cat", one)).stdout, "content");
  t.true(waiting.has(one), waiting.log());
  t.false(waiting.has(other));
  const outputs = await Promise.all([other, ...more, other, ...more].map((file) => run("cat", file)));
  for (const { stdout } of outputs) t.is(stdout, "content");
  for (const file of waiting.files) t.true(waiting.has(file));
  t.is(waiting.image.fetchers.length, 1);
});

opensTest("opening a fifo keeps no other open waiting", async (t) => {
  await using waiting = await WaitingFiles.make();
  await waiting.listen();
  const fifo = join(waiting.directory, "fifo");
  const reader = start("cat", fifo);
  t.is((await run("cat", waiting.files[0] as string)).stdout, "content");
  t.is((await run("sh", "-c", 'echo line >"$0"', fifo)).code, 0);
  t.is((await reader.ended).stdout, "line\n");
});

opensTest(
  "with the registry away an open goes on after the timeout with a line of the log, and the next one waits again",
  async (t) => {
    await using waiting = await WaitingFiles.make();
    await waiting.listen({ timeout: 1000 });
    const [file, other] = waiting.files as [string, string];
    // On a busy machine the time that is allowed here may not suffice at once.
    const fetched = (path: string): Promise<boolean> =>
      eventually(async () => (await run("cat", path)).stdout === "content" && waiting.has(path));
    t.true(await fetched(other), waiting.log());
    const { registry } = waiting.image;
    registry.intercept = (_seen, response) => (response.destroy(), true);
    t.is((await run("cat", file)).stdout, "content");
    t.false(waiting.has(file));
    t.regex(waiting.log(), /error .*: inode \d+: chunk sha256:[0-9a-f]{64} cannot be fetched: /);
    registry.intercept = undefined;
    t.true(await fetched(file), waiting.log());
  },
);

opensTest("an open that waits ends when its process is killed", async (t) => {
  await using waiting = await WaitingFiles.make();
  await waiting.listen();
  const [file, other] = waiting.files as [string, string];
  const { registry } = waiting.image;
  registry.intercept = (_seen, response) => (response.destroy(), true);
  const waiter = start("cat", file);
  t.true(await eventually(() => registry.requests.length > 5));
  process.kill(waiter.pid, "SIGKILL");
  t.is((await waiter.ended).signal, "SIGKILL");
  registry.intercept = undefined;
  t.is((await run("cat", other)).stdout, "content");
  t.true(waiting.has(other));
});

opensTest("a fetcher that is killed is replaced", async (t) => {
  await using waiting = await WaitingFiles.make();
  await waiting.listen();
  const [file, other] = waiting.files as [string, string];
  await run("cat", file);
  for (const pid of waiting.image.fetchers) process.kill(pid, "SIGKILL");
  t.is((await run("cat", other)).stdout, "content");
  t.true(waiting.has(other));
});

opensTest("when the listener or its helper is killed, both end and opens go on", async (t) => {
  for (const title of ["listen", "fetch for"] as const) {
    await using waiting = await WaitingFiles.make();
    t.false(waiting.isListenedTo());
    await waiting.listen();
    t.true(waiting.isListenedTo());
    const [file, other] = waiting.files as [string, string];
    waiting.image.registry.intercept = () => true;
    const waiter = start("cat", file);
    t.true(await eventually(() => waiting.image.registry.requests.length > 4));
    signalTo(waiting.pid(title), "SIGKILL");
    t.is((await waiter.ended).stdout, "content");
    t.is((await run("cat", other)).stdout, "content");
    t.true(await waiting.ended());
    t.false(waiting.isListenedTo());
    if (title === "fetch for") t.regex(readFileSync(waiting.image.log, "utf8"), /has died: no more is fetched/);
  }
});

opensTest("when the listener or its helper does not run, opens go on after a while and both end", async (t) => {
  const hung = async (title: "listen" | "fetch for", line: RegExp): Promise<void> => {
    await using waiting = await WaitingFiles.make();
    await waiting.listen({ timeout: 1000 });
    signalTo(waiting.pid(title), "SIGSTOP");
    t.is((await run("cat", waiting.files[0] as string)).stdout, "content");
    t.true(await waiting.ended());
    t.regex(readFileSync(waiting.image.log, "utf8"), line);
  };
  await Promise.all([hung("listen", /does not run: it is killed/), hung("fetch for", /does not answer/)]);
});

opensTest(
  "once all of the image has been fetched, and when the file system is unmounted, the processes end",
  async (t) => {
    await using waiting = await WaitingFiles.make();
    await waiting.listen({ fill: true });
    t.true(await waiting.ended());
    t.is(lazyState(waiting.layout, waiting.layout.manifest("v1").digest), undefined);
    t.is((await run("cat", waiting.files[0] as string)).stdout, "content");
    await using other = await WaitingFiles.make();
    await other.listen();
    other.unmount();
    t.true(await other.ended());
  },
);
