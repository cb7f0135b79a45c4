import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { makeHostileTree } from "../support/trees/hostile.ts";
import { assertSameText } from "../support/compare.ts";
import { checkoutForOthers, hasUserNamespaces, namespaceRoot, nobody } from "../support/other-users.ts";
import { isRoot, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

/** What an ordinary user can do with his own tree, as himself and as root of a user namespace: everything. */

const scratch = new Scratch();
const tree = scratch.fresh("tree");
/** In a user namespace the kernel knows no other ids: it refuses to show access control lists that have some. */
const treeWithoutAcls = scratch.fresh("tree");

test.before(() => {
  if (!isRoot) return;
  makeHostileTree(tree, { largeDirectory: 1000, sparseBytes: 20_000_000, privileged: false });
  run("chown", ["-hR", "65534:65534", tree]);
  // chown(2) takes these away.
  run("chmod", ["2755", join(tree, "modes/file-2755")]);
  run("chmod", ["4755", join(tree, "modes/file-4755")]);
  run("cp", ["-a", tree, treeWithoutAcls]);
  run("setfacl", ["-R", "-b", "-k", treeWithoutAcls]);
});

test.after.always(() => scratch.remove());

for (const [subject, user, source, obstacle] of [
  ["nobody", nobody, tree, isRoot ? "" : "root"],
  ["root of a user namespace", namespaceRoot, treeWithoutAcls, isRoot && hasUserNamespaces() ? "" : "user namespaces"],
] as const) {
  for (const options of ["", "-c"]) {
    const title = `${subject} builds, mounts and extracts a tree of its own ${options}`;
    if (obstacle !== "") test.serial.skip(`${title} (needs ${obstacle})`, () => {});
    else test.serial(title, (t) => roundTrip(t, user, source, options));
  }
}

function roundTrip(t: ExecutionContext, user: readonly string[], source: string, options: string): void {
  const home = scratch.directory("home");
  run("chmod", ["0777", home]);
  mkdirSync(join(home, "mnt"));
  run("chown", ["65534:65534", join(home, "mnt")]);
  const script = `
cd ${home}
puzzlefs dump --directory ${source} > source
puzzlefs build --mtime keep ${options} ${source} store:v1
puzzlefs verify store
puzzlefs extract store:v1 out 2> warnings
puzzlefs dump --directory out > extracted
puzzlefs mount store:v1 mnt
puzzlefs dump --directory mnt > mounted
cat mnt/sizes/text-4096 > text
puzzlefs umount mnt
if mountpoint -q mnt; then exit 1; fi
rm -rf out`;
  run(...checkoutForOthers(scratch, user, script));
  const read = (name: string): string => readFileSync(join(home, name), "latin1");
  t.is(read("warnings"), "");
  assertSameText(t, read("extracted"), read("source"), "extract");
  assertSameText(t, read("mounted"), read("source"), "mount");
  t.is(read("text"), readFileSync(join(source, "sizes/text-4096"), "latin1"));
}

(isRoot ? test.serial : test.serial.skip)("a user cannot build an unreadable file, and the message names it", (t) => {
  const home = scratch.directory("home");
  run("chmod", ["0777", home]);
  run("sh", ["-c", `mkdir ${home}/src && echo x > ${home}/src/secret && chmod 600 ${home}/src/secret`]);
  const script = `
cd ${home}
if puzzlefs build src store:v1 2> message; then exit 9; fi
puzzlefs tags store > tags || true`;
  run(...checkoutForOthers(scratch, nobody, script));
  t.regex(readFileSync(join(home, "message"), "utf8"), /src\/secret: cannot read: permission denied/);
  t.is(readFileSync(join(home, "tags"), "utf8"), "");
});
