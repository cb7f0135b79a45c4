/** The POSIX cases of the FUSE tests on the driver, compiled to Lua, in a virtual machine. */
import { mkdirSync } from "node:fs";
import { featuresOf, makeOnDisk, nodeFixture } from "@puzzlefs/posix-suite";
import { manifestOf, storeDisk } from "@puzzlefs/qemu";
import { build } from "../support/images.ts";
import { addJoined } from "../posix/joined.ts";
import { Scratch } from "../support/scratch.ts";
import { bootDriver, kernels, kernelTest, mountImage } from "./driver.ts";

const features = [...featuresOf("kernel")].join(",");
const variants = [
  ["raw", []],
  ["zstd", ["-c", "--frame-size", "65536"]],
] as const;
/** Raw blobs of one chunk, and compressed ones of many. */
const tags = ["raw", "zstd-joined"];

for (const kernel of kernels) {
  kernelTest(kernel, "the POSIX cases hold, on a raw and on a compressed image", async (t) => {
    const scratch = new Scratch();
    t.teardown(() => scratch.remove());
    const source = scratch.fresh("fixture");
    mkdirSync(source);
    makeOnDisk(source, nodeFixture());
    const store = scratch.directory("store");
    for (const [tag, options] of variants) build(source, `${store}/oci:${tag}`, "--mtime", "keep", ...options);
    addJoined(`${store}/oci`, "zstd", "zstd-joined", 1 << 20);
    const disk = storeDisk(store);
    t.teardown(() => disk.remove());
    const machine = await bootDriver(kernel, { disks: [disk] });
    t.teardown(() => machine.kill());
    for (const tag of tags) {
      await mountImage(machine, "oci", manifestOf(`${store}/oci`, tag), "/mnt");
      const report = await machine.succeed(`lua /posix.lua /mnt ${features}`, { timeout: 1_200_000 });
      t.regex(report, /\n# 0 failed\n$/, `${tag}:\n${report}`);
      t.notRegex(report, /# SKIP/, tag);
      await machine.succeed("umount /mnt");
    }
    await machine.succeed("umount /store && rmmod puzzlefs");
    await machine.close();
  });
}
