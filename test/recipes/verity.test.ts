import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ext4Image } from "@puzzlefs/qemu";
import test from "ava";
import { debianRoot, root, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { kernels } from "../kernel/driver.ts";
import { bootGuest, guestTest } from "../mounting/guest.ts";
import { complaint, readRecipes, scriptOf } from "./document.ts";

/** The recipe of docs/recipes.md for which the machine's own kernel must have fs-verity. */

const title = "Verity from the first byte on";
/** Bytes for what is built there. */
const spare = 64 << 20;
const scratch = new Scratch();
const [kernel = "6.12"] = kernels;

test.after.always(() => scratch.remove());

guestTest(kernel, title, async (t) => {
  const recipe = readRecipes(join(root, "docs/recipes.md")).find((found) => found.title === title);
  if (recipe === undefined) return t.fail(`docs/recipes.md has no "${title}"`);
  const store = scratch.directory("store");
  // A small part of Debian: the processor is emulated.
  mkdirSync(join(store, "rootfs"));
  run("cp", ["-a", join(debianRoot, "etc"), join(store, "rootfs/etc")]);
  writeFileSync(join(store, "recipe.sh"), scriptOf(recipe));
  const image = scratch.fresh("store.ext4");
  ext4Image(image, store, spare);
  const guest = await bootGuest(kernel, scratch, { disks: [{ image }] });
  try {
    const { status, stdout } = await guest.run("cd /store && bash recipe.sh");
    t.is(complaint(recipe, stdout, status), "");
  } finally {
    guest.machine.kill();
  }
});
