import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test from "ava";
import { close, Directory, FileStatus, hasCode, NotRegularError, openNamed } from "./index.ts";
import { directory as scratch, fresh, odd, root } from "./directory-fixture.ts";

const asRoot = root ? test : test.skip;
const NOBODY = 65534;
const READ = constants.O_RDONLY;

test("entries of a directory are reached by its descriptor after its path has changed", (t) => {
  const { path } = fresh();
  mkdirSync(join(path, "store"));
  using store = Directory.open(join(path, "store"));
  renameSync(join(path, "store"), join(path, "moved"));
  mkdirSync(join(path, "store"));
  close(store.createFile("made"));
  t.true(existsSync(join(path, "moved/made")));
  t.deepEqual(store.names(), ["made"]);
  t.is(store.fileSize("made"), 0);
  t.true(store.removeFile("made"));
  t.false(store.removeFile("made"));
});

test("no call on a name follows a symbolic link", (t) => {
  const { path } = fresh();
  mkdirSync(join(path, "victim"));
  writeFileSync(join(path, "victim/data"), "precious");
  mkdirSync(join(path, "store"));
  using store = Directory.open(join(path, "store"));
  symlinkSync("../victim/data", join(path, "store/file"));
  symlinkSync("../victim", join(path, "store/directory"));
  symlinkSync("nothing", join(path, "store/dangling"));
  t.throws(() => store.openFile("file"), { instanceOf: NotRegularError });
  t.throws(() => store.createFile("file"), { code: "EEXIST" });
  t.throws(() => store.createFile("dangling"), { code: "EEXIST" });
  t.throws(() => store.directory("directory"), { code: "ENOTDIR" });
  t.is(store.fileSize("file"), undefined);
  t.true(store.removeFile("file"));
  t.throws(() => store.removeDirectory("directory"), { code: "ENOTDIR" });
  t.is(readFileSync(join(path, "victim/data"), "utf8"), "precious");
});

test("only regular files are opened; a fifo does not block", (t) => {
  const { path } = fresh();
  using directory = Directory.open(path);
  spawnSync("mkfifo", [join(path, "fifo")]);
  mkdirSync(join(path, "directory"));
  t.throws(() => directory.openFile("fifo"), { instanceOf: NotRegularError, message: /fifo: not a regular file/ });
  t.throws(() => directory.openFile("directory"), { instanceOf: NotRegularError });
  t.is(directory.openFile("absent"), undefined);
});

test("listings have every entry with its type, of any name and number", (t) => {
  const { path, child } = fresh();
  using directory = Directory.open(path);
  const names = Array.from({ length: 3000 }, (_, i) => `a rather long name of a file ${i}`);
  for (const name of names) writeFileSync(join(path, name), "");
  mkdirSync(join(path, "directory"));
  writeFileSync(child(odd), "");
  const entries = directory.entries();
  t.deepEqual(
    entries.map(({ name }) => name.toString("latin1")).toSorted(),
    [odd.toString("latin1"), "directory", ...names].toSorted(),
  );
  t.is(entries.find(({ name }) => name.toString() === "directory")?.type, constants.S_IFDIR >> 12);
});

test("temporaries have names of their own and mode 0700", (t) => {
  const { path } = fresh();
  using directory = Directory.open(path);
  const made = Array.from({ length: 50 }, () => directory.makeTemporary(".tmp-"));
  for (const { directory: temporary } of made) temporary.close();
  t.is(new Set(made.map(({ name }) => name)).size, 50);
  t.is(lstatSync(join(path, made[0].name)).mode & 0o7777, 0o700);
});

test("missing parents are made, and nothing below /proc", (t) => {
  const { path } = fresh();
  Directory.make(`${path}/a/b/../b/c/`).close();
  t.true(lstatSync(join(path, "a/b/c")).isDirectory());
  Directory.make(`${path}/a/b/c`).close();
  t.throws(() => Directory.make("/proc/self/nothing/here"), { code: "ENOENT" });
  writeFileSync(join(path, "file"), "");
  t.throws(() => Directory.make(`${path}/file/b`), { code: "ENOTDIR" });
});

test("errors name the whole path", (t) => {
  const { path } = fresh();
  using directory = Directory.open(path);
  t.throws(() => directory.directory("absent"), { message: new RegExp(`${path}/absent: no such`) });
  t.throws(() => Directory.open(`${path}/none/below`), { code: "ENOENT", message: /none\/below/ });
});

/** A directory of another user, with symbolic links in it. */
function foreign(): { path: string; link: (name: string, target: string) => void; precious: string } {
  const { path } = fresh();
  mkdirSync(join(path, "precious"), 0o700);
  writeFileSync(join(path, "precious/data"), "precious");
  mkdirSync(join(path, "theirs"));
  lchownSync(join(path, "theirs"), NOBODY, NOBODY);
  mkdirSync(join(path, "theirs/own"));
  lchownSync(join(path, "theirs/own"), NOBODY, NOBODY);
  const link = (name: string, target: string): void => {
    symlinkSync(target, join(path, "theirs", name));
    lchownSync(join(path, "theirs", name), NOBODY, NOBODY);
  };
  return { path, link, precious: join(path, "precious") };
}

asRoot("links of another user are followed only to what is that user's", (t) => {
  const { path, link, precious } = foreign();
  link("out", precious);
  link("relative", "../precious");
  link("chain", "out");
  link("own-link", "own");
  link("file", join(precious, "data"));
  for (const name of [
    "out",
    "out/",
    "out/.",
    "relative",
    "chain",
    "out/data",
    "chain/data",
    "file",
    "own-link/../out",
  ]) {
    const error = t.throws(() => openNamed(`${path}/theirs/${name}`, READ), { code: "ELOOP" }, name);
    t.regex(error?.message ?? "", /of another user's/, name);
  }
  close(openNamed(`${path}/theirs/own-link`, READ | constants.O_DIRECTORY));
  t.throws(() => openNamed(`${path}/theirs/file`, constants.O_WRONLY | constants.O_APPEND), { code: "ELOOP" });
  link("new", join(precious, "new"));
  t.throws(() => openNamed(`${path}/theirs/new`, constants.O_WRONLY | constants.O_CREAT, 0o600));
  t.false(existsSync(join(precious, "new")));
});

asRoot("a link leads only where its owner could go", (t) => {
  const { path, link, precious } = foreign();
  chmodSync(scratch, 0o711);
  mkdirSync(join(precious, "copy-of-theirs"));
  lchownSync(join(precious, "copy-of-theirs"), NOBODY, NOBODY);
  link("absolute", join(path, "theirs/own"));
  link("by-root", `../${precious.slice(path.length + 1)}/../theirs/own`);
  link("copy", join(precious, "copy-of-theirs"));
  close(openNamed(`${path}/theirs/absolute`, READ));
  close(openNamed(`${path}/theirs/absolute/../own`, READ));
  for (const name of ["by-root", "copy", "copy/."])
    t.throws(() => openNamed(`${path}/theirs/${name}`, READ), { code: "ELOOP" }, name);
});

asRoot("links of root's and the caller's lead anywhere", (t) => {
  const { path, precious } = foreign();
  symlinkSync(precious, join(path, "mine"));
  symlinkSync("mine", join(path, "again"));
  symlinkSync(join(path, "again/made"), join(path, "to-be-made"));
  const status = new FileStatus();
  for (const name of ["mine", "mine/", "again", "again/data", "mine/../again/./data"]) {
    const descriptor = openNamed(`${path}/${name}`, READ);
    status.readDescriptor(descriptor);
    t.is(status.uid, 0);
    close(descriptor);
  }
  close(openNamed(`${path}/to-be-made`, constants.O_WRONLY | constants.O_CREAT, 0o600));
  t.true(existsSync(join(precious, "made")));
});

test("loops, dangling links, and links of /proc", (t) => {
  const { path } = fresh();
  symlinkSync("b", join(path, "a"));
  symlinkSync("a", join(path, "b"));
  symlinkSync("none", join(path, "dangling"));
  t.throws(() => openNamed(`${path}/a`, READ), { code: "ELOOP", message: /too many/ });
  t.throws(() => openNamed(`${path}/dangling`, READ), { code: "ENOENT" });
  t.throws(() => openNamed("", READ), { code: "ENOENT" });
  writeFileSync(join(path, "file"), "text");
  const opened = openNamed(`${path}/file`, READ);
  for (const way of ["/proc/self/fd", "/dev/fd"]) {
    const again = openNamed(`${way}/${opened}`, READ);
    t.is(readFileSync(`/proc/self/fd/${again}`, "utf8"), "text");
    close(again);
  }
  close(opened);
});

asRoot("an entry swapped for a link while a path is walked never leads out", async (t) => {
  const { path, link, precious } = foreign();
  link("swap", precious);
  renameSync(join(path, "theirs/swap"), join(path, "theirs/link"));
  mkdirSync(join(path, "theirs/swap"));
  lchownSync(join(path, "theirs/swap"), NOBODY, NOBODY);
  writeFileSync(join(path, "theirs/swap/data"), "theirs");
  chmodSync(join(path, "theirs"), 0o777);
  // Exchanges the two as fast as it can, until its standard input ends.
  const script = `
    const { renameat2, AT_FDCWD, RENAME_EXCHANGE } = await import(${JSON.stringify(import.meta.resolve("./index.ts"))});
    let go = true;
    process.stdin.on("end", () => { go = false; }).resume();
    console.log("begun");
    while (go) {
      for (let i = 0; i < 200; i++) renameat2(AT_FDCWD, process.argv[1] + "/swap", AT_FDCWD, process.argv[1] + "/link", RENAME_EXCHANGE);
      await new Promise(setImmediate);
    }`;
  const argv = ["--input-type=module", "-e", script, join(path, "theirs")];
  const swapper = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
  await new Promise((begun) => swapper.stdout.once("data", begun));
  const seen = { theirs: 0, refused: 0 };
  for (let i = 0; i < 5000; i++) {
    try {
      const descriptor = openNamed(`${path}/theirs/swap/data`, READ);
      const text = readFileSync(`/proc/self/fd/${descriptor}`, "utf8");
      close(descriptor);
      if (text !== "theirs") return void t.fail(`read ${text} by way of another user's link`);
      seen.theirs++;
    } catch (error) {
      if (!hasCode(error, "ELOOP", "ENOENT", "ENOTDIR")) throw error;
      seen.refused++;
    }
  }
  swapper.stdin.end();
  await new Promise((ended) => swapper.once("exit", ended));
  t.true(seen.theirs > 0 && seen.refused > 0, JSON.stringify(seen));
});
