import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { REGISTRY_VARIABLES } from "@puzzlefs/registry";
import { registryCommands } from "./commands.ts";
import { Installation, latin1 } from "./launcher-fixture.ts";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import { isBuilt, launcher, runProgram, TestDirectory } from "./program-fixture.ts";
import { version } from "./version.ts";

const ALL_BYTES = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1)).join("");
const INVALID = "\xff\xc3";
/** Of Node, from the launcher. */
const OPTION = "--max-semi-space-size=8";
const AS_ORDINARY_USER = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const isRoot = process.geteuid?.() === 0;
const byText = (one: string, other: string): number => (one < other ? -1 : 1);

/** Programs and functions with these names leave a file behind when they run. */
const COMMANDS = "[ test echo printf ulimit command env sed readlink id node dirname sh fail find_program".split(" ");
const SPECIAL = "set unset export exec exit return eval :".split(" ");

/** Everything in this environment tries to run code, to lead Node to files, or to change what it does. */
function hostile(directory: Installation): string[] {
  const touch = `/usr/bin/touch '${directory.path("ran")}'`;
  const made = (name: string, content: string): string => {
    writeFileSync(directory.path(name), content, { mode: 0o755 });
    return directory.path(name);
  };
  mkdirSync(directory.path("bin"));
  for (const name of COMMANDS) made(join("bin", name), `#!/bin/sh\n${touch}\n`);
  const script = made("evil.sh", `${touch}\n`);
  const required = made("evil.cjs", `require("node:fs").writeFileSync(${JSON.stringify(directory.path("ran"))}, "");`);
  const nowhere = directory.path("nowhere");
  return [
    `PATH=${directory.path("bin")}`,
    `NODE_OPTIONS=--require=${required} --title=${INVALID}`,
    ...[...COMMANDS, ...SPECIAL, "/usr/bin/env"].map((name) => `BASH_FUNC_${name}%%=() { ${touch}; }`),
    ...["ENV", "BASH_ENV"].map((name) => `${name}=${script}`),
    `PS4=$(${touch})`,
    "SHELLOPTS=errexit:nounset:noglob:xtrace:verbose:allexport",
    "CDPATH=/",
    "IFS=/lib",
    "LC_ALL=C.UTF-8",
    "UV_THREADPOOL_SIZE=1",
    "MALLOC_PERTURB_=1",
    ...[
      "NODE_PATH",
      "NODE_V8_COVERAGE",
      "NODE_COMPILE_CACHE",
      "NODE_REDIRECT_WARNINGS",
      "OPENSSL_CONF",
      "SSL_CERT_FILE",
    ]
      .concat(["LD_LIBRARY_PATH", "LD_AUDIT", "LD_PRELOAD", "GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES", "TZ", "HOME"])
      .map((name) => `${name}=${nowhere}`),
    `PASSWORD=secret ${ALL_BYTES}`,
  ];
}

/** Some shells do not start with some variables: they end before the first line of any script. */
function startsWith(shell: string, variable: string): boolean {
  const special = SPECIAL.some((name) => variable.startsWith(`BASH_FUNC_${name}%%`));
  return !(shell === "bash --posix" && special);
}

test("Node starts with the variables of the list and no others, whichever shell is /bin/sh", async (t) => {
  using directory = new Installation();
  const passed = [
    `COLUMNS=${ALL_BYTES}`,
    `NO_COLOR=${ALL_BYTES}`,
    `TERM=${INVALID}`,
    `SOURCE_DATE_EPOCH=${INVALID}${ALL_BYTES}`,
  ];
  const environment = [...hostile(directory), ...passed];
  const always = directory.always.filter((variable) => !variable.startsWith("TERM="));
  const argv = ["--", ALL_BYTES, "", INVALID, "a=b", "* $(x) `x`"];
  for (const [name, shell] of directory.shells) {
    const given = environment.filter((variable) => startsWith(name, variable));
    const started = await directory.start(shell, given, ...argv);
    t.deepEqual(started.environment, [...always, ...passed].sort(), name);
    t.deepEqual(started.argv, [OPTION, `${directory.home}/lib/puzzlefs.js`, ...argv], name);
    t.false(existsSync(directory.path("ran")), `${name}: code that the environment names ran`);
    t.false(existsSync(directory.path("nowhere")), `${name}: Node was led to a directory`);
  }
});

test("commands that talk to registries get the variables for that, and no others do", async (t) => {
  using directory = new Installation();
  const variables = REGISTRY_VARIABLES.map((name) => `${name}=${name === "PATH" ? "/bin" : ""}${INVALID} $(x) '\n`);
  // What is not of the list; NODE_OPTIONS among it.
  const hostileOnes = hostile(directory).filter(
    (variable) => !REGISTRY_VARIABLES.includes(variable.split("=")[0] ?? ""),
  );
  const always = directory.always.filter((variable) => !variable.startsWith("PATH="));
  for (const [name, shell] of directory.shells) {
    const given = [...hostileOnes.filter((variable) => startsWith(name, variable)), ...variables];
    for (const command of registryCommands) {
      const { environment, argv } = await directory.start(shell, given, command, "a=b", "");
      t.deepEqual(environment, [...always, ...variables].toSorted(byText), `${name}: ${command}`);
      t.deepEqual(argv, [OPTION, `${directory.home}/lib/puzzlefs.js`, command, "a=b", ""], `${name}: ${command}`);
      const few = (await directory.start(shell, ["PATH=/bin", "PASSWORD=secret"], command)).environment;
      t.deepEqual(few, [...always, "PATH=/bin"].toSorted(byText), `${name}: ${command}, variables that are not set`);
    }
    for (const command of ["build", "--", "pushy", "x push"])
      t.deepEqual(
        (await directory.start(shell, variables, command, "push")).environment,
        directory.always,
        `${name}: ${command}`,
      );
    t.false(existsSync(directory.path("ran")), name);
  }
});

test("each variable alone stays out, and its value does not keep the program from starting", async (t) => {
  using directory = new Installation();
  const variables = hostile(directory);
  const endings = ["", INVALID, "\n", ALL_BYTES];
  for (const [index, variable] of variables.entries()) {
    for (const [name, shell] of directory.shells) {
      if (!startsWith(name, variable)) continue;
      const value = variable + (variable.startsWith("BASH_FUNC_") ? "" : (endings[index % endings.length] as string));
      const started = await directory.start(shell, [value]);
      t.deepEqual(started.environment, directory.always, `${name}: ${variable}`);
      t.false(existsSync(directory.path("ran")), `${name}: ${variable}`);
    }
  }
});

(isRoot ? test : test.skip)("only an ordinary user chooses the directory for temporary files", async (t) => {
  using directory = new Installation();
  const variable = `TMPDIR=/tmp/${INVALID}`;
  for (const [name, shell] of directory.shells) {
    t.deepEqual((await directory.start(shell, [variable])).environment, directory.always, name);
    // In a user namespace root is an ordinary user's: the program there is root's all the same.
    const mapped = ["/usr/bin/unshare", "--user", "--map-root-user"];
    if ((await runProgram("unshare", ["--user", "--map-root-user", "true"])).code === 0)
      t.deepEqual((await directory.start([...mapped, ...shell], [variable])).environment, directory.always, name);
    const { environment } = await directory.start([...AS_ORDINARY_USER, ...shell], [variable]);
    t.deepEqual(environment, [...directory.always, variable].sort(), name);
  }
});

test("the directory of the installation may have any name", async (t) => {
  for (const home of ["a=b", "a b", "new\nline", "$(x)'\"*", "-n", "ü"]) {
    using directory = new Installation(home);
    for (const [name, shell] of directory.shells) {
      const { argv } = await directory.start(shell, ["NO_COLOR="], "word", "");
      t.deepEqual(argv, [OPTION, latin1(`${directory.home}/lib/puzzlefs.js`), "word", ""], `${name}: ${home}`);
    }
  }
});

test("mount(8) gets its helper under the helper's names", async (t) => {
  using directory = new Installation();
  const helper = `${directory.home}/lib/mount-helper.js`;
  for (const [link, more] of [
    ["mount.puzzlefs", []],
    ["mount.fuse.puzzlefs", ["-t", "fuse.puzzlefs"]],
  ] as const) {
    symlinkSync(`${directory.home}/puzzlefs`, directory.path(link));
    const { stdout } = await directory.run([directory.path(link), "a b", "dir"]);
    t.deepEqual((JSON.parse(stdout) as { argv: string[] }).argv, [OPTION, helper, "a b", "dir", ...more]);
  }
});

test("Node is the installation's own: without it the launcher fails, and looks nowhere else", async (t) => {
  using directory = new Installation();
  rmSync(`${directory.home}/node`);
  const { code, stdout, stderr } = await directory.run(
    [`${directory.home}/puzzlefs`],
    [`PATH=${process.execPath}/..:/usr/bin`],
  );
  t.deepEqual([code, stdout, stderr], [123, "", `puzzlefs: no Node.js: ${directory.home}/node is missing\n`]);
});

(isBuilt ? test.serial : test.skip)("the launcher works from any directory and through symbolic links", async (t) => {
  using directory = new TestDirectory();
  symlinkSync(launcher, directory.path("first"));
  symlinkSync("first", directory.path("second"));
  for (const name of [launcher, "./first", directory.path("second")]) {
    const outcome = await runProgram(name, ["--version"], directory.root);
    t.deepEqual(outcome, { code: 0, stdout: `puzzlefs ${version}\n`, stderr: "" });
  }
});

(isBuilt ? mountTest : test.skip)("nothing of the user's environment is in a daemon's", async (t) => {
  using directory = await withImage(t);
  const argv = ["PASSWORD=secret", "NO_COLOR=1", launcher, "mount", "--driver", "fuse", "store:v1", "mnt"];
  try {
    const { code, stderr } = await runProgram("env", argv, directory.root);
    t.is(code, 0, stderr);
    const { stdout } = await runProgram("pgrep", ["-f", directory.path("mnt")]);
    const pids = stdout.trim().split("\n");
    t.true(pids.length > 0 && stdout !== "", "no daemon found");
    for (const pid of pids) {
      const names = readFileSync(`/proc/${pid}/environ`, "latin1")
        .split("\0")
        .map((variable) => variable.split("=")[0] ?? "")
        .filter((name) => name !== "");
      t.true(
        names.every((name) => ["NODE_COMPILE_CACHE", "PWD", "TZ"].includes(name)),
        names.join(" "),
      );
    }
  } finally {
    unmountLeftover(directory);
  }
});
