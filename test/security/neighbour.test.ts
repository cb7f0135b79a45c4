import { spawn } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { noise, PATIENCE, Random, runSeed } from "@puzzlefs/testing";
import test from "ava";
import { checkoutForOthers, nobody } from "../support/other-users.ts";
import { isRoot, missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/**
 * Root works with a layout and a tree of another user, which swaps, renames and links everything it may meanwhile. What
 * is root's own outside of them is never read, written or removed, and every command ends with a result or an error.
 */

const seconds = Number(process.env["PUZZLEFS_NEIGHBOUR_SECONDS"] ?? 60);
/** However long they take: rounds in which every command runs, and swaps for each command. On an idle machine it is 14 and 700. */
const fewestRounds = 4;
const fewestSwaps = 20;
/** Earlier than any change here: the kernel records the first read of what has it (relatime). */
const longAgo = 1_000_000;

const scratch = new Scratch();
test.after.always(() => scratch.remove());

const lacks = missing("/dev/fuse", "setpriv", "tar", puzzlefs);
const withOtherUser = isRoot && lacks.length === 0 ? test : test.skip;

/** Root's own directory: a tree, and a layout whose image has the secret as well. */
function makeVault(secret: string): string {
  const vault = scratch.directory("vault");
  mkdirSync(join(vault, "tree/etc"), { recursive: true });
  for (const name of ["secret", "tree/secret", "tree/etc/shadow"])
    writeFileSync(join(vault, name), `${secret}\n`.repeat(5000));
  run(puzzlefs, ["build", join(vault, "tree"), `${vault}/store:private`]);
  chmodSync(vault, 0o700);
  return vault;
}

/** A directory and all that is in it; links are not followed, which readdir() with `recursive` does. */
function pathsOf(path: string): string[] {
  if (!lstatSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path).flatMap((name) => pathsOf(join(path, name)))];
}

interface Trace {
  path: string;
  state: string;
  read: boolean;
}

/** Sets times of access so that a read will show. */
function forgetReads(directory: string): void {
  for (const path of pathsOf(directory).toReversed()) utimesSync(path, longAgo, lstatSync(path).mtime);
}

/** Observable effects of reading, writing and removing. Looking at a directory is reading it, so its time comes first. */
function traces(directory: string): Trace[] {
  const own = lstatSync(directory);
  const trace = { path: directory, state: `${own.ino} ${own.mode} ${own.uid}`, read: own.atimeMs > longAgo * 1000 + 1 };
  if (!own.isDirectory()) return [{ ...trace, state: `${trace.state} ${own.size} ${own.mtimeMs} ${own.nlink}` }];
  const names = readdirSync(directory).toSorted();
  return [
    { ...trace, state: `${trace.state} ${names.join(" ")}` },
    ...names.flatMap((name) => traces(join(directory, name))),
  ];
}

/** A layout and a tree of the user nobody. */
function makeOwnedDirectory(): string {
  const owned = scratch.directory("owned");
  const tree = join(owned, "tree");
  for (const name of ["a/b/c", "d/e", "f"]) {
    mkdirSync(join(tree, name), { recursive: true });
    for (let count = 0; count < 12; count++)
      writeFileSync(join(tree, name, `file-${count}`), noise(`${name}-${count}`, count * 3000));
  }
  writeFileSync(join(tree, "a/big"), noise("big", 8_000_000));
  run(puzzlefs, ["build", tree, `${owned}/store:v0`]);
  run("chown", ["-R", "65534:65534", owned]);
  return owned;
}

interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

async function command(program: string, ...argv: string[]): Promise<Ended> {
  const child = spawn(program, argv, {
    stdio: ["ignore", "pipe", "pipe"],
    // A command that has not ended by then hangs.
    timeout: PATIENCE,
    killSignal: "SIGKILL",
  });
  const parts: Buffer[] = [];
  let errors = "";
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.stderr.setEncoding("latin1").on("data", (part: string) => (errors += part));
  const code = await new Promise<number | null>((settle) => child.once("close", settle));
  return { code, output: Buffer.concat(parts).toString("latin1"), errors };
}

withOtherUser(`root works for ${seconds} s while another user swaps everything`, async (t) => {
  t.timeout((600 + seconds) * 1000);
  const secret = `canary-${new Random().bits()}`;
  const vault = makeVault(secret);
  const owned = makeOwnedDirectory();
  forgetReads(vault);
  const before = traces(vault);
  const leavesTraces = traces(vault)[0].read;
  forgetReads(vault);
  if (!leavesTraces) t.log("reading leaves no trace on this file system: it is looked for in results only");

  const script = `exec "$node" "$checkout/test/security/neighbour.ts" ${runSeed} ${owned} ${vault}`;
  const [program, argv] = checkoutForOthers(scratch, nobody, script);
  const neighbour = spawn(program, argv, { stdio: ["pipe", "pipe", "inherit"] });
  t.teardown(() => neighbour.kill("SIGKILL"));
  let report = "";
  neighbour.stdout.setEncoding("utf8").on("data", (text: string) => (report += text));
  await new Promise((begun) => neighbour.stdout.once("data", begun));

  const store = join(owned, "store");
  const counts: Record<string, { ended: number; failed: number }> = {};
  const attempt = async (...words: string[]): Promise<boolean> => {
    const { code, output, errors } = await command(puzzlefs, ...words);
    const name = words[0] as string;
    const count = (counts[name] ??= { ended: 0, failed: 0 });
    count.ended++;
    if (code !== 0) count.failed++;
    t.true(code !== null && code <= 3, `${words.join(" ")} ended with ${code}: ${errors.slice(-500)}`);
    t.false(`${output}${errors}`.includes(secret), `${words.join(" ")} printed what is root's`);
    if (code !== 0 && name !== "verify") t.regex(errors, /^puzzlefs: .+/m, words.join(" "));
    t.notRegex(errors, /^\s+at .*:\d+:\d+|node:internal|internal error/m, words.join(" "));
    return code === 0;
  };
  const nowhere = (path: string): void => {
    for (const file of pathsOf(path)) {
      const status = lstatSync(file);
      if (status.isSymbolicLink()) t.true(readlinkSync(file).length > 0);
      else if (status.isFile()) t.false(readFileSync(file).includes(secret), `${file} has what is root's`);
    }
  };

  const end = Date.now() + seconds * 1000;
  for (let round = 1; Date.now() < end || round <= fewestRounds; round++) {
    const tag = `v${round}`;
    const own = scratch.directory("own");
    await attempt("build", join(owned, "tree"), `${store}:${tag}`);
    await attempt("build", "-c", "-b", "v0", join(owned, "tree"), `${store}:${tag}-delta`);
    if (await attempt("build", join(owned, "tree"), `${own}/private:v`)) {
      // In a store of root's own: what it has was read from the tree.
      const target = join(own, "private-tree");
      if (await attempt("extract", `${own}/private:v`, target)) nowhere(target);
    }
    for (const reference of ["v0", tag]) {
      const target = join(own, `tree-${reference}`);
      await attempt("extract", `${store}:${reference}`, target);
      await attempt("extract", "--no-verify", "--force", `${store}:${reference}`, target);
      nowhere(own);
      await attempt("cat", "--no-verify", `${store}:${reference}`, "/a/big");
      await attempt("inspect", `${store}:${reference}`, "/a/big");
    }
    await attempt("verify", store);
    await attempt("tags", store);
    await attempt("dump", "--directory", join(owned, "tree"));
    const mnt = join(own, "mnt");
    mkdirSync(mnt);
    if (await attempt("mount", "--driver", "fuse", `${store}:v0`, mnt)) {
      const { output } = await command("tar", "-cf", "-", "-C", mnt, ".");
      t.false(output.includes(secret), "the mount shows what is root's");
      await attempt("umount", mnt);
    }
  }

  neighbour.stdin.end();
  await new Promise((ended) => neighbour.once("close", ended));
  const { swaps } = JSON.parse(report.split("\n").at(-2) ?? "{}") as { swaps: number };
  t.log(`${swaps} swaps; ${JSON.stringify(counts)}`);
  const commands = Object.values(counts).reduce((sum, { ended }) => sum + ended, 0);
  t.true(swaps >= fewestSwaps * commands, `only ${swaps} swaps beside ${commands} commands`);
  for (const [name, { ended, failed }] of Object.entries(counts))
    t.true(ended > 0 && (failed < ended || name === "verify"), name);

  const after = traces(vault);
  t.deepEqual(
    after.map(({ path, state }) => `${path} ${state}`),
    before.map(({ path, state }) => `${path} ${state}`),
  );
  if (leavesTraces)
    t.deepEqual(
      after.filter(({ read }) => read),
      [],
    );
});
