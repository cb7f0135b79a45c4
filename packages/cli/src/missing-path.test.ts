/** Paths that an image does not have, for every command that takes one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { TestDirectory } from "./program-fixture.ts";

async function withTree(t: ExecutionContext): Promise<TestDirectory> {
  const directory = new TestDirectory();
  mkdirSync(directory.path("root/directory/below"), { recursive: true });
  writeFileSync(directory.path("root/file"), "one\n");
  writeFileSync(directory.path("root/directory/other"), "two\n");
  execFileSync("ln", [directory.path("root/file"), directory.path("root/directory/hard")]);
  symlinkSync("directory", directory.path("root/link"));
  symlinkSync("nowhere", directory.path("root/dangling"));
  const { code, stderr } = await directory.run("build", "root", "store:v1");
  t.is(code, 0, stderr);
  return directory;
}

const commands: [title: string, argv: string[]][] = [
  ["ls", ["ls", "store:v1"]],
  ["ls -R", ["ls", "-R", "store:v1"]],
  ["ls -0", ["ls", "-0", "store:v1"]],
  ["ls --json", ["ls", "--json", "store:v1"]],
  ["cat", ["cat", "store:v1"]],
  ["stat", ["stat", "store:v1"]],
  ["stat --json", ["stat", "--json", "store:v1"]],
  ["inspect", ["inspect", "store:v1"]],
  ["dump", ["dump", "store:v1"]],
  ["dump --directory", ["dump", "--directory", "root"]],
];
const missing: [path: string, reason: RegExp][] = [
  ["/fiel", /^puzzlefs: \/fiel: no such file or directory in the image$/m],
  ["directory/nope/more", /^puzzlefs: directory\/nope\/more: no such file or directory in the image$/m],
  ["file/below", /^puzzlefs: file\/below: not a directory$/m],
  ["file/", /^puzzlefs: file\/: not a directory$/m],
  ["dangling/", /^puzzlefs: dangling\/: no such file or directory in the image$/m],
];

test("a path that the image does not have is an error with exit code 1 and no output, for every command", async (t) => {
  using directory = await withTree(t);
  await Promise.all(
    commands.map(async ([title, argv]) => {
      for (const [path, reason] of missing) {
        const { code, stdout, stderr } = await directory.run(...argv, path);
        t.deepEqual([code, stdout], [1, ""], `${title} ${path}`);
        t.regex(stderr, reason, title);
      }
    }),
  );
});

test("of several paths the existing ones are printed, the others reported", async (t) => {
  using directory = await withTree(t);
  const whole = (await directory.run("dump", "store:v1")).stdout.trimEnd().split("\n");
  const lines = (wanted: RegExp): string =>
    whole
      .filter((line) => wanted.test(line))
      .map((line) => `${line}\n`)
      .join("");
  for (const [title, paths, wanted, count] of [
    ["one", ["/file"], /^\/file /, 1],
    ["two, out of order", ["link", "file"], /^\/(file|link) /, 2],
    ["a directory and what is below", ["directory"], /^\/directory[ /]/, 4],
    ["twice, and inside another", ["directory/other", "directory", "./directory/"], /^\/directory[ /]/, 4],
    ["through a link", ["link/other"], /^\/directory\/other /, 1],
    ["what a link leads to", ["link/"], /^\/directory[ /]/, 4],
    ["one of two names", ["/directory/hard"], /^\/directory\/hard /, 1],
    ["a link that leads nowhere", ["dangling"], /^\/dangling /, 1],
    ["all", ["directory/.."], /^\//, whole.length],
  ] as const) {
    t.is(lines(wanted).split("\n").length - 1, count, title);
    t.deepEqual(
      await directory.run("dump", "store:v1", ...paths),
      { code: 0, stdout: lines(wanted), stderr: "" },
      title,
    );
    const some = await directory.run("dump", "store:v1", "nope", ...paths);
    t.deepEqual([some.code, some.stdout], [1, lines(wanted)], title);
    t.regex(some.stderr, /^puzzlefs: nope: no such file or directory in the image\n$/);
  }
  const cat = await directory.run("cat", "store:v1", "nope", "directory", "file", "link/other");
  t.deepEqual([cat.code, cat.stdout], [1, "one\ntwo\n"]);
  t.regex(cat.stderr, /nope: no such file.*\n.*directory: is a directory/);
  const stat = await directory.run("stat", "--json", "store:v1", "nope", "file", "link");
  t.deepEqual(
    [
      stat.code,
      stat.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).name),
    ],
    [1, ["file", "link"]],
  );
  t.is((await directory.run("ls", "-R", "store:v1", "link/hard")).stdout, "/directory/hard\n");
  t.is(
    (await directory.run("ls", "-R", "store:v1", "link")).stdout,
    "/directory\n/directory/below\n/directory/hard\n/directory/other\n",
  );
});
