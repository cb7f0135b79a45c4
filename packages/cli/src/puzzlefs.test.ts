import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import test from "ava";
import { commands } from "./commands.ts";
import { installer, isBuilt, type Outcome, runProgram, TestDirectory } from "./program-fixture.ts";

const version: string = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")).version;

test.serial("--version prints the version of package.json", async (t) => {
  using directory = new TestDirectory();
  t.deepEqual(await directory.run("--version"), { code: 0, stdout: `puzzlefs ${version}\n`, stderr: "" });
});

test.serial("--help and help list every command", async (t) => {
  using directory = new TestDirectory();
  const { code, stdout } = await directory.run("--help");
  t.is(code, 0);
  for (const { name, summary } of commands) t.regex(stdout, new RegExp(`^ +${name} +${summary}$`, "m"));
  t.is((await directory.run("help")).stdout, stdout);
  t.regex((await directory.run("help", "ls")).stdout, /^Usage: puzzlefs ls /);
});

for (const { name } of commands) {
  test.serial(`${name} --help has an example`, async (t) => {
    using directory = new TestDirectory();
    const { code, stdout, stderr } = await directory.run(name, "--help");
    t.is(code, 0);
    t.is(stderr, "");
    t.true(stdout.startsWith(`Usage: puzzlefs ${name} `));
    t.regex(stdout, new RegExp(`^Example:\n(?:\n|  .*\n)*  puzzlefs ${name} `, "m"));
    t.is(
      stdout.split("\n").find((line) => line.length > 120),
      undefined,
    );
  });
}

const mistakes: [title: string, argv: string[], message: RegExp][] = [
  ["no command", [], /no command given/],
  ["an unknown command", ["frobnicate"], /'frobnicate' is not a command/],
  ["an option before the command", ["-c", "build"], /options follow the command/],
  ["a missing argument", ["ls"], /missing required argument/],
  ["too many arguments", ["tags", "a", "b"], /too many arguments/],
  ["an unknown option", ["ls", "--nonsense", "a:b"], /unknown option '--nonsense'/],
  ["a name without a tag", ["cat", "store", "/etc/passwd"], /'store' does not name an image/],
  ["a chunk size below the least", ["build", "--chunk-size", "1:2:3", ".", "s:t"], /chunk size min/],
  ["a level beyond the highest", ["build", "--level", "23", ".", "s:t"], /level must be/],
  ["an unknown policy", ["build", "--mtime", "never", ".", "s:t"], /mtime is zero, keep or clamp/],
  ["a digest too short", ["mount", "-d", "abc", "s:t", "."], /64 hex digits/],
  ["--debug without an output", ["mount", "--debug", "s:t", "."], /--debug needs/],
  ["mtree of a part of a tree", ["dump", "--format", "mtree", "s:t", "/etc"], /whole trees/],
];
for (const [title, argv, message] of mistakes) {
  test.serial(`exit code 2 for ${title}`, async (t) => {
    using directory = new TestDirectory();
    const { code, stdout, stderr } = await directory.run(...argv);
    t.is(code, 2, stderr);
    t.is(stdout, "");
    t.regex(stderr, /^puzzlefs: /);
    t.regex(stderr, message);
  });
}

(isBuilt ? test.serial : test.skip)(
  "make install makes a program of its own below DESTDIR, make uninstall removes it",
  async (t) => {
    using directory = new TestDirectory();
    mkdirSync(directory.path("root"));
    writeFileSync(directory.path("root/file"), "content\n");
    // Of another project, in a directory above the installation.
    writeFileSync(directory.path("package.json"), '{ "type": "commonjs" }\n');
    const installTo = (prefix: string, ...argv: string[]): Promise<Outcome> => {
      const settings = [`DESTDIR=${directory.path("destination")}`, `PREFIX=${prefix}`];
      return runProgram("env", [...settings, process.execPath, installer, ...argv], directory.root);
    };
    const install = (...argv: string[]): Promise<Outcome> => installTo("/usr", ...argv);
    // As make passes it on where none is given.
    t.is((await installTo("")).code, 0);
    t.is(readlinkSync(directory.path("destination/sbin/mount.puzzlefs")), "/usr/local/lib/puzzlefs/puzzlefs");
    t.is((await installTo("", "uninstall")).code, 0);
    t.is((await installTo("relative")).code, 1);
    t.is((await install()).code, 0);
    for (const helper of ["mount.puzzlefs", "mount.fuse.puzzlefs"]) {
      t.is(readlinkSync(directory.path("destination/sbin", helper)), "/usr/lib/puzzlefs/puzzlefs");
    }
    t.is(readlinkSync(directory.path("destination/usr/bin/puzzlefs")), "/usr/lib/puzzlefs/puzzlefs");
    for (const file of [
      "man/man1/puzzlefs-build.1",
      "man/man8/mount.puzzlefs.8",
      "bash-completion/completions/puzzlefs",
    ]) {
      t.true(existsSync(directory.path("destination/usr/share", file)), file);
    }
    const installed = directory.path("destination/usr/lib/puzzlefs/puzzlefs");
    const line = `'${installed}' build -c root store:v1 && '${installed}' cat store:v1 /file`;
    // Nothing but what Debian's base system has, and no Node on the PATH.
    const { code, stdout, stderr } = await runProgram(
      "env",
      ["-i", "PATH=/usr/bin:/bin", "sh", "-c", line],
      directory.root,
    );
    t.is(code, 0, stderr);
    t.regex(stdout, /content\n$/);
    t.is((await install("uninstall")).code, 0);
    const left = await runProgram("find", [directory.path("destination"), "-not", "-type", "d"]);
    t.is(left.stdout, "");
  },
);
