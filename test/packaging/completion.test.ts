import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { bashCompletion } from "../../packaging/completion/bash.ts";
import { fishCompletion } from "../../packaging/completion/fish.ts";
import { zshCompletion } from "../../packaging/completion/zsh.ts";
import { readDefinitions } from "../../packaging/definitions.ts";
import { missing, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

const definitions = await readDefinitions();
const program = resolve(import.meta.dirname, "../../packages/cli/src/puzzlefs.ts");

/** A directory with a layout `store` with the tags v1 and v2:x, directories and a file. */
function directory(): string {
  const path = scratch.fresh("completion");
  for (const name of ["rootfs", "sources", "store dir"]) mkdirSync(`${path}/${name}`, { recursive: true });
  writeFileSync(`${path}/config.json`, "{}");
  writeFileSync(`${path}/completion.bash`, bashCompletion(definitions));
  for (const tag of ["v1", "v2:x"]) run(process.execPath, [program, "build", `${path}/rootfs`, `${path}/store:${tag}`]);
  return path;
}

const work = directory();

/**
 * The proposals of bash at the end of `words`, split as readline splits a line: at the characters of COMP_WORDBREAKS, of
 * which `:` and `=` are words of their own.
 */
function completions(t: ExecutionContext, wordBreaks: string, ...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const script = `
    puzzlefs() { '${process.execPath}' '${program}' "$@"; }
    source ./completion.bash
    COMP_WORDBREAKS='${wordBreaks}'
    COMP_WORDS=(puzzlefs ${quoted}) COMP_CWORD=${words.length}
    complete -p puzzlefs >&2 || exit 1
    _puzzlefs puzzlefs
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-uc", script], { cwd: work, encoding: "utf8" });
  t.is(status, 0, stderr);
  t.is(stderr, "complete -F _puzzlefs puzzlefs\n");
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
}

const cases: [title: string, words: string[], expected: string[]][] = [
  ["commands", ["in"], ["inspect"]],
  ["options of the program", ["--v"], ["--version"]],
  ["commands after help", ["help", "um"], ["umount"]],
  [
    "options of a command",
    ["build", "--c"],
    ["--chunk-size", "--chunking", "--compression", "--config", "--cross-mounts"],
  ],
  ["words that an option takes", ["mount", "--driver", ""], ["auto", "fuse", "kernel"]],
  ["words that an option takes after an equals sign", ["mount", "--driver", "=", "k"], ["kernel"]],
  ["no value where none can be known", ["build", "--level", ""], []],
  ["files for an option that takes one", ["build", "--config", "conf"], ["config.json"]],
  ["directories for an argument", ["build", "-c", "--level", "3", "s"], ["sources", "store", "store dir"]],
  [
    "a layout for the second argument of build",
    ["build", "--config", "config.json", "rootfs", "sto"],
    ["store", "store dir"],
  ],
  ["tags after a colon", ["ls", "store", ":"], ["v1", "v2:x"]],
  ["tags by their beginning", ["ls", "-l", "store", ":", "v1"], ["v1"]],
  ["nothing for a path inside of an image", ["cat", "store", ":", "v1", "/e"], []],
  ["directories for the mount point", ["mount", "-o", "ro", "store", ":", "v1", "root"], ["rootfs"]],
];
for (const [title, words, expected] of cases) {
  test(`bash completes ${title}`, (t) => {
    t.deepEqual(completions(t, ' \t\n"><=;|&(:', ...words), expected);
  });
}

test("bash completes tags and values if words are not split at colons and equals signs", (t) => {
  const wordBreaks = " \t\n";
  t.deepEqual(completions(t, wordBreaks, "mount", "--driver=k"), ["--driver=kernel"]);
  t.deepEqual(completions(t, wordBreaks, "ls", "store:v1"), ["store:v1"]);
});

for (const [shell, text] of [
  ["bash", bashCompletion(definitions)],
  ["zsh", zshCompletion(definitions)],
  ["fish", fishCompletion(definitions)],
] as const) {
  (missing(shell).length > 0 ? test.skip : test)(`${shell} accepts the syntax of its completion`, (t) => {
    const path = scratch.fresh(`completion.${shell}`);
    writeFileSync(path, text);
    const { status, stderr } = spawnSync(shell, ["-n", path], { encoding: "utf8" });
    t.is(stderr, "");
    t.is(status, 0);
  });
}

test("every command and every option is in the completion of every shell", (t) => {
  for (const { name, command } of definitions.slice(0, -1)) {
    for (const { long } of command.createHelp().visibleOptions(command)) {
      const option = long?.slice(2) ?? "";
      t.regex(bashCompletion(definitions), new RegExp(`--${option}\\b`), name);
      t.regex(zshCompletion(definitions), new RegExp(`--${option}\\b`), name);
      t.regex(fishCompletion(definitions), new RegExp(`seen_subcommand_from ${name}'.* -l ${option}\\b`), name);
    }
  }
});
