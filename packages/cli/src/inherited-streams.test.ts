/** Standard input, output and error belong to others too: no command changes the flags of their open files. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { eventually, noise } from "@puzzlefs/testing";
import test, { type ExecutionContext } from "ava";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import { isBuilt, launcher, runProgram, TestDirectory } from "./program-fixture.ts";
import { type Kind, runOn, Stream } from "./streams-fixture.ts";

const serial = isBuilt ? test.serial : test.serial.skip;
const mountSerial = isBuilt ? mountTest : test.serial.skip;
const traced = isBuilt && existsSync("/usr/bin/strace") ? test.serial : test.serial.skip;

/** Those that need no mount; each line is an example of a way to start, to end, or to write. */
const COMMANDS = [
  "--version",
  "build --help",
  "nonsense",
  "ls --nonsense",
  "build --jobs 4 -c root other:v",
  "tags store",
  "inspect store:v1",
  "ls -l store:v1",
  "stat store:v1 /file",
  "cat store:v1 /file",
  "dump store:v1",
  "verify store",
  "verify nowhere",
  "extract store:v1 out",
  "enable-fs-verity store:v1 00",
  "canonicalize store:v1 store:v2",
  "commit store:v1 root store:v3",
  "umount /",
];

const all = (commands: readonly string[], between: string): string =>
  commands.map((command) => `'${launcher}' ${command} ${between}`).join(" ");

/** Standard input, output and error: each kind of open file, and each flag, comes in each directory. */
const PLACES: readonly (readonly [Spec, Spec, Spec])[] = [
  ["blocking pipe", "blocking socket", "blocking terminal"],
  ["non-blocking terminal", "non-blocking pipe", "non-blocking socket"],
  ["non-blocking socket", "blocking terminal", "blocking pipe"],
  ["blocking file", "non-blocking file", "non-blocking terminal"],
];
type Spec = `${"blocking" | "non-blocking"} ${Kind}`;

/** Calls `use` with these streams, and checks that their flags are at any moment those that they had before. */
async function flagsStay(
  t: ExecutionContext,
  specs: readonly [Spec, Spec, Spec],
  directory: TestDirectory,
  use: (streams: readonly [Stream, Stream, Stream]) => Promise<void>,
): Promise<void> {
  const make = (spec: Spec, index: number): Stream => {
    const [flag, kind] = spec.split(" ") as [string, Kind];
    const stream = new Stream(kind, directory.path(`stream${index}`));
    if (flag === "non-blocking") stream.makeNonBlocking();
    return stream;
  };
  const streams = [make(specs[0], 0), make(specs[1], 1), make(specs[2], 2)] as const;
  const before = streams.map(({ flags }) => flags).join();
  const seen = new Set<string>();
  const look = (): void => {
    seen.add(streams.map(({ flags }) => flags).join());
    for (const stream of streams) stream.receive();
  };
  const timer = setInterval(look, 1);
  await use(streams);
  clearInterval(timer);
  look();
  t.deepEqual([...seen], [before]);
  for (const stream of streams) stream.close();
}

for (const specs of PLACES) {
  serial(`whatever command has them, they stay: ${specs.join(", ")}`, async (t) => {
    using directory = await withImage(t);
    await flagsStay(t, specs, directory, async (streams) => {
      await runOn(streams, `${all(COMMANDS, "&")} wait`, directory.root).ended;
      if (specs[2].endsWith("file")) return;
      streams[2].receive();
      t.regex(streams[2].received.toString(), /'nonsense' is not a command/);
    });
  });

  mountSerial(
    `while an image is mounted they stay, also if the processes are killed: ${specs.join(", ")}`,
    async (t) => {
      using directory = await withImage(t);
      const mount = (options: string): string => `'${launcher}' mount --driver fuse ${options} store:v1 mnt`;
      const mounted = "until mountpoint -q mnt; do :; done";
      try {
        await flagsStay(t, specs, directory, async (streams) => {
          const run = (line: string): Promise<unknown> => runOn(streams, line, directory.root).ended;
          await run(`${mount("--supervise")} && umount mnt`);
          await run(`${mount("-f -v")} & ${mounted}; '${launcher}' umount mnt; wait`);
          await run(`${mount("-f")} & ${mounted}; kill -9 $!; wait; umount mnt`);
        });
      } finally {
        unmountLeftover(directory);
      }
    },
  );
}

serial(
  "a command that is killed while its reader is slow leaves the pipe as it was, and a neighbour loses nothing",
  async (t) => {
    using directory = await withImage(t);
    writeFileSync(directory.path("root/big"), noise("big", 1 << 20));
    await directory.run("build", "root", "store:v2");
    const stream = new Stream("pipe", "");
    const before = stream.flags;
    const { ended, pid } = runOn(stream, `exec '${launcher}' cat store:v2 /big`, directory.root);
    // It has written as much as the pipe takes, and waits.
    t.true(await eventually(() => stream.receive(1) > 0));
    process.kill(pid, "SIGKILL");
    t.is(await ended, "SIGKILL");
    t.is(stream.flags, before);
    while (stream.receive() > 0);
    const neighbour = runOn(stream, "head -c 1000000 /dev/zero", directory.root);
    let bytes = 0;
    const timer = setInterval(() => (bytes += stream.receive(4096)), 0);
    t.is(await neighbour.ended, 0);
    clearInterval(timer);
    for (let more = stream.receive(); more > 0; more = stream.receive()) bytes += more;
    t.is(bytes, 1_000_000);
    stream.close();
  },
);

serial(
  "all output arrives through a pipe, socket or terminal that another process has made non-blocking",
  async (t) => {
    using directory = await withImage(t);
    writeFileSync(directory.path("root/big"), `${"0123456789abcde\n".repeat(1 << 15)}end\n`);
    await directory.run("build", "root", "store:v2");
    for (const kind of ["pipe", "socket", "terminal"] as const) {
      const stream = new Stream(kind, "");
      stream.makeNonBlocking();
      const { ended } = runOn(stream, `stty -onlcr 2>/dev/null; exec '${launcher}' cat store:v2 /big`, directory.root);
      const timer = setInterval(() => stream.receive(), 0);
      t.is(await ended, 0, kind);
      clearInterval(timer);
      while (stream.receive() > 0);
      t.true(
        stream.received.equals(readFileSync(directory.path("root/big"))),
        `${kind}: ${stream.received.length} bytes`,
      );
      stream.close();
    }
  },
);

/** The kernel's view, which does not depend on chance. Inherited streams are descriptors 0, 1 and 2 of a process. */
traced("no process calls anything that changes flags or terminal settings of what it inherited", async (t) => {
  using directory = await withImage(t);
  const stream = new Stream("terminal", "");
  const timer = setInterval(() => stream.receive(), 1);
  const line = `strace -f -o trace -e trace=fcntl,ioctl sh -c "${all(COMMANDS, ";")}"`;
  await runOn(stream, line, directory.root).ended;
  clearInterval(timer);
  const calls = readFileSync(directory.path("trace"), "utf8").split("\n");
  t.true(
    calls.some((call) => /fcntl\(2, F_GETFL\)/.test(call)),
    "the trace has the calls",
  );
  t.deepEqual(
    calls.filter((call) => /(fcntl\([012], F_SETFL|ioctl\([012], (FIONBIO|TCSET))/.test(call)),
    [],
  );
  stream.close();
});

serial("a closed pipe ends a command as SIGPIPE does, without a message", async (t) => {
  using directory = await withImage(t);
  writeFileSync(directory.path("root/big"), noise("big", 1 << 20));
  await directory.run("build", "root", "store:v2");
  for (const command of ["cat store:v2 /big", "dump store:v2", "build --help", "inspect store:v2"]) {
    const script = `'${launcher}' ${command} 2>err | head -c 0; echo "\${PIPESTATUS[0]} $(cat err)"`;
    const { stdout } = await runProgram("bash", ["-c", script], directory.root);
    // Output that fits the pipe may be written before it is closed.
    t.regex(stdout, command.startsWith("cat") ? /^141 $/m : /^(141|0) $/m, command);
  }
});

serial("messages that cannot be written do not stop the work; output that cannot be written is an error", async (t) => {
  using directory = await withImage(t);
  const script = (line: string): ReturnType<typeof runProgram> => runProgram("bash", ["-c", line], directory.root);
  const silent = await script(
    `'${launcher}' ls store:v1 /none 2>/dev/full; echo $?; '${launcher}' extract store:v1 a 2>/dev/full`,
  );
  t.regex(silent.stdout, /^1\n2 inodes/);
  for (const command of ["--help", "ls --help", "dump store:v1", "cat store:v1 /file", "verify store"]) {
    const { code, stderr } = await script(`'${launcher}' ${command} >/dev/full`);
    t.is(code, 1, command);
    t.is(stderr, "puzzlefs: cannot write to standard output: no space left on device\n", command);
  }
});

mountSerial("a mount keeps no descriptor of its caller, whatever its number", async (t) => {
  using directory = await withImage(t);
  mkdirSync(directory.path("changes"));
  const options = ["", "--supervise", "-o auto_unmount", "--log-file log", "--persist changes", "--writable"];
  try {
    for (const option of options) {
      const mount = `'${launcher}' mount --driver fuse ${option} store:v1 mnt`;
      // cat ends when no process has the pipe open.
      const line = `{ ${mount} 3>&1 7>&1 9>&1 10>&1 63>&1 200>&1; } | timeout 60 cat; echo "\${PIPESTATUS[*]}"; cat mnt/file`;
      const { stdout, stderr } = await runProgram("bash", ["-c", line], directory.root);
      t.is(stdout, "0 0\ncontent\n", `${option}: ${stderr}`);
      t.is(spawnSync(launcher, ["umount", "mnt"], { cwd: directory.root }).status, 0, option);
    }
  } finally {
    unmountLeftover(directory);
  }
});
