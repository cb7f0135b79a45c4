/**
 * The dump comparison: every kind of image, on every backend that this machine has, shows its source. The kernel driver
 * is held to the same dumps of the same images in test/kernel/dumps.test.ts.
 */
import test from "ava";
import { assertSameText, dumpImage } from "../support/compare.ts";
import { nobody } from "../support/other-users.ts";
import { isRoot, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { type Backend, backends, look } from "./backends.ts";
import { addDebianImages, addHostileImages, addPackedImages, ImageStore, type StoredImage } from "./store.ts";
import { reasonsOf, seenBy } from "./views.ts";

const scratch = new Scratch();
const store = new ImageStore(scratch.directory("store"));

// There is a test for each image.
if (isRoot) {
  addHostileImages(store, scratch);
  addDebianImages(store);
  addPackedImages(store);
}

test.after.always(() => scratch.remove());

for (const image of store.images) {
  test.serial(`${image.name}: the image's own dump is the source's`, (t) => {
    const dump = dumpImage(nameOf(image), ...(image.times ? [] : ["--no-times"]));
    assertSameText(t, dump, store.expected(image), image.name);
    // The Rust tool's manifests have sizes that `verify` does not let pass.
    if (image.ours) t.regex(run(puzzlefs, ["verify", nameOf(image)]), /: good\n$/);
  });
}

for (const backend of backends) {
  const images = store.images.filter(({ oncePerSuite }) => !oncePerSuite || backend.name === "FUSE as root");
  if (backend.obstacle !== "") test.skip(`${backend.name}: dumps (needs ${backend.obstacle})`, () => undefined);
  else for (const image of images) testDump(backend, image, image === images[0]);
}

function nameOf({ layout, tag }: StoredImage): string {
  return `${store.directory}/${layout}:${tag}`;
}

function testDump(backend: Backend, image: StoredImage, first: boolean): void {
  test.serial(`${backend.name}: ${image.name} shows the source`, (t) => {
    const times = image.times ? "" : "--no-times";
    // The mount's user may enter; the capability to read everything lets it compare everything.
    const ambient = "--inh-caps +dac_read_search --ambient-caps +dac_read_search";
    const looker = backend.user === nobody ? `${nobody.join(" ")} ${ambient} ` : "";
    const command = `${looker}$node $checkout/test/posix-suite/src/node/dump.ts "$at" --refusals ${times}`;
    const { status, stdout, stderr } = look(scratch, backend, nameOf(image), command);
    t.is(status, 0, stderr);
    assertSameText(t, stdout, seenBy(backend.name, store.expected(image)), `${backend.name}: ${image.name}`);
    if (first) for (const reason of reasonsOf(backend.name)) t.log(`otherwise: ${reason}`);
  });
}
