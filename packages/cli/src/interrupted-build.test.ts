/** Builds that end early, by a signal or because their messages have no reader, leave nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { close, Directory, flock, hasCode, LOCK_EX } from "@puzzlefs/linux";
import test, { type ExecutionContext } from "ava";
import { program, TestDirectory } from "./program-fixture.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A running build in a test directory; its exit and what it writes to stderr. */
class Build {
  readonly child: ChildProcess;
  readonly end: Promise<string | number>;
  stderr = "";

  constructor(directory: TestDirectory, ...argv: string[]) {
    this.child = spawn(process.execPath, [program, "build", ...argv], {
      cwd: directory.root,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.end = new Promise((settle) => this.child.once("exit", (code, signal) => settle(signal ?? code ?? -1)));
  }

  /** Waits until something is so; fails if the build ends before. */
  async until(condition: () => boolean): Promise<void> {
    let ended: string | number | undefined;
    void this.end.then((how) => (ended = how));
    while (!condition()) {
      await setImmediate();
      if (ended !== undefined) throw new Error(`the build ended early: ${ended}\n${this.stderr}`);
    }
  }
}

/** A directory with a tree that takes half a second or more to read. */
function directoryWithTree(): TestDirectory {
  const directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  const bytes = Buffer.allocUnsafe(1 << 20);
  for (let i = 0; i < 128; i++) writeFileSync(directory.path("root", `file${i}`), randomFillSync(bytes));
  return directory;
}

/** Files in the staging directory of a layout. */
function staged(layout: string): number {
  try {
    const name = readdirSync(layout).find((entry) => entry.startsWith(".puzzlefs-tmp-"));
    return name === undefined ? 0 : readdirSync(join(layout, name)).length;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return 0;
    throw error;
  }
}

/** Takes the lock of a layout; the result releases it. */
function takeLock(layout: string): () => void {
  using directory = Directory.open(layout);
  const descriptor = directory.openFile("oci-layout")!;
  flock(descriptor, LOCK_EX);
  return () => close(descriptor);
}

for (const signal of SIGNALS) {
  test.serial(`${signal} while files are read: no temporaries, no new layout, and death by the signal`, async (t) => {
    using directory = directoryWithTree();
    for (const options of [[], ["-c"], ["--jobs", "1"]]) {
      const building = new Build(directory, ...options, "root", "new/parent/store:v");
      await building.until(() => staged(directory.path("new/parent/store")) > 3);
      building.child.kill(signal);
      t.is(await building.end, signal);
      t.deepEqual(readdirSync(directory.root), ["root"], options.join(" "));
      t.is(building.stderr, "");
    }
  });

  test.serial(`${signal} while a build waits for the lock of a layout: it is as it was`, async (t) => {
    using directory = new TestDirectory();
    mkdirSync(directory.path("root"));
    t.is((await directory.run("build", "root", "store:v1")).code, 0);
    const before = readdirSync(directory.path("store"));
    const release = takeLock(directory.path("store"));
    const building = new Build(directory, "root", "store:v2");
    await building.until(() => building.stderr.includes("\n"));
    t.regex(
      building.stderr,
      new RegExp(`waiting for the lock of .*/store/oci-layout, held by process ${process.pid}\n$`),
    );
    building.child.kill(signal);
    t.is(await building.end, signal);
    release();
    t.deepEqual(readdirSync(directory.path("store")), before);
  });
}

test.serial("a second signal ends a build at once, and the next build removes its files", async (t) => {
  using directory = directoryWithTree();
  const building = new Build(directory, "root", "store:v");
  await building.until(() => staged(directory.path("store")) > 3);
  building.child.kill("SIGKILL");
  t.is(await building.end, "SIGKILL");
  t.true(staged(directory.path("store")) > 0);
  t.is((await directory.run("build", "root", "store:v")).code, 0);
  const names = readdirSync(directory.path("store")).filter((name) => !name.startsWith(".puzzlefs-chunks-"));
  t.deepEqual(names.sort(), ["blobs", "index.json", "oci-layout"]);
});

test.serial("an interrupted build leaves the user's directory as it was, empty or not", async (t) => {
  using directory = directoryWithTree();
  for (const others of [[], ["note"]]) {
    const store = directory.path(`store${others.length}`);
    mkdirSync(store);
    for (const name of others) writeFileSync(join(store, name), "");
    const building = new Build(directory, "root", `${store}:v`);
    await building.until(() => staged(store) > 3);
    building.child.kill("SIGTERM");
    t.is(await building.end, "SIGTERM");
    t.deepEqual(readdirSync(store), others);
  }
});

/** Runs a shell line in which the build ends by SIGPIPE. */
async function failing(t: ExecutionContext, directory: TestDirectory, line: string): Promise<void> {
  const { stdout } = await directory.shell(`${line}; echo "status \${PIPESTATUS[0]}"`);
  t.regex(stdout, /status 141\n$/);
}

test.serial("a build whose messages have no reader leaves nothing", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  t.is((await directory.run("build", "root", "store:v1")).code, 0);
  const release = takeLock(directory.path("store"));
  const before = readdirSync(directory.path("store"));
  // Its message about the lock finds no reader.
  await failing(t, directory, "puzzlefs build root store:v2 2>&1 >/dev/null | true");
  release();
  t.deepEqual(readdirSync(directory.path("store")), before);
});

test.serial("a build that fails removes a layout that it made, unless another build uses it", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  for (const [options, tree] of [
    [["-b", "none"], "root"],
    [[], "root"],
  ] as const) {
    const tag = options.length === 0 ? "bad tag" : "v";
    const { code } = await directory.run("build", ...options, tree, "a/b/store", tag);
    t.is(code, 1);
    t.deepEqual(readdirSync(directory.root), ["root"]);
  }
  // Many at once, of which half fail: the others succeed.
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      directory.run("build", ...(i % 2 === 0 ? ["-b", "none"] : []), "root", `s/store:v${i}`),
    ),
  );
  t.deepEqual(
    outcomes.map(({ code }) => code),
    [1, 0, 1, 0, 1, 0, 1, 0],
    outcomes.map(({ stderr }) => stderr).join(""),
  );
  const { stdout } = await directory.run("tags", "s/store");
  t.is(stdout.match(/v[1357] /g)?.length, 4);
});
