/** `mount --shared`: mounts of a store have one server. The bundled program, as the sources have no version that would distinguish servers. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { eventually, noise, Random, running, waitsForFuse } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { mountTest } from "./mount-fixture.ts";
import { isBuilt, launcher, type Outcome, runProgram, TestDirectory } from "./program-fixture.ts";

const sharedTest = isBuilt ? mountTest : test.skip;

/** Stores of images, and mount points. */
class Mounts extends TestDirectory implements AsyncDisposable {
  program = launcher;

  puzzlefs(...argv: string[]): Promise<Outcome> {
    return runProgram(this.program, argv, this.root);
  }

  /** Makes STORE:v1 … with a file `name` of the image's number and one of `bytes`. */
  async build(t: ExecutionContext, store: string, images = 1, bytes = 100_000): Promise<void> {
    for (let image = 1; image <= images; image++) {
      const root = this.path(`root-${image}`);
      mkdirSync(root, { recursive: true });
      writeFileSync(join(root, "name"), `image ${image}\n`);
      writeFileSync(join(root, "content"), noise(`content ${image}`, bytes));
      const built = await this.puzzlefs("build", "-c", root, `${store}:v${image}`);
      t.is(built.code, 0, built.stderr);
    }
  }

  async mount(t: ExecutionContext, image: string, name: string, ...options: string[]): Promise<string> {
    const mountpoint = this.path(name);
    mkdirSync(mountpoint, { recursive: true });
    const outcome = await this.puzzlefs("mount", "--driver=fuse", "--shared", ...options, image, name);
    t.deepEqual(outcome, { code: 0, stdout: "", stderr: "" }, `${image} on ${name}`);
    return mountpoint;
  }

  async umount(t: ExecutionContext, name: string): Promise<void> {
    const outcome = await this.puzzlefs("umount", name);
    t.is(outcome.code, 0, outcome.stderr);
  }

  /** Processes that serve, or supervise those, by the path of a store. */
  processes(what: "share" | "serve" | "mount", store = ""): number[] {
    return running(`puzzlefs ${what} ${this.path(store)}`).map(({ pid }) => pid);
  }

  get gone(): boolean {
    return (["share", "serve", "mount"] as const).every((what) => this.processes(what).length === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const mounted = (): string[] =>
      readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .flatMap((line) => line.split(" ")[4] ?? [])
        .filter((path) => path.startsWith(`${this.root}/`));
    for (const path of mounted().reverse()) execFileSync("umount", ["--lazy", path]);
    await eventually(() => this.gone);
    this[Symbol.dispose]();
  }
}

/** Replaces a process by its successor: kills it, and waits until another one serves. */
async function replaced(t: ExecutionContext, mounts: Mounts, store: string, server: number): Promise<void> {
  process.kill(server, "SIGKILL");
  t.true(await eventually(() => mounts.processes("serve", store).some((pid) => pid !== server)));
}

sharedTest("mounts of a store share a server, other stores have their own; the last umount ends it", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store", 2);
  await mounts.build(t, "other");
  await mounts.mount(t, "store:v1", "a");
  await mounts.mount(t, "store:v2", "b");
  await mounts.mount(t, "store:v1", "c", "-o", "uid=7");
  await mounts.mount(t, "other:v1", "d");
  mkdirSync(mounts.path("e"));
  t.is((await mounts.puzzlefs("mount", "--driver=fuse", "store:v1", "e")).code, 0);
  t.is(mounts.processes("share", "store/").length, 1);
  t.is(mounts.processes("serve", "store/").length, 1);
  t.is(mounts.processes("serve", "other/").length, 1);
  t.is(mounts.processes("mount").length, 1, "the one without --shared");
  const names = ["a", "b", "c", "d", "e"].map((name) => readFileSync(mounts.path(name, "name"), "utf8"));
  t.deepEqual(names, ["image 1\n", "image 2\n", "image 1\n", "image 1\n", "image 1\n"]);
  t.is(execFileSync("stat", ["-c", "%u", mounts.path("c/name")], { encoding: "utf8" }), "7\n");
  t.true(readFileSync(mounts.path("b/content")).equals(noise("content 2", 100_000)));
  for (const name of ["a", "c", "b"]) {
    t.is(mounts.processes("serve", "store/").length, 1);
    await mounts.umount(t, name);
  }
  t.true(await eventually(() => mounts.processes("serve", "store/").length === 0));
  t.true(await eventually(() => mounts.processes("share", "store/").length === 0));
  t.is(readFileSync(mounts.path("d/name"), "utf8"), "image 1\n");
});

sharedTest("commands that start at once have one server", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store");
  const names = Array.from({ length: 8 }, (_, index) => `m${index}`);
  await Promise.all(names.map((name) => mounts.mount(t, "store:v1", name)));
  t.is(mounts.processes("share").length, 1);
  t.is(mounts.processes("serve").length, 1);
  for (const name of names) t.is(readFileSync(mounts.path(name, "name"), "utf8"), "image 1\n");
});

sharedTest("a server that ends while commands connect: they start another", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store");
  await mounts.mount(t, "store:v1", "m0");
  for (let round = 0; round < 6; round++) {
    const [old, next] = [`m${round}`, `m${round + 1}`];
    await Promise.all([mounts.mount(t, "store:v1", next), mounts.umount(t, old)]);
    t.is(readFileSync(mounts.path(next, "name"), "utf8"), "image 1\n");
  }
});

sharedTest("killed 20 times while programs read from several mounts: no program sees an error", async (t) => {
  await using mounts = new Mounts();
  const bytes = 2_000_000;
  await mounts.build(t, "store", 3, bytes);
  const paths: string[] = [];
  for (const image of [1, 2, 3]) paths.push(await mounts.mount(t, `store:v${image}`, `m${image}`));
  const sums = [1, 2, 3].map((image) => noise(`content ${image}`, bytes));
  const over = new AbortController();
  const read = async (index: number): Promise<number> => {
    let rounds = 0;
    for (; !over.signal.aborted; rounds++) {
      // Not by the page cache.
      const output = await runProgram("dd", [`if=${paths[index]}/content`, "bs=64k", "iflag=direct", "status=none"]);
      if (!Buffer.from(output.stdout, "latin1").equals(sums[index])) throw new Error(`${index}: ${output.stderr}`);
    }
    return rounds;
  };
  const readers = [0, 1, 2].map(read);
  const random = new Random();
  for (let kills = 0; kills < 20; kills++) {
    const [server = 0] = mounts.processes("serve");
    // At some moment of its work: after as many reads of a file that is not cached. A request that three servers in a row
    // have not answered gets EIO, so every second one has answered all three mounts.
    for (let left = kills % 2 === 0 ? 3 : random.below(4); left > 0; left--)
      await runProgram("dd", [`if=${paths[left % 3]}/name`, "iflag=direct", "status=none"]);
    if (server > 0) await replaced(t, mounts, "", server);
  }
  over.abort();
  const rounds = await Promise.all(readers);
  t.log(`rounds of the readers: ${rounds.join(", ")}`);
  t.true(rounds.every((count) => count > 0));
});

sharedTest("an image that cannot be opened is an error of its command alone", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store", 2);
  await mounts.mount(t, "store:v1", "good");
  const { stdout } = await mounts.puzzlefs("inspect", "--json", "store:v2");
  const { metadata: digest } = JSON.parse(stdout) as { metadata: string };
  const blob = mounts.path("store/blobs/sha256", digest);
  const bytes = readFileSync(blob);
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(blob, bytes);
  mkdirSync(mounts.path("bad"));
  const { code, stderr } = await mounts.puzzlefs("mount", "--driver=fuse", "--shared", "store:v2", "bad");
  t.is(code, 3, stderr);
  t.regex(stderr, new RegExp(`metadata blob sha256:${digest}`));
  t.is(readFileSync(mounts.path("good/name"), "utf8"), "image 1\n");
  t.is(mounts.processes("serve").length, 1);
});

sharedTest("a store that does not answer stops the mounts of no other", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "outer/store", 1, 9 << 20);
  await mounts.build(t, "other", 2);
  const built = await mounts.puzzlefs("build", "outer", "outer-store:v1");
  t.is(built.code, 0, built.stderr);
  await mounts.mount(t, "outer-store:v1", "below");
  await mounts.mount(t, "below/store:v1", "stuck");
  await mounts.mount(t, "other:v1", "m1");
  const [below = 0] = mounts.processes("serve", "outer-store/");
  const [server] = mounts.processes("serve", "below/");
  process.kill(below, "SIGSTOP");
  try {
    const reading = runProgram("cat", [mounts.path("stuck/content")]);
    t.true(await eventually(() => waitsForFuse(server)), "it waits for its store");
    t.is((await runProgram("dd", [`if=${mounts.path("m1/name")}`, "iflag=direct", "status=none"])).stdout, "image 1\n");
    await mounts.mount(t, "other:v2", "m2");
    t.is(readFileSync(mounts.path("m2/name"), "utf8"), "image 2\n");
    process.kill(below, "SIGCONT");
    t.true(Buffer.from((await reading).stdout, "latin1").equals(noise("content 1", 9 << 20)));
  } finally {
    process.kill(below, "SIGCONT");
  }
});

sharedTest(
  "a new version of the program has a new server; the old one keeps its mounts, also when it is killed",
  async (t) => {
    await using mounts = new Mounts();
    await mounts.build(t, "store");
    // Installed: one directory, which an upgrade replaces.
    const installed = mounts.path("installed");
    const build = join(dirname(launcher), "../../../build");
    const install = (): void => {
      rmSync(installed, { recursive: true, force: true });
      mkdirSync(installed);
      for (const name of ["lib", "node_modules", "compile-cache", "package.json"]) {
        if (existsSync(join(build, name))) cpSync(join(build, name), join(installed, name), { recursive: true });
      }
      execFileSync("ln", ["-s", join(build, "node"), join(installed, "node")]);
      cpSync(launcher, join(installed, "puzzlefs"));
    };
    install();
    mounts.program = join(installed, "puzzlefs");
    await mounts.mount(t, "store:v1", "old");
    const [first = 0] = mounts.processes("serve");
    install();
    await mounts.mount(t, "store:v1", "new");
    t.is(mounts.processes("share").length, 2);
    await replaced(t, mounts, "", first);
    t.is(
      (await runProgram("dd", [`if=${mounts.path("old/name")}`, "iflag=direct", "status=none"])).stdout,
      "image 1\n",
    );
    await mounts.umount(t, "old");
    t.true(await eventually(() => mounts.processes("share").length === 1));
    t.is(readFileSync(mounts.path("new/name"), "utf8"), "image 1\n");
  },
);

sharedTest(
  "SIGTERM of the supervisor unmounts all, also overlays; without a supervisor the server goes on",
  async (t) => {
    await using mounts = new Mounts();
    await mounts.build(t, "store");
    await mounts.mount(t, "store:v1", "a");
    await mounts.mount(t, "store:v1", "b", "-w");
    writeFileSync(mounts.path("b/name"), "changed\n");
    process.kill(mounts.processes("share")[0], "SIGTERM");
    t.true(await eventually(() => mounts.gone));
    t.deepEqual([readdirSync(mounts.path("a")), readdirSync(mounts.path("b"))], [[], []]);

    await mounts.mount(t, "store:v1", "a");
    process.kill(mounts.processes("share")[0], "SIGKILL");
    t.true(await eventually(() => mounts.processes("share").length === 0));
    t.is((await runProgram("dd", [`if=${mounts.path("a/name")}`, "iflag=direct", "status=none"])).stdout, "image 1\n");
    await mounts.mount(t, "store:v1", "c");
    t.is(mounts.processes("serve").length, 2);
    await mounts.umount(t, "a");
    await mounts.umount(t, "c");
    t.true(await eventually(() => mounts.gone));
  },
);

sharedTest("each log file has the messages of its own mount, and the deaths of the server", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store", 2);
  await mounts.mount(t, "store:v1", "a", "--log-file", "log-a");
  await mounts.mount(t, "store:v2", "b", "--log-file", "log-b", "--debug");
  await replaced(t, mounts, "", mounts.processes("serve")[0]);
  t.is(readFileSync(mounts.path("b/name"), "utf8"), "image 2\n");
  await mounts.umount(t, "a");
  t.true(await eventually(() => /info .*\/a unmounted/.test(readFileSync(mounts.path("log-a"), "utf8"))));
  const [a, b] = ["log-a", "log-b"].map((name) => readFileSync(mounts.path(name), "utf8"));
  t.regex(a, /error the process that serves the mount \(\d+\) died: SIGKILL; another takes over/);
  t.regex(b, /error the process that serves the mount \(\d+\) died: SIGKILL; another takes over/);
  t.regex(b, /debug .* LOOKUP inode 1/);
  t.notRegex(a, /LOOKUP|\/b/);
});

sharedTest("commands in another mount namespace, or with other limits, have another server", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store");
  for (const name of ["here", "there", "limited"]) mkdirSync(mounts.path(name));
  await mounts.mount(t, "store:v1", "here");
  const mount = `'${launcher}' mount --driver=fuse --shared store:v1`;
  t.is((await runProgram("bash", ["-c", `ulimit -n 500; ${mount} limited`], mounts.root)).code, 0);
  t.is(mounts.processes("share").length, 2);
  const script = `${mount} there && cat there/name && umount there`;
  const other = await runProgram("unshare", ["--mount", "sh", "-c", script], mounts.root);
  t.is(other.stdout, "image 1\n", other.stderr);
  // It is in none of the mounts of the first one.
  t.is(mounts.processes("share").length >= 2, true);
});

sharedTest("without a directory for the socket each mount has its own server", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store");
  mkdirSync(mounts.path("mnt"));
  const script = `mount -t tmpfs none /run; mkdir -m 0755 /run/puzzlefs
    '${launcher}' mount --driver=fuse --shared store:v1 mnt && cat mnt/name; umount mnt`;
  const { stdout, stderr } = await runProgram("unshare", ["--mount", "sh", "-c", script], mounts.root);
  t.is(stdout, "image 1\n", stderr);
  t.true(await eventually(() => mounts.gone));
});

sharedTest("the server reaches the store only, and has no rights but to read it", async (t) => {
  await using mounts = new Mounts();
  await mounts.build(t, "store");
  await mounts.mount(t, "store:v1", "a");
  await mounts.mount(t, "store:v1", "b");
  const [server = 0] = mounts.processes("serve");
  const [supervisor = 0] = mounts.processes("share");
  const blobs = readdirSync(mounts.path("store/blobs/sha256")).sort();
  t.deepEqual(readdirSync(`/proc/${server}/root`).sort(), blobs);
  t.deepEqual(readdirSync(`/proc/${server}/root/..`).sort(), blobs);
  t.false(existsSync(`/proc/${supervisor}/root/etc`));
  const status = readFileSync(`/proc/${server}/status`, "latin1");
  t.regex(status, /^CapEff:\t0000000000000002$/m);
  t.regex(status, /^NoNewPrivs:\t1$/m);
  for (const pid of [server, supervisor]) {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      if (!target.startsWith("/") || target === "/dev/fuse" || target === "/dev/null") continue;
      // The store, blobs in it, and the tree of the program.
      t.false(existsSync(`/proc/${pid}/fd/${descriptor}/etc`), target);
    }
  }
});
