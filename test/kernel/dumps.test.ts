/**
 * Every kind of image, mounted by the driver on each kernel: the dump of the mount equals that of the source. All images
 * are mounted at the same time, in one machine for each kernel.
 */
import { join } from "node:path";
import { type KernelName, type Machine, storeDisk, type StoreDisk } from "@puzzlefs/qemu";
import test from "ava";
import { assertSameText } from "../support/compare.ts";
import { Scratch } from "../support/scratch.ts";
import { bootDriver, isThorough, kernels, kernelTest, missingFor, mountImage, mountingKernels } from "./driver.ts";
import { addDebianImages, addHostileImages, addPackedImages, ImageStore, type StoredImage } from "../posix/store.ts";
import { type DriverImage, settled } from "./packed-images.ts";

const minutes = 60_000;
const scratch = new Scratch();
const store = new ImageStore(scratch.directory("store"));
const possible = mountingKernels.filter((kernel) => missingFor(kernel) === "");
let disk: StoreDisk | undefined;

// Images are built now, as there is a test for each.
if (possible.length > 0) {
  addHostileImages(store, scratch);
  addDebianImages(store, !isThorough);
  addPackedImages(store);
}
const forms = new Map<StoredImage, DriverImage>();

test.before(() => {
  if (possible.length === 0) return;
  for (const image of store.images) forms.set(image, settled(join(store.directory, image.layout), image.tag));
  disk = storeDisk(store.directory);
});

test.after.always(() => {
  disk?.remove();
  scratch.remove();
});

/** Two dumps at a time, one for each processor. */
const dumpAll = `
  ls /mnt | xargs -P 2 -n 1 sh -c '
    times=; [ ! -e /run/no-times-$0 ] || times=--no-times
    lua /dump.lua /mnt/$0 $times >/tmp/dump-$0 2>/tmp/error-$0'`;

for (const kernel of mountingKernels) {
  const images = store.images.filter(({ oncePerSuite }) => !oncePerSuite || kernels.includes(kernel));
  let machine: Machine | undefined;

  kernelTest(kernel, `mounts ${images.length} images at the same time`, async (t) => {
    machine = await bootDriver(kernel, { disks: disk === undefined ? [] : [disk] });
    for (const [index, image] of images.entries()) {
      const { manifest, more }: DriverImage = forms.get(image) ?? image;
      await t.notThrowsAsync(mountImage(machine, image.layout, manifest, `/mnt/${index}`, more), image.name);
      if (!image.times) await machine.succeed(`touch /run/no-times-${index}`);
    }
    await machine.run(dumpAll, { timeout: 20 * minutes });
  });

  for (const [index, image] of images.entries()) testDump(kernel, index, image, () => machine);

  kernelTest(kernel, "unmounts them and unloads the module, and the kernel reported no fault", async (t) => {
    if (machine === undefined) return t.fail("the machine did not boot");
    await machine.succeed("for mount in /mnt/*; do umount $mount || exit 1; done; umount /store && rmmod puzzlefs");
    await machine.close();
    t.pass();
  });

  test.after.always(() => machine?.kill());
}

function testDump(kernel: KernelName, index: number, image: StoredImage, machine: () => Machine | undefined): void {
  kernelTest(kernel, `the mount equals the source: ${image.name}`, async (t) => {
    const running = machine();
    if (running === undefined) return t.fail("the machine did not boot");
    const { stdout, stderr } = await running.run(`cat /tmp/dump-${index}; cat /tmp/error-${index} >&2`);
    t.is(stderr, "");
    assertSameText(t, stdout, store.expected(image), join(image.layout, image.manifest));
  });
}
