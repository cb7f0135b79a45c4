import { join } from "node:path";
import { cache, isRoot, missing, run } from "../support/programs.ts";

/** The umoci of the system that docs/recipes.md is tested on. */
const umoci = join(cache, "trees/recipes/root/usr/bin/umoci");

/** Why umoci cannot be run here; empty if it can. */
export function umociObstacle(): string {
  if (!isRoot) return "needs root";
  return missing(umoci)
    .map((path) => `needs ${path}`)
    .join();
}

export function runUmoci(...argv: readonly string[]): string {
  return run(umoci, argv, { env: { ...process.env, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
}

/** Unpacks an image; returns the root directory. */
export function unpack(layout: string, tag: string, bundle: string): string {
  runUmoci("unpack", "--image", `${layout}:${tag}`, bundle);
  return join(bundle, "rootfs");
}
