/** The POSIX cases on real mounts: as root, as an ordinary user through fusermount3, as root of a user namespace. */
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { applies, type Feature, nodeEnvironment, nodeFixture, posixCases, System } from "@puzzlefs/posix";
import { CHECK, MEMORY_MOUNT, mountObstacle, type Outcome, run, Scratch } from "./mount-fixture.ts";

const NOBODY = 65534;
const COMMON = "read-only,directory-links,statfs,synthetic-times,xattrs,devices";
/** All but handles: what one mount gives out means nothing to the next. */
const AS_ROOT = new Set<Feature>([
  ...(COMMON.split(",") as Feature[]),
  "owners",
  "acls",
  "privileged-xattrs",
  "other-users",
]);
const obstacle = mountObstacle();

if (obstacle !== undefined) {
  test("POSIX cases on FUSE", (t) => {
    t.log(`skipped: ${obstacle}`);
    t.pass();
  });
} else {
  const scratch = new Scratch();
  test.before("mount", async () => void (await scratch.mount({ tree: "fixture" })));
  test.after.always("unmount", () => scratch[Symbol.asyncDispose]());
  const subject = { system: new System(nodeEnvironment()), root: scratch.mountpoint, entries: nodeFixture() };
  for (const item of posixCases.filter((each) => applies(each, AS_ROOT))) {
    test(`as root: ${item.name}`, (t) => {
      item.check(subject);
      t.pass();
    });
  }

  test("as nobody, through fusermount3", async (t) => {
    await using place = new Scratch();
    const reason = readiness();
    if (reason !== undefined) return skip(t, reason);
    chownSync(place.mountpoint, NOBODY, NOBODY);
    chownSync(place.directory, NOBODY, NOBODY);
    // /dev/fuse is for everyone where udev runs; elsewhere only in this private mount namespace.
    const device = join(place.directory, "device");
    mkdirSync(device);
    const outcome = await script(
      place,
      `mount -t tmpfs none ${device} && mknod -m 666 ${device}/fuse c 10 229 && mount --bind ${device}/fuse /dev/fuse
       exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups sh -c '
         "$1" "$2" "$4" "{\\"tree\\":\\"fixture\\"}" && "$1" "$3" "$4" ${COMMON},owners,acls; status=$?
         grep "$4" /proc/mounts; fusermount3 -u "$4" || exit 9; exit $status' sh "$@"`,
      ["unshare", "--mount"],
    );
    t.is(outcome.code, 0, outcome.stdout + outcome.stderr);
    t.regex(outcome.stdout, /fuse\.puzzlefs ro,nosuid,nodev,/);
  });

  test("as root of a user namespace", async (t) => {
    await using place = new Scratch();
    if (spawnSync("unshare", ["-rm", "true"]).status !== 0) return skip(t, "no user namespaces here");
    const outcome = await script(
      place,
      `"$1" "$2" "$4" '{"tree":"fixture"}' && "$1" "$3" "$4" ${COMMON}; status=$?; umount "$4" || exit 9; exit $status`,
      ["unshare", "--user", "--map-root-user", "--mount"],
    );
    t.is(outcome.code, 0, outcome.stdout + outcome.stderr);
  });
}

/** Runs a shell script with $1 node, $2 and $3 the programs that mount and check, $4 the mount point. */
function script(place: Scratch, text: string, prefix: string[]): Promise<Outcome> {
  const file = join(place.directory, "script");
  writeFileSync(file, text);
  const [program, ...argv] = prefix;
  return run(program, ...argv, "sh", file, process.execPath, MEMORY_MOUNT, CHECK, place.mountpoint);
}

function readiness(): string | undefined {
  if (spawnSync("fusermount3", ["--version"]).status !== 0) return "fusermount3 is not installed";
  // Through a shell: what setpriv itself starts still has root's capabilities.
  const check = ["sh", "-c", '"$0" --check "$1"', process.execPath, CHECK];
  const drop = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...check];
  return spawnSync("setpriv", drop).status === 0 ? undefined : "nobody cannot run Node or read this checkout";
}

function skip(t: ExecutionContext, reason: string): void {
  t.log(`skipped: ${reason}`);
  t.pass();
}
