/** A disk with the program as installed by `make install`, to become part of a machine's root directory. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ext4Image } from "@puzzlefs/qemu";
import { root, run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";

/** Directories that Debian has merged into /usr. */
const merged = ["bin", "lib", "sbin"];
const spare = 1 << 20;

/** Makes an ext4 image with the files of `make install PREFIX=/usr`, Node included. */
export function programDisk(scratch: Scratch): string {
  const tree = scratch.directory("installed");
  for (const name of merged) {
    mkdirSync(join(tree, "usr", name), { recursive: true });
    symlinkSync(join("usr", name), join(tree, name));
  }
  const env = { ...process.env, DESTDIR: tree, PREFIX: "/usr" };
  run(process.execPath, [join(root, "packaging/install.ts")], { env });
  const image = scratch.fresh("program.ext4");
  ext4Image(image, tree, spare);
  return image;
}
