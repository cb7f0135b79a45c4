/**
 * Under the debug kernel, every allocation fails in turn: of mounts, look-ups, listings, reads, and mappings. Each call
 * returns an error or the correct result, nothing leaks, and no checker of the kernel reports anything. See debug-kernel in
 * the Makefile.
 */
import { manifestOf, mountCommand, storeDisk } from "@puzzlefs/qemu";
import { addJoined } from "../posix/joined.ts";
import { build } from "../support/images.ts";
import { Scratch } from "../support/scratch.ts";
import { makeSmallTree } from "../support/trees/small.ts";
import { bootDebugMachine, debugTest, unloadAndFindLeaks } from "./debug-machine.ts";

const images: readonly { name: string; options: string[]; more: string }[] = [
  { name: "raw", options: [], more: "" },
  // While a mount of "raw" has the large file open, whose pages both share.
  { name: "kept", options: ["--mtime", "keep"], more: "" },
  { name: "zstd", options: ["-c", "--chunk-size", "16384:65536:262144"], more: "" },
  // Its blobs have many chunks.
  { name: "joined", options: ["-c", "--chunking", "stream"], more: ",verify=blob" },
];
const manyNames = 300;
const minutes = 60_000;

debugTest("every allocation fails once", 120, async (t) => {
  const scratch = new Scratch();
  const tree = scratch.fresh("tree");
  makeSmallTree(tree, manyNames);
  const layout = scratch.fresh("oci");
  for (const { name, options } of images) build(tree, `${layout}:${name}`, ...options);
  addJoined(layout, "joined", "joined", 1 << 20);
  const disk = storeDisk(layout);
  const machine = await bootDebugMachine({ disks: [{ image: disk.image }] });
  try {
    await machine.succeed("mkdir /store && mount /dev/vda /store");
    const second = mountCommand({ store: "/store", manifest: manifestOf(layout, "raw"), at: "/second" });
    for (const { name, more } of images) {
      if (name === "kept")
        await machine.succeed(`mkdir /second; ${second}; sleep 100000 </second/large & cat /second/large | wc -c`);
      const command = `lua /faults.lua /store ${manifestOf(layout, name)} /mnt '${more}'`;
      const { status, stdout, stderr } = await machine.run(command, { timeout: 30 * minutes });
      t.log(`${name}:\n${stdout}`);
      t.is(status, 0, stderr);
      if (name === "kept")
        await machine.succeed(
          "kill $(pidof sleep); for i in $(seq 100); do umount /second && break; sleep 1; done; ! grep /second /proc/mounts",
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
