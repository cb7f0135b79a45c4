/** Writable mounts keep their promises with the driver and with FUSE. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ext4Image, type KernelName } from "@puzzlefs/qemu";
import test from "ava";
import { attempt, isRoot, puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { isThorough, kernels } from "../kernel/driver.ts";
import { guestDrivers, guestTest, guestWith, type Material } from "./guest.ts";
import { buildImage } from "./images.ts";
import { makeTrees, preamble, writableCases } from "./writable-cases.ts";

/** Builds the images of the scripts into `store`. */
function buildImages(scratch: Scratch, store: string): void {
  const [base, changed] = [scratch.fresh("base"), scratch.fresh("changed")];
  makeTrees(base, changed);
  buildImage(store, "oci", base, ["--mtime", "keep"]);
  buildImage(store, "changed", changed, ["--mtime", "keep"]);
}

function variables(store: string, driver: string): string {
  return `export DRIVER=${driver} IMAGE=${store}/oci:v1 CHANGED=${store}/changed:v1 LAYOUT=${store}/oci\n`;
}

const scratch = new Scratch();
test.after.always(() => scratch.remove());
let store: string | undefined;
const canMount = isRoot && spawnSync("unshare", ["--mount", "test", "-w", "/dev/fuse"]).status === 0;
const here = canMount ? test.serial : test.serial.skip;

// In a mount namespace of its own: a copy of it by another test would keep upper directories in use.
for (const { title, script, output } of writableCases) {
  here(`FUSE: ${title}`, (t) => {
    if (store === undefined) {
      store = scratch.directory("store");
      buildImages(scratch, store);
    }
    const cwd = scratch.directory("work");
    const program = `puzzlefs() { '${puzzlefs}' "$@"; }; export -f puzzlefs\n`;
    const text = `PATH=${join(puzzlefs, "..")}:$PATH\n${program}${variables(store, "fuse")}${preamble}${script}`;
    const { status, stdout, stderr } = attempt("unshare", ["--mount", "bash", "-c", text], { cwd });
    t.is(status, 0, `${stdout}${stderr}`);
    t.is(stdout, output, stderr);
  });
}

for (const kernel of kernels) declare(kernel);

function declare(kernel: KernelName): void {
  const ready = guestWith(kernel, (into: Scratch): Material => {
    const directory = into.directory("store");
    buildImages(into, directory);
    const disk = into.fresh("store.ext4");
    ext4Image(disk, directory, 64 << 20);
    return { disks: [disk] };
  });
  for (const { title, script, output, ofProgram } of writableCases) {
    if (ofProgram && !isThorough) continue;
    guestTest(kernel, `${guestDrivers.join(" and ")}: ${title}`, async (t) => {
      const { guest } = await ready();
      for (const driver of guestDrivers) {
        const text = `cd /store/work\n${variables("/store", driver)}${preamble}${script}`;
        await guest.succeed(`cat >/tmp/case <<'END'\n${text}\nEND\nrm -rf /store/work; mkdir /store/work`);
        const { status, stdout, stderr } = await guest.run("unshare --mount sh /tmp/case");
        t.is(status, 0, `${driver}: ${stdout}${stderr}`);
        t.is(stdout, output, `${driver}: ${stderr}`);
      }
    });
  }
}
