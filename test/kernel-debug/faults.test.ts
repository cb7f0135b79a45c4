/**
 * Under the debug kernel, every allocation in turn fails: of mounting, looking up, listing, reading, mapping. Each gives an
 * honest error or what is right, nothing is lost, and no checker of the kernel has anything to report. See debug-kernel
 * in the Makefile.
 */
import { manifestOf, mountCommand, storeDisk } from "@puzzlefs/qemu";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { makeSmallTree } from "../support/trees/small.ts";
import { bootDebugMachine, debugTest, unloadAndFindLeaks } from "./debug-machine.ts";

const images: readonly { name: string; options: string[]; more: string }[] = [
  { name: "raw", options: [], more: "" },
  // Beside a mount of "raw" that has the large file open: the pages of both are the same.
  { name: "kept", options: ["--mtime", "keep"], more: "" },
  { name: "zstd", options: ["-c", "--chunk-size", "16384:65536:262144"], more: "" },
  { name: "packed", options: ["-c", "--pack", "1M", "--chunking", "stream"], more: ",verify=blob" },
];
const manyNames = 300;
const minutes = 60_000;

debugTest("every allocation fails once", 120, async (t) => {
  const scratch = new Scratch();
  const tree = scratch.fresh("tree");
  makeSmallTree(tree, manyNames);
  const layout = scratch.fresh("oci");
  for (const { name, options } of images) build(tree, `${layout}:${name}`, ...options);
  const disk = storeDisk(layout);
  const machine = await bootDebugMachine({ disks: [{ image: disk.image }] });
  try {
    await machine.succeed("mkdir /store && mount /dev/vda /store");
    const beside = mountCommand({ store: "/store", manifest: manifestOf(layout, "raw"), at: "/beside" });
    for (const { name, more } of images) {
      if (name === "kept")
        await machine.succeed(`mkdir /beside; ${beside}; sleep 100000 </beside/large & cat /beside/large | wc -c`);
      const command = `lua /faults.lua /store ${manifestOf(layout, name)} /mnt '${more}'`;
      const { status, stdout, stderr } = await machine.run(command, { timeout: 30 * minutes });
      t.log(`${name}:\n${stdout}`);
      t.is(status, 0, stderr);
      if (name === "kept")
        await machine.succeed(
          "kill $(pidof sleep); for i in $(seq 100); do umount /beside && break; sleep 1; done; ! grep /beside /proc/mounts",
        );
    }
    t.is(await unloadAndFindLeaks(machine), "");
    await machine.close();
  } finally {
    machine.kill();
    disk.remove();
    scratch.remove();
  }
});
