import { readFileSync } from "node:fs";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";

mountTest("mount returns once the mount is usable, umount removes it", async (t) => {
  using directory = await withImage(t);
  try {
    const mounted = await directory.run("mount", "--verify", "blob", "-o", "nosuid,nodev", "store:v1", "mnt");
    t.deepEqual(mounted, { code: 0, stdout: "", stderr: "" });
    t.is(readFileSync(directory.path("mnt/file"), "utf8"), "content\n");
    t.is((await directory.run("dump", "--directory", "mnt")).stdout, (await directory.run("dump", "store:v1")).stdout);
    t.deepEqual(await directory.run("umount", "mnt"), { code: 0, stdout: "", stderr: "" });
    t.throws(() => readFileSync(directory.path("mnt/file")), { code: "ENOENT" });
    t.regex((await directory.run("umount", "mnt")).stderr, /^puzzlefs: mnt: not mounted$/m);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("mount -f -i writes 's' once mounted and ends when unmounted", async (t) => {
  using directory = await withImage(t);
  try {
    const { code, stdout, stderr } = await directory.shell(
      "mkfifo fifo; puzzlefs mount -f -i fifo store v1 mnt & head -c 1 fifo; cat mnt/file; puzzlefs umount mnt; wait $!",
    );
    t.deepEqual([code, stdout], [0, "scontent\n"], stderr);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("mount -f -i writes 'f' and fails with the reason", async (t) => {
  using directory = await withImage(t);
  const { code, stdout, stderr } = await directory.shell(
    "mkfifo fifo; puzzlefs mount -f -i fifo store:v9 mnt & head -c 1 fifo; wait $!",
  );
  t.deepEqual([code, stdout], [1, "f"]);
  t.regex(stderr, /^puzzlefs: .*no tag "v9"/m);
});

mountTest("an init pipe that cannot be written to is an error before anything is mounted", async (t) => {
  using directory = await withImage(t);
  const commandLine = (line: string): string => `${line}; puzzlefs mount -i fifo store:v1 mnt && puzzlefs umount mnt`;
  for (const [line, message] of [
    ["true", /^puzzlefs: init pipe .*\/fifo: no such fifo$/m],
    ["touch fifo", /fifo: not a fifo$/m],
    ["mkdir -p fifo", /fifo: not a fifo$/m],
    ["ln -s nowhere fifo", /fifo: no such fifo$/m],
  ] as const) {
    const { code, stdout, stderr } = await directory.shell(commandLine(line));
    t.deepEqual([code, stdout], [1, ""], line);
    t.regex(stderr, message);
    await directory.shell("rm -rf fifo");
  }
});

mountTest("a reader that opens the init pipe before the mount sees no end of file before the outcome", async (t) => {
  using directory = await withImage(t);
  try {
    const { code, stdout, stderr } = await directory.shell(
      "mkfifo fifo; cat fifo & puzzlefs mount -i fifo store:v1 mnt; wait $!; puzzlefs umount mnt",
    );
    t.deepEqual([code, stdout], [0, "s"], stderr);
  } finally {
    unmountLeftover(directory);
  }
});

mountTest("an error of the FUSE server is reported with its exit code", async (t) => {
  using directory = await withImage(t);
  const cases: [argv: string[], code: number, message: RegExp][] = [
    [["store:v9", "mnt"], 1, /^puzzlefs: .*no tag "v9"/],
    [["-o", "frobnicate", "store:v1", "mnt"], 2, /^puzzlefs: unknown mount option "frobnicate"/],
    [["-d", "0".repeat(64), "store:v1", "mnt"], 3, /^puzzlefs: manifest sha256:[0-9a-f]{64} .*fs-verity/],
    [["-o", `verity=${"0".repeat(64)}`, "store:v1", "mnt"], 3, /^puzzlefs: manifest/],
  ];
  for (const [argv, code, message] of cases) {
    const outcome = await directory.run("mount", ...argv);
    t.is(outcome.code, code, outcome.stderr);
    t.regex(outcome.stderr, message);
  }
});

mountTest("--log-file receives the FUSE server's messages, with --debug every request", async (t) => {
  using directory = await withImage(t);
  try {
    await directory.run("mount", "--debug", "--log-file", "log", "store:v1", "mnt");
    readFileSync(directory.path("mnt/file"));
    await directory.run("umount", "mnt");
    t.regex(readFileSync(directory.path("log"), "utf8"), /debug .*LOOKUP/);
  } finally {
    unmountLeftover(directory);
  }
});
