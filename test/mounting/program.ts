/** The program as `make install` puts it into a system, on a disk that becomes part of a machine's root directory. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ext4Image } from "@puzzlefs/qemu";
import { root, run } from "../support/programs.ts";
import type { Scratch } from "../support/scratch.ts";

/** Debian's directories as they are below the program. */
const merged = ["bin", "lib", "sbin"];
const spare = 1 << 20;

/** Gives the image of an ext4 with what `make install PREFIX=/usr` installs, Node included. */
export function programDisk(scratch: Scratch): string {
  const tree = scratch.directory("installed");
  for (const name of merged) {
    mkdirSync(join(tree, "usr", name), { recursive: true });
    symlinkSync(join("usr", name), join(tree, name));
  }
  const env = { ...process.env, DESTDIR: tree, PREFIX: "/usr" };
  run(process.execPath, [join(root, "packages/cli/install.ts")], { env });
  const image = scratch.fresh("program.ext4");
  ext4Image(image, tree, spare);
  return image;
}
