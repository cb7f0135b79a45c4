/** The life of a mount: start, errors, signals, death, unmounting. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  close,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { eventually } from "@puzzlefs/testing";
import test from "ava";
import { ServerProcess } from "../../packages/fuse/src/daemon/server-process.ts";
import { findMount, listMounts, unmount } from "../../packages/fuse/src/index.ts";
import { alive, MEMORY_MOUNT, mountObstacle, run, Scratch } from "./mount-fixture.ts";

const obstacle = mountObstacle();
const mounting = obstacle === undefined ? test : test.skip;

test("obstacles to the tests that mount", (t) => {
  if (obstacle !== undefined) t.log(`skipped: ${obstacle}`);
  t.pass();
});

test("a daemon that dies before it mounts is reported with how it died", async (t) => {
  const opened = (program: string): Promise<void> =>
    new ServerProcess({ node: process.execPath, argv: ["--eval", program], descriptors: new Map() }).opened;
  await t.throwsAsync(opened("process.exit(7)"), { message: /died before .*exit code 7/ });
  await t.throwsAsync(opened("process.kill(process.pid, 'SIGKILL')"), { message: /SIGKILL/ });
});

mounting("the mount shows as fuse.puzzlefs with its source, and serves at once", async (t) => {
  await using scratch = new Scratch("white space\tand\nnewline\\");
  await scratch.mount({ tree: "files", count: 3 }, { fsname: "layout dir:v1" });
  t.is(readFileSync(scratch.path("d0/file-2"), "latin1"), "content");
  const entry = findMount(scratch.mountpoint);
  t.is(entry?.type, "fuse.puzzlefs");
  t.is(entry?.source, "layout dir:v1");
  t.regex(entry?.options ?? "", /^ro,nosuid,nodev,relatime$/);
  t.regex(entry?.superOptions ?? "", /default_permissions,allow_other/);
  await scratch.unmount();
  t.false(scratch.mounted);
});

mounting(
  "the daemon has a session of its own, lets go of directory and terminal, and ends with the mount",
  async (t) => {
    await using scratch = new Scratch();
    const pid = await scratch.mount({ tree: "files", count: 1 });
    const [, session] = /\) \S+ \d+ \d+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
    t.is(Number(session), pid);
    t.is(readlinkSync(`/proc/${pid}/cwd`), "/");
    for (const descriptor of [0, 1, 2]) t.is(readlinkSync(`/proc/${pid}/fd/${descriptor}`), "/dev/null");
    t.true(readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("puzzlefs mount memory"));
    await scratch.unmount();
    t.true(await eventually(() => !alive(pid)));
  },
);

mounting("the tree's own error comes back to the parent, and nothing is mounted", async (t) => {
  await using scratch = new Scratch();
  const outcome = await scratch.start({ tree: "refused" });
  t.is(outcome.code, 3);
  t.is(outcome.stderr, "demo:v1: dir-entry-name-slash: inode 7\n");
  t.false(scratch.mounted);
});

mounting("mistakes in the mount point and the options are named", async (t) => {
  await using scratch = new Scratch();
  const attempt = async (mountpoint: string, settings: object = {}): Promise<string> => {
    const argv = [MEMORY_MOUNT, mountpoint, '{"tree":"files","count":1}', JSON.stringify(settings)];
    const outcome = await run(process.execPath, ...argv);
    t.is(outcome.code, 1);
    return outcome.stderr;
  };
  t.regex(await attempt(join(scratch.directory, "absent")), /absent: no such directory/);
  writeFileSync(join(scratch.directory, "file"), "");
  t.regex(await attempt(join(scratch.directory, "file")), /file: not a directory/);
  t.regex(await attempt(scratch.mountpoint, { options: ["colour=blue"] }), /unknown mount option "colour=blue"/);
  t.false(scratch.mounted);
});

mounting("a file that cannot be read is EIO with a line in the log; others are well", async (t) => {
  await using scratch = new Scratch();
  const logFile = join(scratch.directory, "log");
  await scratch.mount({ tree: "broken" }, { logFile });
  t.throws(() => readFileSync(scratch.path("broken")), { code: "EIO" });
  t.is(readFileSync(scratch.path("good"), "latin1"), "good");
  t.regex(readFileSync(logFile, "latin1"), /^\S+Z error READ of inode 2: blob missing$/m);
});

mounting("--debug logs requests with their outcome", async (t) => {
  await using scratch = new Scratch();
  const logFile = join(scratch.directory, "log");
  await scratch.mount({ tree: "broken" }, { logFile, debug: true });
  t.throws(() => statSync(scratch.path("absent")), { code: "ENOENT" });
  t.regex(readFileSync(logFile, "utf8"), /LOOKUP inode 1 pid \d+ "absent" → 128 bytes, \d+ µs/);
});

mounting("what the kernel has seen it does not ask for again", async (t) => {
  await using scratch = new Scratch();
  const logFile = join(scratch.directory, "log");
  await scratch.mount({ tree: "files", count: 2000 }, { logFile, debug: true });
  const look = (): void => {
    execFileSync("ls", ["-lR", scratch.mountpoint], { maxBuffer: 1e9 });
    t.is(readFileSync(scratch.path("d1/file-1234"), "latin1"), "content");
    t.throws(() => statSync(scratch.path("d1/absent")), { code: "ENOENT" });
  };
  look();
  const lookups = readFileSync(logFile, "utf8").match(/ LOOKUP /g) ?? [];
  t.true(lookups.length < 10, "listing brings the attributes along");
  const before = readFileSync(logFile, "utf8").length;
  look();
  t.is(readFileSync(logFile, "utf8").slice(before), "");
});

mounting("an overlay can lie on top", async (t) => {
  await using scratch = new Scratch();
  await scratch.mount({ tree: "files", count: 3 });
  for (const name of ["upper", "work", "merged"]) mkdirSync(join(scratch.directory, name));
  const overlay = (name: string): string => join(scratch.directory, name);
  const options = `lowerdir=${scratch.mountpoint},upperdir=${overlay("upper")},workdir=${overlay("work")}`;
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", options, overlay("merged")]);
  try {
    writeFileSync(overlay("merged/d0/file-1"), "changed");
    t.is(readFileSync(overlay("merged/d0/file-1"), "latin1"), "changed");
    t.is(readFileSync(overlay("merged/d0/file-0"), "latin1"), "content");
    t.is(readFileSync(scratch.path("d0/file-1"), "latin1"), "content");
  } finally {
    execFileSync("umount", [overlay("merged")]);
  }
});

mounting("inode numbers near 2^53 work", async (t) => {
  await using scratch = new Scratch();
  await scratch.mount({ tree: "high" });
  t.is(statSync(scratch.path("dir/file"), { bigint: true }).ino, 2n ** 53n - 1n);
  t.is(readFileSync(scratch.path("dir/file"), "latin1"), "high");
  t.is(execFileSync("ls", ["-i", scratch.path("dir")], { encoding: "latin1" }), "9007199254740991 file\n");
});

mounting("uid= and gid= set owners, nosuid and noexec hold", async (t) => {
  await using scratch = new Scratch();
  await scratch.mount({ tree: "files", count: 1 }, { options: ["uid=1234,gid=5678", "nosuid,nodev,noexec"] });
  const { uid, gid } = statSync(scratch.path("d0/file-0"));
  t.deepEqual([uid, gid], [1234, 5678]);
  t.regex(findMount(scratch.mountpoint)?.options ?? "", /nosuid,nodev,noexec/);
});

mounting("a busy mount is not unmounted, unless lazily; then open files work on", async (t) => {
  await using scratch = new Scratch();
  const pid = await scratch.mount({ tree: "big", bytes: 10_000_000 });
  const file = openSync(scratch.path("big"), "r");
  await t.throwsAsync(unmount(scratch.mountpoint), { code: "EBUSY", message: /busy/ });
  await unmount(scratch.mountpoint, { lazy: true });
  t.false(scratch.mounted);
  t.is(readSync(file, Buffer.alloc(100), 0, 100, 9_000_000), 100);
  t.true(alive(pid));
  closeSync(file);
  t.true(await eventually(() => !alive(pid)));
});

mounting("what is not mounted cannot be unmounted", async (t) => {
  await using scratch = new Scratch();
  await t.throwsAsync(unmount(scratch.mountpoint), { code: "EINVAL", message: /not mounted/ });
  await t.throwsAsync(unmount(join(scratch.directory, "absent")), { code: "ENOENT", message: /no such directory/ });
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  mounting(`${signal} unmounts and ends the daemon`, async (t) => {
    await using scratch = new Scratch();
    const pid = await scratch.mount({ tree: "files", count: 1 });
    process.kill(pid, signal);
    t.true(await eventually(() => !alive(pid)));
    t.false(scratch.mounted);
  });
}

mounting("a signal while a file is open: detached at once, gone after the second signal", async (t) => {
  await using scratch = new Scratch();
  const pid = await scratch.mount({ tree: "big", bytes: 1_000_000 });
  const file = openSync(scratch.path("big"), "r");
  process.kill(pid, "SIGTERM");
  t.true(await eventually(() => !scratch.mounted));
  t.is(readSync(file, Buffer.alloc(10), 0, 10, 0), 10);
  process.kill(pid, "SIGTERM");
  t.true(await eventually(() => !alive(pid)));
  // The connection is gone; close may fail or not.
  close(file, () => undefined);
});

mounting("a signal does not unmount what another process has mounted over it", async (t) => {
  await using scratch = new Scratch();
  const logFile = join(scratch.directory, "log");
  const pid = await scratch.mount({ tree: "files", count: 1 }, { logFile });
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", scratch.mountpoint]);
  writeFileSync(scratch.path("theirs"), "content");
  process.kill(pid, "SIGTERM");
  t.true(await eventually(() => /error .*not an image but tmpfs is mounted there/.test(readFileSync(logFile, "utf8"))));
  t.is(readFileSync(scratch.path("theirs"), "latin1"), "content");
  await t.throwsAsync(unmount(scratch.mountpoint), { code: "EINVAL", message: /not an image but tmpfs/ });
  execFileSync("umount", [scratch.mountpoint]);
  t.is(readFileSync(scratch.path("d0/file-0"), "latin1"), "content");
});

mounting("the daemon has none of its starter's descriptors, variables and capabilities", async (t) => {
  await using scratch = new Scratch();
  const argv = [process.execPath, MEMORY_MOUNT, scratch.mountpoint, '{"tree":"files","count":1}'];
  const script = 'exec 3< / 77< /proc 200> "$1"; shift; API_TOKEN=secret exec "$@"';
  const outcome = await run("bash", "-c", script, "bash", join(scratch.directory, "open"), ...argv);
  const pid = Number(outcome.stdout);
  const open = execFileSync("ls", ["-l", `/proc/${pid}/fd`], { encoding: "latin1" });
  const paths = [...open.matchAll(/ (\d+) -> (\/.*)$/gm)].filter(([, , path]) => path !== "/dev/null");
  for (const [, descriptor, path] of paths) {
    // Node may have its root directory open, in which there is nothing but the program.
    if (path === "/") t.false(existsSync(`/proc/${pid}/fd/${descriptor}/proc`), open);
    else t.is(path, "/dev/fuse", open);
  }
  t.false(readFileSync(`/proc/${pid}/environ`, "latin1").includes("secret"));
  const tasks = execFileSync("sh", ["-c", `cat /proc/${pid}/task/*/status`], { encoding: "latin1" });
  // CAP_DAC_OVERRIDE and CAP_SYS_CHROOT, which only a server with a store drops: this one has none.
  t.deepEqual(
    new Set(tasks.match(/^Cap(Eff|Prm):.*$/gm)),
    new Set(["CapPrm:\t0000000000040002", "CapEff:\t0000000000040002"]),
  );
  t.true(tasks.split("\n").filter((line) => line === "NoNewPrivs:\t1").length > 0);
});

mounting("a killed daemon leaves ENOTCONN; unmounting works, mounting over it is refused with advice", async (t) => {
  await using scratch = new Scratch();
  const pid = await scratch.mount({ tree: "files", count: 1 });
  process.kill(pid, "SIGKILL");
  t.true(await eventually(() => !alive(pid)));
  t.throws(() => statSync(scratch.path("d0")), { code: "ENOTCONN" });
  t.regex((await scratch.start({ tree: "files", count: 1 })).stderr, /a dead mount is in the way/);
  await scratch.unmount();
  t.false(scratch.mounted);
});

mounting("auto_unmount: nothing is left of a killed daemon's mount", async (t) => {
  if (spawnSync("fusermount3", ["--version"]).status !== 0) return t.log("skipped: fusermount3 is not installed");
  await using scratch = new Scratch();
  const pid = await scratch.mount({ tree: "files", count: 1 }, { options: ["auto_unmount"] });
  t.is(readFileSync(scratch.path("d0/file-0"), "latin1"), "content");
  process.kill(pid, "SIGKILL");
  t.true(await eventually(() => !scratch.mounted));
});

mounting("the init pipe gets s, or f", async (t) => {
  await using scratch = new Scratch();
  const initPipe = join(scratch.directory, "fifo");
  execFileSync("mkfifo", [initPipe]);
  for (const [tree, expected] of [
    ["files", "s"],
    ["refused", "f"],
  ]) {
    const argv = [MEMORY_MOUNT, "--foreground", scratch.mountpoint, JSON.stringify({ tree, count: 1 })];
    const daemon = spawn(process.execPath, [...argv, JSON.stringify({ initPipe })], { stdio: "ignore" });
    const ended = new Promise((settle) => daemon.once("exit", settle));
    t.is((await run("cat", initPipe)).stdout, expected);
    daemon.kill();
    await ended;
  }
});

mounting("mounts can be stacked, and cycles leave nothing behind", async (t) => {
  await using scratch = new Scratch();
  mkdirSync(join(scratch.directory, "other"));
  for (let cycle = 0; cycle < 5; cycle++) {
    await scratch.mount({ tree: "files", count: 1 });
    await scratch.mount({ tree: "broken" });
    t.is(readFileSync(scratch.path("good"), "latin1"), "good");
    await scratch.unmount();
    t.is(readFileSync(scratch.path("d0/file-0"), "latin1"), "content");
    await scratch.unmount();
  }
  t.false(listMounts().some(({ mountpoint }) => mountpoint.startsWith(scratch.directory)));
});

mounting("many readers at once get the right bytes", async (t) => {
  await using scratch = new Scratch();
  const bytes = 30_000_000;
  await scratch.mount({ tree: "big", bytes });
  const expected = (await run("sh", "-c", `yes puzzle | tr -d '\\n' | head -c ${bytes} | sha256sum`)).stdout;
  const readers = Array.from({ length: 16 }, (_, index) =>
    run("sh", "-c", `${index % 2 ? "echo 1 > /proc/sys/vm/drop_caches;" : ""} sha256sum < ${scratch.path("big")}`),
  );
  for (const { stdout } of await Promise.all(readers)) t.is(stdout, expected);
});
