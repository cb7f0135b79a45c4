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
import { mountTest, tidy, withImage } from "./mount-fixture.ts";
import { program, type Workplace } from "./program-fixture.ts";

/** Runs a shell command line in a workplace whose temporary directory is its own, which root does not use. */
async function shell(t: ExecutionContext, place: Workplace, line: string): Promise<string> {
  mkdirSync(place.path("tmp"), { recursive: true });
  const { code, stdout, stderr } = await place.shell(`export TMPDIR=$PWD/tmp\n${line}`);
  t.is(code, 0, `${line}\n${stdout}${stderr}`);
  return stdout;
}

/** No mount, no process, no temporary directory. */
async function nothingLeft(t: ExecutionContext, place: Workplace): Promise<void> {
  t.notRegex(readFileSync("/proc/self/mountinfo", "utf8"), new RegExp(place.directory));
  t.deepEqual(readdirSync(place.path("tmp")), []);
  t.true(await eventually(() => running(`puzzlefs mount ${place.directory}`).length === 0));
}

mountTest("-w: changes can be made, and vanish with the mount; umount(8) ends all of it", async (t) => {
  using place = await withImage(t);
  try {
    const script = `puzzlefs mount -w store:v1 mnt && echo more >> mnt/file && echo new > mnt/new && cat mnt/file mnt/new`;
    t.is(await shell(t, place, script), "content\nmore\nnew\n");
    t.deepEqual(readdirSync(place.path("tmp")), [], "only the overlay is visible");
    await shell(t, place, "umount mnt");
    await nothingLeft(t, place);
    const again = "puzzlefs mount --writable store:v1 mnt && ls mnt && cat mnt/file && puzzlefs umount mnt";
    t.is(await shell(t, place, again), "file\ncontent\n");
    await nothingLeft(t, place);
  } finally {
    tidy(place);
  }
});

mountTest(
  "--persist keeps what was written and removed, under any name, and begins like the image's root",
  async (t) => {
    using place = await withImage(t);
    try {
      chmodSync(place.path("root"), 0o711);
      writeFileSync(place.path("root/gone"), "");
      await shell(t, place, "puzzlefs build root store:v2");
      for (const upper of ["up", "a,b:c\\\\d e"]) {
        await shell(
          t,
          place,
          `puzzlefs mount --persist '${upper}' store v2 mnt && echo kept > mnt/kept && rm mnt/gone`,
        );
        t.is(statSync(place.path("mnt")).mode & 0o7777, 0o711);
        const again = `umount mnt && puzzlefs mount -p '${upper}' store:v2 mnt && ls mnt && cat mnt/kept && umount mnt`;
        t.is(await shell(t, place, again), "file\nkept\nkept\n");
        t.true(existsSync(place.path(`${upper}.work`)));
      }
      await nothingLeft(t, place);
    } finally {
      tidy(place);
    }
  },
);

mountTest(
  "the daemon below an overlay is killed: what was written can be read, the rest cannot, and umount works",
  async (t) => {
    using place = await withImage(t);
    try {
      await shell(t, place, "puzzlefs mount -w store:v1 mnt && echo new > mnt/new");
      await shell(t, place, `pkill -KILL -f "^puzzlefs mount $PWD" && cat mnt/new && ! cat mnt/file`);
      await shell(t, place, "puzzlefs umount mnt");
      await nothingLeft(t, place);
    } finally {
      tidy(place);
    }
  },
);

mountTest("-f with an overlay stays until unmounted, or until a signal takes it away", async (t) => {
  using place = await withImage(t);
  const start = "mkfifo fifo; puzzlefs mount -f -i fifo -w store:v1 mnt & [ $(head -c 1 fifo) = s ] && cat mnt/file &&";
  try {
    t.is(await shell(t, place, `${start} umount mnt && wait $!`), "content\n");
    t.is(await shell(t, place, `rm fifo; ${start} pkill -TERM -P $! && wait $!`), "content\n");
    await nothingLeft(t, place);
  } finally {
    tidy(place);
  }
});

mountTest("Ctrl-C ends it as well: one signal, though it goes to the whole process group", async (t) => {
  using place = await withImage(t);
  mkdirSync(place.path("tmp"));
  try {
    const argv = [program, "mount", "-f", "-w", "store:v1", "mnt"];
    const env = { ...process.env, TMPDIR: place.path("tmp") };
    const child = spawn(process.execPath, argv, { cwd: place.directory, env, stdio: "ignore", detached: true });
    const ended = new Promise((settle) => child.once("exit", settle));
    t.true(await eventually(() => existsSync(place.path("mnt/file"))));
    process.kill(-(child.pid ?? 0), "SIGINT");
    t.is(await ended, 0);
    await nothingLeft(t, place);
  } finally {
    tidy(place);
  }
});

mountTest("in a user namespace root may have an overlay as well", async (t) => {
  using place = await withImage(t);
  if (spawnSync("unshare", ["-rm", "true"]).status !== 0) return t.log("skipped: no user namespaces here");
  const script = `unshare -rm bash -c "$(declare -f puzzlefs); puzzlefs mount -p up store:v1 mnt && rm mnt/file && echo x > mnt/x && ls mnt && umount mnt"`;
  t.is(await shell(t, place, script), "x\n");
  await nothingLeft(t, place);
});

mountTest("what is mounted for the moment is below /run, whatever TMPDIR is, and gone afterwards", async (t) => {
  using place = await withImage(t);
  const script = `unshare -m bash -c "$(declare -f puzzlefs); mount -t tmpfs none /run && TMPDIR=/nonexistent puzzlefs mount -w store:v1 mnt && ls /run mnt && umount mnt"`;
  t.is(await shell(t, place, script), "/run:\n\nmnt:\nfile\n");
  await nothingLeft(t, place);
});

/** Empty, of root's alone: nothing about it may change. */
function precious(place: Workplace): () => [number, number, string[]] {
  mkdirSync(place.path("precious"), 0o700);
  return () => {
    const { uid, mode } = statSync(place.path("precious"));
    return [uid, mode & 0o7777, readdirSync(place.path("precious"))];
  };
}

const nobody = 65534;

for (const [what, link, upper] of [
  ["a link as UPPER", "mal/changes", "mal/changes"],
  ["a link as UPPER, with a slash at its end", "mal/changes", "mal/changes/"],
  ["a link as UPPER, with a dot after it", "mal/changes", "mal/changes/."],
  ["a link on the way to UPPER", "mal/way", "mal/way/changes"],
  ["a link as the work directory", "mal/changes.work", "mal/changes"],
] as const) {
  mountTest(`--persist by root refuses another user's link: ${what}`, async (t) => {
    using place = await withImage(t);
    try {
      const state = precious(place);
      const before = state();
      chmodSync(place.directory, 0o755);
      chmodSync(place.path("root"), 0o777);
      await shell(t, place, "puzzlefs build root store:v2; mkdir mal; chown 65534 mal");
      symlinkSync(place.path("precious"), place.path(link));
      lchownSync(place.path(link), nobody, nobody);
      const { code, stderr } = await place.shell(`puzzlefs mount --persist ${upper} store:v2 mnt`);
      t.is(code, 1);
      t.regex(
        stderr,
        /no use as an upper directory: .*(symbolic link of another user's|changes.work is not a directory)/,
      );
      t.deepEqual(state(), before);
      await nothingLeft(t, place);
    } finally {
      tidy(place);
    }
  });
}

mountTest("--persist: an empty upper directory of another user's keeps its owner and mode", async (t) => {
  using place = await withImage(t);
  try {
    await shell(t, place, "mkdir -m 750 up && chown 65534 up && puzzlefs mount -p up store:v1 mnt && echo x > mnt/x");
    const { uid, mode } = statSync(place.path("up"));
    t.deepEqual([uid, mode & 0o7777], [nobody, 0o750]);
    await shell(t, place, "umount mnt");
    await shell(t, place, "chown 65534 up.work");
    const { code, stderr } = await place.shell(`puzzlefs mount -p up store:v1 mnt`);
    t.is(code, 1);
    t.regex(stderr, /up.work, its work directory, is another user's/);
    await nothingLeft(t, place);
  } finally {
    tidy(place);
  }
});

mountTest("--persist by a link of root's own is followed", async (t) => {
  using place = await withImage(t);
  try {
    await shell(t, place, "mkdir changes && ln -s changes up && puzzlefs mount -p up store:v1 mnt && echo x > mnt/x");
    t.deepEqual(readdirSync(place.path("changes")), ["x"]);
    await shell(t, place, "umount mnt");
  } finally {
    tidy(place);
  }
});

const marks: Record<string, string> = {
  "a whiteout": "mknod root/sub/mark c 0 0",
  "an opaque directory": "mkdir root/sub/mark && setfattr -n trusted.overlay.opaque -v y root/sub/mark",
  "a redirected file": "touch root/sub/mark && setfattr -n trusted.overlay.redirect -v /file root/sub/mark",
  "data elsewhere": "touch root/sub/mark && setfattr -n trusted.overlay.metacopy root/sub/mark",
};

for (const [what, make] of Object.entries(marks)) {
  mountTest(`an image with ${what} is not mounted under an overlay, unless one insists`, async (t) => {
    using place = await withImage(t);
    try {
      await shell(t, place, `mkdir root/sub && ${make} && puzzlefs build root store:v2`);
      for (const options of ["-w", "-p up", "--driver fuse -w"]) {
        const { code, stderr } = await place.shell(`puzzlefs mount ${options} store:v2 mnt`);
        t.is(code, 1, options);
        t.regex(
          stderr,
          /marks of overlayfs: 1, the first \/sub\/mark: (character device 0:0|trusted.overlay.\w+)/,
          options,
        );
        await nothingLeft(t, place);
      }
      await shell(t, place, "puzzlefs mount -o overlay_attributes -w store:v2 mnt && umount mnt");
      await shell(t, place, "puzzlefs mount store:v2 mnt && stat mnt/sub/mark && umount mnt");
      await nothingLeft(t, place);
    } finally {
      tidy(place);
    }
  });
}

mountTest("in a user namespace the marks are user.overlay.*, elsewhere these are attributes like others", async (t) => {
  using place = await withImage(t);
  if (spawnSync("unshare", ["-rm", "true"]).status !== 0) return t.log("skipped: no user namespaces here");
  await shell(t, place, "setfattr -n user.overlay.opaque -v y root && puzzlefs build root store:v2");
  const script = `puzzlefs mount -w store:v2 mnt && umount mnt`;
  await shell(t, place, script);
  const { code, stderr } = await place.shell(`unshare -rm bash -c "$(declare -f puzzlefs); ${script}"`);
  t.is(code, 1);
  t.regex(stderr, /\/: user\.overlay\.opaque/);
  await nothingLeft(t, place);
});

mountTest("an upper directory that is none leaves nothing behind", async (t) => {
  using place = await withImage(t);
  mkdirSync(place.path("tmp"));
  writeFileSync(place.path("plain"), "");
  for (const [upper, message] of [
    ["plain", /plain: no use as an upper directory: .*not a directory/],
    ["mnt/below", /no use as an upper directory|no overlay with/],
    ["/proc/1/upper", /no use as an upper directory: .*no such file or directory/],
  ] as const) {
    const outcome = await place.shell(`export TMPDIR=$PWD/tmp; puzzlefs mount -p ${upper} store:v1 mnt`);
    if (upper === "mnt/below") {
      tidy(place);
      continue;
    }
    t.is(outcome.code, 1, upper);
    t.regex(outcome.stderr, message);
    await nothingLeft(t, place);
  }
});
