import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { eventually, running } from "@puzzlefs/testing";
import type { ExecutionContext } from "ava";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import { program, type TestDirectory } from "./program-fixture.ts";

/** Runs a shell command line in a test directory whose temporary directory is its own, which root does not use. */
async function shell(t: ExecutionContext, directory: TestDirectory, line: string): Promise<string> {
  mkdirSync(directory.path("tmp"), { recursive: true });
  const { code, stdout, stderr } = await directory.shell(`export TMPDIR=$PWD/tmp\n${line}`);
  t.is(code, 0, `${line}\n${stdout}${stderr}`);
  return stdout;
}

/** No mount, no process, no temporary directory. */
async function nothingLeft(t: ExecutionContext, directory: TestDirectory): Promise<void> {
  t.notRegex(readFileSync("/proc/self/mountinfo", "utf8"), new RegExp(directory.root));
  t.deepEqual(readdirSync(directory.path("tmp")), []);
  t.true(await eventually(() => running(`puzzlefs mount ${directory.root}`).length === 0));
}

mountTest("-w: changes can be made, and are dropped with the mount; umount(8) unmounts all of it", async (t) => {
  using directory = await withImage(t);
  try {
    const script = `puzzlefs mount -w store:v1 mnt && echo more >> mnt/file && echo new > mnt/new && cat mnt/file mnt/new`;
    t.is(await shell(t, directory, script), "content\nmore\nnew\n");
    t.deepEqual(readdirSync(directory.path("tmp")), [], "only the overlay is visible");
    await shell(t, directory, "umount mnt");
    await nothingLeft(t, directory);
    const again = "puzzlefs mount --writable store:v1 mnt && ls mnt && cat mnt/file && puzzlefs umount mnt";
    t.is(await shell(t, directory, again), "file\ncontent\n");
    await nothingLeft(t, directory);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest(
  "--persist keeps what was written and removed, under any name, and begins like the image's root",
  async (t) => {
    using directory = await withImage(t);
    try {
      chmodSync(directory.path("root"), 0o711);
      writeFileSync(directory.path("root/gone"), "");
      await shell(t, directory, "puzzlefs build root store:v2");
      for (const upper of ["up", "a,b:c\\\\d e"]) {
        await shell(
          t,
          directory,
          `puzzlefs mount --persist '${upper}' store v2 mnt && echo kept > mnt/kept && rm mnt/gone`,
        );
        t.is(statSync(directory.path("mnt")).mode & 0o7777, 0o711);
        const again = `umount mnt && puzzlefs mount -p '${upper}' store:v2 mnt && ls mnt && cat mnt/kept && umount mnt`;
        t.is(await shell(t, directory, again), "file\nkept\nkept\n");
        t.true(existsSync(directory.path(`${upper}.work`)));
      }
      await nothingLeft(t, directory);
    } finally {
      unmountLeftover(directory);
    }
  },
);

mountTest(
  "the daemon below an overlay is killed: what was written can be read, the rest cannot, and umount works",
  async (t) => {
    using directory = await withImage(t);
    try {
      await shell(t, directory, "puzzlefs mount -w store:v1 mnt && echo new > mnt/new");
      await shell(t, directory, `pkill -KILL -f "^puzzlefs mount $PWD" && cat mnt/new && ! cat mnt/file`);
      await shell(t, directory, "puzzlefs umount mnt");
      await nothingLeft(t, directory);
    } finally {
      unmountLeftover(directory);
    }
  },
);

mountTest("-f with an overlay stays until it is unmounted by a command or a signal", async (t) => {
  using directory = await withImage(t);
  const start = "mkfifo fifo; puzzlefs mount -f -i fifo -w store:v1 mnt & [ $(head -c 1 fifo) = s ] && cat mnt/file &&";
  try {
    t.is(await shell(t, directory, `${start} umount mnt && wait $!`), "content\n");
    t.is(await shell(t, directory, `rm fifo; ${start} pkill -TERM -P $! && wait $!`), "content\n");
    await nothingLeft(t, directory);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("Ctrl-C unmounts, although its signal goes to the whole process group", async (t) => {
  using directory = await withImage(t);
  mkdirSync(directory.path("tmp"));
  try {
    const argv = [program, "mount", "-f", "-w", "store:v1", "mnt"];
    const env = { ...process.env, TMPDIR: directory.path("tmp") };
    const child = spawn(process.execPath, argv, { cwd: directory.root, env, stdio: "ignore", detached: true });
    const ended = new Promise((settle) => child.once("exit", settle));
    t.true(await eventually(() => existsSync(directory.path("mnt/file"))));
    process.kill(-(child.pid as number), "SIGINT");
    t.is(await ended, 0);
    await nothingLeft(t, directory);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("root of a user namespace can have a writable mount", async (t) => {
  using directory = await withImage(t);
  if (spawnSync("unshare", ["-rm", "true"]).status !== 0) return t.log("skipped: no user namespaces here");
  const script = `unshare -rm bash -c "$(declare -f puzzlefs); puzzlefs mount -p up store:v1 mnt && rm mnt/file && echo x > mnt/x && ls mnt && umount mnt"`;
  t.is(await shell(t, directory, script), "x\n");
  await nothingLeft(t, directory);
});

mountTest("temporary mounts are below /run, whatever TMPDIR is, and are removed", async (t) => {
  using directory = await withImage(t);
  const script = `unshare -m bash -c "$(declare -f puzzlefs); mount -t tmpfs none /run && TMPDIR=/nonexistent puzzlefs mount -w store:v1 mnt && ls /run mnt && umount mnt"`;
  t.is(await shell(t, directory, script), "/run:\n\nmnt:\nfile\n");
  await nothingLeft(t, directory);
});

/** Empty, of root's alone: nothing about it may change. */
function precious(directory: TestDirectory): () => [number, number, string[]] {
  mkdirSync(directory.path("precious"), 0o700);
  return () => {
    const { uid, mode } = statSync(directory.path("precious"));
    return [uid, mode & 0o7777, readdirSync(directory.path("precious"))];
  };
}

const otherUser = 65534;

for (const [what, link, upper] of [
  ["a link as UPPER", "mal/changes", "mal/changes"],
  ["a link as UPPER, with a slash at its end", "mal/changes", "mal/changes/"],
  ["a link as UPPER, with a dot after it", "mal/changes", "mal/changes/."],
  ["a link on the way to UPPER", "mal/way", "mal/way/changes"],
  ["a link as the work directory", "mal/changes.work", "mal/changes"],
] as const) {
  mountTest(`--persist by root refuses another user's link: ${what}`, async (t) => {
    using directory = await withImage(t);
    try {
      const state = precious(directory);
      const before = state();
      chmodSync(directory.root, 0o755);
      chmodSync(directory.path("root"), 0o777);
      await shell(t, directory, "puzzlefs build root store:v2; mkdir mal; chown 65534 mal");
      symlinkSync(directory.path("precious"), directory.path(link));
      lchownSync(directory.path(link), otherUser, otherUser);
      const { code, stderr } = await directory.shell(`puzzlefs mount --persist ${upper} store:v2 mnt`);
      t.is(code, 1);
      t.regex(
        stderr,
        /cannot be an upper directory: .*(symbolic link of another user's|changes.work is not a directory)/,
      );
      t.deepEqual(state(), before);
      await nothingLeft(t, directory);
    } finally {
      unmountLeftover(directory);
    }
  });
}

mountTest("--persist: an empty upper directory of another user's keeps its owner and mode", async (t) => {
  using directory = await withImage(t);
  try {
    await shell(
      t,
      directory,
      "mkdir -m 750 up && chown 65534 up && puzzlefs mount -p up store:v1 mnt && echo x > mnt/x",
    );
    const { uid, mode } = statSync(directory.path("up"));
    t.deepEqual([uid, mode & 0o7777], [otherUser, 0o750]);
    await shell(t, directory, "umount mnt");
    await shell(t, directory, "chown 65534 up.work");
    const { code, stderr } = await directory.shell(`puzzlefs mount -p up store:v1 mnt`);
    t.is(code, 1);
    t.regex(stderr, /up.work, its work directory, is another user's/);
    await nothingLeft(t, directory);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("a symbolic link that root made is followed to the upper directory", async (t) => {
  using directory = await withImage(t);
  try {
    await shell(
      t,
      directory,
      "mkdir changes && ln -s changes up && puzzlefs mount -p up store:v1 mnt && echo x > mnt/x",
    );
    t.deepEqual(readdirSync(directory.path("changes")), ["x"]);
    await shell(t, directory, "umount mnt");
  } finally {
    unmountLeftover(directory);
  }
});

const marks: Record<string, string> = {
  "a whiteout": "mknod root/sub/mark c 0 0",
  "an opaque directory": "mkdir root/sub/mark && setfattr -n trusted.overlay.opaque -v y root/sub/mark",
  "a redirected file": "touch root/sub/mark && setfattr -n trusted.overlay.redirect -v /file root/sub/mark",
  "data elsewhere": "touch root/sub/mark && setfattr -n trusted.overlay.metacopy root/sub/mark",
};

for (const [what, make] of Object.entries(marks)) {
  mountTest(`an image with ${what} is mounted under an overlay only with -o overlay_attributes`, async (t) => {
    using directory = await withImage(t);
    try {
      await shell(t, directory, `mkdir root/sub && ${make} && puzzlefs build root store:v2`);
      for (const options of ["-w", "-p up", "--driver fuse -w"]) {
        const { code, stderr } = await directory.shell(`puzzlefs mount ${options} store:v2 mnt`);
        t.is(code, 1, options);
        t.regex(
          stderr,
          /marks of overlayfs: 1, the first \/sub\/mark: (character device 0:0|trusted.overlay.\w+)/,
          options,
        );
        await nothingLeft(t, directory);
      }
      await shell(t, directory, "puzzlefs mount -o overlay_attributes -w store:v2 mnt && umount mnt");
      await shell(t, directory, "puzzlefs mount store:v2 mnt && stat mnt/sub/mark && umount mnt");
      await nothingLeft(t, directory);
    } finally {
      unmountLeftover(directory);
    }
  });
}

mountTest("user.overlay.* is refused in a user namespace only; elsewhere it is an ordinary attribute", async (t) => {
  using directory = await withImage(t);
  if (spawnSync("unshare", ["-rm", "true"]).status !== 0) return t.log("skipped: no user namespaces here");
  await shell(t, directory, "setfattr -n user.overlay.opaque -v y root && puzzlefs build root store:v2");
  const script = `puzzlefs mount -w store:v2 mnt && umount mnt`;
  await shell(t, directory, script);
  const { code, stderr } = await directory.shell(`unshare -rm bash -c "$(declare -f puzzlefs); ${script}"`);
  t.is(code, 1);
  t.regex(stderr, /\/: user\.overlay\.opaque/);
  await nothingLeft(t, directory);
});

mountTest("an upper directory that is refused leaves no files", async (t) => {
  using directory = await withImage(t);
  mkdirSync(directory.path("tmp"));
  writeFileSync(directory.path("plain"), "");
  for (const [upper, message] of [
    ["plain", /plain: cannot be an upper directory: .*not a directory/],
    ["mnt/below", /cannot be an upper directory|no overlay with/],
    ["/proc/1/upper", /cannot be an upper directory: .*no such file or directory/],
  ] as const) {
    const outcome = await directory.shell(`export TMPDIR=$PWD/tmp; puzzlefs mount -p ${upper} store:v1 mnt`);
    if (upper === "mnt/below") {
      unmountLeftover(directory);
      continue;
    }
    t.is(outcome.code, 1, upper);
    t.regex(outcome.stderr, message);
    await nothingLeft(t, directory);
  }
});
