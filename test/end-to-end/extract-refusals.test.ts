import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExtractWarning } from "@puzzlefs/reader";
import test, { type ExecutionContext } from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { blobPath, build, chunkDigests } from "../support/images.ts";
import { checkoutForOthers, hasUserNamespaces, nobody } from "../support/other-users.ts";
import { attempt, isRoot, missing, puzzlefs, run, type Outcome } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/**
 * What the target's file system or the rights of the caller refuse is counted, and everything else is there: what differs
 * from the image is exactly what was reported.
 */

const INCOMPLETE = 4;
const scratch = new Scratch();
const image = `${scratch.fresh("store")}:v1`;
let expected = "";

/** At most three of each kind, the number of paths that are reported. */
const makeTree = `
mkdir dev sg acl shut
printf '%0300d' 7 > a; ln a shut/a; ln a shut/b
mknod dev/null c 1 3; mknod dev/disk b 8 0; mkfifo fifo
echo x > suid; chown 1000:1001 suid; chmod 6755 suid
chmod 2775 sg; echo x > sg/in; chown 7:8 sg/in; chmod 2755 sg/in
echo x > cap; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 cap
echo x > noted; for name in trusted.note user.note security.other; do setfattr -n $name -v 1 noted; done
setfattr -n user.large -v $(printf '%02500d' 1) cap
echo x > acl/file; chmod 600 acl/file; setfacl -m u:1234:rwx,g::--- acl/file; setfacl -d -m u:99:rwx acl
ln -s "$(printf '%02000d' 1)" long; ln -s nowhere lnk; chown -h 44:55 lnk
head -c 300000 /dev/urandom > large
touch -d 1950-01-01 sg; touch -d 2100-01-01 suid; touch -h -d '2001-01-01 00:00:00.123456789' lnk
for name in dev sg/in acl acl/file shut/a dev/null dev/disk fifo cap noted large; do touch -d 2001-02-03 $name; done
touch -h -d 2001-02-03 long; touch -d 2001-02-03 .; chmod 0 shut; touch -d 2001-02-03 shut`;

const needs = missing("capsh", "setfacl", "setfattr", "mkfs.ext4").join(", ");
const obstacle = isRoot ? needs : "root";

test.before(() => {
  if (obstacle !== "") return;
  const tree = scratch.directory("tree");
  run("sh", ["-ec", makeTree], { cwd: tree });
  build(tree, image, "--mtime", "keep");
  expected = dumpImage(image);
});

test.after.always(() => scratch.remove());

/** Paths of which the lines of two dumps differ. */
function differing(one: string, other: string): string[] {
  const lines = (text: string): string[] => text.trimEnd().split("\n");
  const [first, second] = [new Set(lines(one)), new Set(lines(other))];
  const different = [...[...first].filter((x) => !second.has(x)), ...[...second].filter((x) => !first.has(x))];
  return [...new Set(different.map((line) => line.split(" ", 1)[0] as string))].sort();
}

/** `what loss code count`, sorted. */
function summary(warnings: readonly ExtractWarning[]): string[] {
  return warnings.map(({ what, loss, code = "-", count }) => `${what} ${loss} ${code} ${count}`).sort();
}

function check(t: ExecutionContext, outcome: Outcome, target: string, kinds: readonly string[]): void {
  t.is(outcome.status, INCOMPLETE, outcome.stderr);
  const { warnings } = JSON.parse(outcome.stdout) as { warnings: ExtractWarning[] };
  t.deepEqual(summary(warnings), [...kinds].sort());
  // A cause is reported once for all files that it affects, so it names none of them.
  for (const { code, cause } of warnings) if (code === "EPERM") t.is(cause, "operation not permitted");
  t.deepEqual(differing(dumpDirectory(target), expected), [...new Set(warnings.flatMap((w) => w.examples))].sort());
  const lines = outcome.stderr.trimEnd().split("\n");
  t.is(lines.length, kinds.length + 1, "a line for each kind, and one that sums up");
}

interface Refusal {
  title: string;
  /** Shell commands before `$extract`, which ends in the target `$target`. */
  line: string;
  kinds: readonly string[];
  obstacle?: string;
}

const dropping = (names: string): string => `capsh --drop=${names} -- -c "$extract"`;
const on = (mount: string): string =>
  `mkdir $target.mnt; ${mount} $target.mnt; mkdir $target.mnt/out; ln -s $target.mnt/out $target; $extract`;
const disk = (options: string): string =>
  on(`truncate -s 32M $target.img; mkfs.ext4 -q -F ${options} $target.img >/dev/null 2>&1; mount -o loop $target.img`);

const devices = ["chr missing EPERM 1", "blk missing EPERM 1"];
const noXattrs = ["access control list changed ENOTSUP 2", "user attribute changed ENOTSUP 2"];
const all = "cap_mknod cap_sys_admin cap_chown cap_fowner cap_fsetid cap_setfcap cap_dac_override cap_dac_read_search";

const refusals: readonly Refusal[] = [
  { title: "no CAP_MKNOD", line: dropping("cap_mknod"), kinds: devices },
  {
    title: "no CAP_SYS_ADMIN",
    line: dropping("cap_sys_admin"),
    kinds: ["trusted attribute changed EPERM 1", "security attribute changed EPERM 1"],
  },
  { title: "no CAP_SETFCAP", line: dropping("cap_setfcap"), kinds: ["security attribute changed EPERM 1"] },
  { title: "no CAP_CHOWN", line: dropping("cap_chown"), kinds: ["owner changed EPERM 3", "set-id bits changed - 2"] },
  {
    title: "no CAP_FOWNER",
    line: dropping("cap_fowner"),
    kinds: ["mode changed EPERM 2", "times changed EPERM 3"],
  },
  { title: "no CAP_FSETID", line: dropping("cap_fsetid"), kinds: ["set-id bits changed - 2"] },
  {
    title: "no capability",
    line: dropping(all.replaceAll(" ", ",")),
    kinds: [
      ...devices,
      "trusted attribute changed EPERM 1",
      "security attribute changed EPERM 2",
      "owner changed EPERM 3",
      "set-id bits changed - 2",
    ],
  },
  {
    title: "root of a user namespace with one id",
    line: `unshare -U -r $extract`,
    kinds: [
      ...devices,
      "access control list changed EINVAL 2",
      "trusted attribute changed EPERM 1",
      "security attribute changed EPERM 1",
      "owner changed EINVAL 3",
      "set-id bits changed - 2",
    ],
    obstacle: hasUserNamespaces() ? "" : "user namespaces",
  },
  {
    title: "a file system without attributes (ramfs)",
    line: on("mount -t ramfs none"),
    kinds: [...noXattrs, "trusted attribute changed ENOTSUP 1", "security attribute changed ENOTSUP 2"],
  },
  {
    title: "times that the file system cannot store",
    line: disk("-b 4096 -I 128"),
    kinds: ["times changed - 2"],
  },
  {
    title: "attributes and links that are too long",
    line: disk("-b 1024 -I 256"),
    kinds: ["user attribute changed E2BIG 1", "lnk missing ENAMETOOLONG 1"],
  },
  { title: "files that are too large", line: `ulimit -f 200; $extract`, kinds: ["file missing EFBIG 1"] },
];

for (const { title, line, kinds, obstacle: other = "" } of refusals) {
  const skipped = obstacle || other;
  if (skipped !== "") test.serial.skip(`refused: ${title} (needs ${skipped})`, () => {});
  else {
    test.serial(`refused: ${title}`, (t) => {
      const target = scratch.fresh("out");
      const script = `set -e\ntarget=${target}\nextract="${puzzlefs} extract --json ${image} $target"\n${line}`;
      check(t, attempt("bash", ["-c", script]), target, kinds);
    });
  }
}

const rooted = obstacle === "" ? test.serial : test.serial.skip;

rooted("what an ordinary user can never restore is no failure; a device is, unless with --best-effort", (t) => {
  const home = scratch.directory("home");
  run("chmod", ["0777", home]);
  const script = `
cd ${home}
puzzlefs extract --json ${image} out > first || test $? = ${INCOMPLETE}
puzzlefs extract --best-effort ${image} again
puzzlefs extract --json ${image.replace("v1", "v2")} own > second`;
  const tree = scratch.directory("tree");
  run("sh", ["-ec", "echo x > file; chown 5:6 file; chmod 4755 file; setfattr -n trusted.x -v 1 file"], { cwd: tree });
  build(tree, image.replace("v1", "v2"));
  run(...checkoutForOthers(scratch, nobody, script));
  const warnings = (name: string): ExtractWarning[] =>
    (JSON.parse(readFileSync(join(home, name), "utf8")) as { warnings: ExtractWarning[] }).warnings;
  t.deepEqual(summary(warnings("first").filter((w) => !w.expected)), [...devices].sort());
  t.true(warnings("second").every((w) => w.expected));
  t.deepEqual(summary(warnings("second")), [
    "owner changed EPERM 2",
    "set-id bits changed - 1",
    "trusted attribute changed EPERM 1",
  ]);
});

rooted("a user namespace that knows some of the ids keeps those", (t) => {
  if (!hasUserNamespaces()) return t.pass();
  const target = scratch.fresh("out");
  // unshare(1) needs newuidmap for more than one id; a map is written once, by a process outside.
  const script = `
mkfifo ${target}.go
unshare -U sh -c 'read go < ${target}.go; exec ${puzzlefs} extract --json ${image} ${target}' & pid=$!
until [ "$(readlink /proc/$pid/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do :; done
echo 0 0 60 > /proc/$pid/uid_map; echo 0 0 2000 > /proc/$pid/gid_map; echo > ${target}.go; wait $pid`;
  const { stdout, stderr } = attempt("bash", ["-c", script]);
  const { warnings } = JSON.parse(stdout || `{"warnings":[{"what":${JSON.stringify(stderr)}}]}`) as {
    warnings: ExtractWarning[];
  };
  t.deepEqual(warnings.find(({ what }) => what === "owner")?.examples, ["/suid"]);
  t.is(run("stat", ["-c", "%u:%g %a", join(target, "suid")]).trim(), "0:1001 2755");
  t.is(run("stat", ["-c", "%u:%g %a", join(target, "sg/in")]).trim(), "7:8 2755");
  t.is(run("stat", ["-c", "%u:%g", join(target, "lnk")]).trim(), "44:55");
  return undefined;
});

/** Access control lists as getfacl(1) has them: not our own reading. */
function lists(directory: string): string {
  return run("getfacl", ["-R", "-n", "."], { cwd: directory });
}

rooted("nothing is inherited: not from default lists, set-group-id, the umask or what a directory had", (t) => {
  const original = scratch.fresh("original");
  run(puzzlefs, ["extract", image, original]);
  for (const umask of ["0", "022", "077"]) {
    const parent = scratch.directory("parent");
    run("setfacl", ["-m", "u:5:rwx,d:u:77:rwx,d:g:88:r,d:o::rwx", parent]);
    run("chown", [":99", parent]);
    run("chmod", ["2777", parent]);
    const target = join(parent, "out");
    const extract = `umask ${umask}; ${puzzlefs} extract`;
    run("sh", ["-c", `${extract} ${image} ${target}`]);
    assertSameText(t, dumpDirectory(target), expected, `umask ${umask}`);
    assertSameText(t, lists(target), lists(original), `umask ${umask}`);
    run("setfacl", ["-R", "-m", "u:5:rwx,d:u:77:rwx", target]);
    run("setfattr", ["-n", "user.mine", "-v", "1", join(target, "sg")]);
    run("setfattr", ["-n", "trusted.mine", "-v", "1", target]);
    run("sh", ["-c", `${extract} --force ${image} ${target}`]);
    assertSameText(t, dumpDirectory(target), expected, `--force, umask ${umask}`);
    assertSameText(t, lists(target), lists(original), `--force, umask ${umask}`);
  }
});

rooted("an ordinary user's closed directories come back, and are merged with --force", (t) => {
  const home = scratch.directory("home");
  run("chmod", ["0777", home]);
  const tree = scratch.directory("tree");
  const script = `
mkdir -p closed/deeper search readonly
for d in closed closed/deeper search readonly; do echo $d > $d/file; ln $d/file zz-$(echo $d | tr / -); done
chmod 0 closed/deeper; chmod 0 closed; chmod 600 search; chmod 555 readonly; touch -d 2001-01-01 closed .
chown -hR 65534:65534 .`;
  run("sh", ["-ec", script], { cwd: tree });
  const own = image.replace("v1", "closed");
  build(tree, own, "--mtime", "keep");
  const commands = `
cd ${home}
puzzlefs extract ${own} out
puzzlefs extract --force ${own} out
mkdir -m 500 closed; puzzlefs extract ${own} closed`;
  const { status, stderr } = attempt(...checkoutForOthers(scratch, nobody, commands));
  t.is(status, 0, stderr);
  t.is(stderr, "");
  assertSameText(t, dumpDirectory(join(home, "out")), dumpImage(own), "extract");
  assertSameText(t, dumpDirectory(join(home, "closed")), dumpImage(own), "extract");
});

rooted("a target of another user: its own attributes stay, its default list is not inherited", (t) => {
  const home = scratch.directory("home");
  run("chmod", ["0777", home]);
  run("setfacl", ["-d", "-m", "u:5:rwx", home]);
  const own = image.replace("v1", "flat");
  const tree = scratch.directory("tree");
  run("sh", ["-ec", "mkdir -p d/e; echo x > file; echo x > d/file; chown -R 65534:65534 ."], { cwd: tree });
  build(tree, own);
  const line = `puzzlefs extract --json ${own} ${home} > /dev/null || test $? = ${INCOMPLETE}`;
  run(...checkoutForOthers(scratch, nobody, line));
  t.deepEqual(differing(dumpDirectory(home, "--no-times"), dumpImage(own, "--no-times")), ["/"]);
});

rooted("names in the way: a mount point gets copies of hard links, a directory with files in it stays", (t) => {
  const target = scratch.directory("out");
  run("sh", ["-c", "mkdir -p shut large/kept a; mount -t tmpfs none shut"], { cwd: target });
  const { status, stdout } = attempt(puzzlefs, ["extract", "--force", "--json", image, target]);
  t.is(status, INCOMPLETE);
  const { warnings } = JSON.parse(stdout) as { warnings: ExtractWarning[] };
  t.deepEqual(summary(warnings), ["file missing ENOTEMPTY 1", "hard link copied EXDEV 1"]);
  t.is(run("cat", [join(target, "shut/b")]), run("cat", [join(target, "a")]));
  t.is(run("stat", ["-c", "%h", join(target, "shut/b")]).trim(), "2");
  t.is(run("ls", [join(target, "large")]).trim(), "kept");
  run("umount", [join(target, "shut")]);
});

const fatal: Readonly<Record<string, { prepare: string; message: RegExp }>> = {
  "a full disk": {
    prepare: "mount -t tmpfs -o size=64k none $target",
    message: /extracting \/large: .*(ENOSPC|no space).*left incomplete, with \d+ of \d+ inodes/,
  },
  "a read-only file system": { prepare: "mount -t tmpfs -o ro none $target", message: /(EROFS|read-only)/ },
  "a directory that nothing can be made in": { prepare: "chattr +i $target", message: /out-\d+/ },
};

for (const [title, { prepare, message }] of Object.entries(fatal)) {
  rooted(`${title} ends the extraction: nothing else can be expected to succeed`, (t) => {
    const target = scratch.directory("out");
    run("sh", ["-c", `target=${target}; ${prepare}`]);
    const { status, stderr } = attempt(puzzlefs, ["extract", image, target]);
    spawnSync("chattr", ["-i", target]);
    t.is(status, 1, stderr);
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split("\n").length, 1);
  });
}

test.serial("a damaged file ends the extraction; with --keep-going it alone is missing", (t) => {
  const tree = scratch.directory("tree");
  for (const name of ["a", "b", "c"]) writeFileSync(join(tree, name), name.repeat(20_000));
  const store = scratch.fresh("store");
  build(tree, `${store}:v1`);
  const damaged = chunkDigests(store, "v1").map((digest) => blobPath(store, digest));
  const victim = damaged.find((path) => readFileSync(path, "latin1").startsWith("b")) as string;
  for (const damage of ["c".repeat(20_000), undefined]) {
    if (damage === undefined) run("rm", [victim]);
    else writeFileSync(victim, damage);
    const target = scratch.fresh("out");
    const stopped = attempt(puzzlefs, ["extract", `${store}:v1`, target]);
    t.is(stopped.status, 3);
    t.regex(stopped.stderr, /extracting \/b: blob sha256:.*left incomplete/);
    t.deepEqual(run("ls", [target]).trim(), "a", "nothing wrong has a right name");
    const rest = scratch.fresh("out");
    const { status, stderr, stdout } = attempt(puzzlefs, ["extract", "--keep-going", `${store}:v1`, rest]);
    t.is(status, 3, stdout);
    t.regex(stderr, /1 name .*: \/b\n.*1 damaged/);
    t.deepEqual(run("ls", [rest]).trim().split("\n"), ["a", "c"]);
  }
});
