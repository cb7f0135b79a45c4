import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import test from "ava";
import { messageOf } from "@puzzlefs/linux";
import { EXIT_FAILED, EXIT_INTERNAL, EXIT_USAGE, exitCodeOf, messageLines, showStacks } from "./errors.ts";
import { isBuilt, launcher, runProgram, TestDirectory } from "./program-fixture.ts";

const serial = isBuilt ? test.serial : test.serial.skip;

/** Names of errors, Node's texts, places in code: nothing for users. */
const BARE = /\bE[A-Z]{4,}\b|ERR_|node:|^\s+at |internal error|undefined|\[object/m;

test("a fault of the program has its own exit code, even if another process reports it; --debug prints its stack", (t) => {
  const fault = new TypeError("x is not a function");
  t.is(exitCodeOf(fault), EXIT_INTERNAL);
  t.is(messageLines(fault).length, 1);
  t.regex(messageLines(fault)[0] ?? "", /^internal error, please report it: TypeError: x is not a function \(at .*\)$/);
  const reported = Object.assign(new Error(messageOf(fault)), { name: fault.name });
  t.is(exitCodeOf(reported), EXIT_INTERNAL);
  t.deepEqual(messageLines(reported), messageLines(fault));
  t.is(exitCodeOf(new RangeError("Array buffer allocation failed")), EXIT_FAILED);
  showStacks();
  t.true(messageLines(fault).length > 2);
});

serial("an option that is impossible for a build is wrong usage", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  for (const option of ["--jobs 0", "--chunk-size 1:2", "--chunk-size 9:8:7", "--frame-size 1", "--mtime never"]) {
    const { code, stderr } = await directory.run("build", ...option.split(" "), "root", "store:v");
    t.is(code, EXIT_USAGE, `${option}: ${stderr}`);
    t.notRegex(stderr, BARE);
  }
});

serial("errors of the system name the path and the reason, and no library's text reaches the user", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  mkdirSync(directory.path("closed"));
  writeFileSync(directory.path("file"), "");
  await directory.run("build", "root", "store:v");
  chmodSync(directory.root, 0o755);
  await runProgram("cp", ["-r", directory.path("store"), directory.path("closed/store")]);
  chmodSync(directory.path("closed"), 0o700);
  const absent: [command: string, text: RegExp][] = [
    ["build none store:x", /none: .*no such file or directory/],
    ["build file store:x", /file: not a directory/],
    ["build --config none root store:x", /none: .*no such file or directory/],
    ["build --config root root store:x", /root: .*is a directory/],
    ["build root file/store:x", /file\/?.*: not a directory/],
    ["extract store:v file", /file: not a directory/],
    ["extract store:v /proc/none", /\/proc\/none: no such file or directory/],
    ["extract store:v file/below", /file\/?.*: not a directory/],
    ["ls none:v", /none: not an OCI layout/],
    ["ls file:v", /file: not a directory/],
    ["tags file", /file: not a directory/],
    ["dump --directory none", /none: no such file or directory/],
    ["umount none", /none: no such directory/],
    ["mount store:v none", /none: no such directory/],
    ["mount --driver fuse --log-file none/x store:v root", /none\/x: no such file or directory/],
    [`ls ${"x".repeat(300)}:v`, /x: file name too long/],
    [`dump --directory ${"x".repeat(300)}`, /x: file name too long/],
  ];
  const denied: [command: string, text: RegExp][] = [
    ["build closed /tmp/puzzlefs-none:x", /closed: .*permission denied/],
    ["build root closed/store:x", /closed\/store.*: permission denied/],
    ["build root new:x", /new.*: permission denied/],
    ["extract store:v closed/x", /closed\/x: permission denied/],
    ["extract store:v new", /new: permission denied/],
    ["ls closed/store:v", /closed\/store.*: permission denied/],
    ["verify closed/store", /closed\/store.*: permission denied/],
    ["tags closed/store", /closed\/store.*: permission denied/],
    ["dump --directory closed", /closed: permission denied/],
    ["mount closed/store:v root", /closed\/store.*: permission denied/],
  ];
  const asOrdinaryUser = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const cases = [
    ...absent.map(([command, text]) => ({ argv: [launcher, ...command.split(" ")], text })),
    ...(process.geteuid?.() === 0 ? denied : []).map(([command, text]) => ({
      argv: [...asOrdinaryUser, launcher, ...command.split(" ")],
      text,
    })),
  ];
  for (const { argv, text } of cases) {
    const { code, stderr } = await runProgram(argv[0] as string, argv.slice(1), directory.root);
    const line = argv.join(" ");
    t.regex(stderr, /^puzzlefs: [^\n]*\n$/, line);
    t.regex(stderr, text, line);
    t.notRegex(stderr, BARE, line);
    t.true([1, 2].includes(code ?? -1), `${line}: ${code}`);
  }
});

serial("an error names limits of memory and descriptors, and no process dumps its core", async (t) => {
  using directory = new TestDirectory();
  mkdirSync(directory.path("root"));
  const limited = (limit: string, command: string): ReturnType<typeof runProgram> =>
    runProgram("bash", ["-c", `ulimit -c 0; ulimit ${limit}; exec '${launcher}' ${command}`], directory.root);
  const cases: [limit: string, command: string, text: RegExp][] = [
    ["-v 300000", "--version", /ulimit -v/],
    ["-v 900000", "tags store", /ulimit -v/],
    ["-v 1199999", "--help", /ulimit -v/],
    ["-n 16", "--version", /ulimit -n/],
    ["-n 31", "tags store", /ulimit -n/],
  ];
  for (const [limit, command, text] of cases) {
    const { code, stderr } = await limited(limit, command);
    t.is(code, EXIT_FAILED, `${limit}: ${stderr}`);
    t.regex(stderr, /^puzzlefs: [^\n]*\n$/, limit);
    t.regex(stderr, text, limit);
  }
  const { code, stderr } = await limited("-v 1500000", "build root store:v");
  t.regex(`${code} ${stderr}`, /^(0 |1 puzzlefs: not enough memory: [^\n]*\n$)/);
  t.is((await limited("-n 40", "build root store:v")).code, 0);
});
