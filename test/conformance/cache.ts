/** A cache of results that take seconds: programs, the structs of the specification, capnp-es' code. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { flock, LOCK_EX, LOCK_NB } from "@puzzlefs/linux";
import { eventually } from "@puzzlefs/testing";

export const ROOT = resolve(import.meta.dirname, "../..");

/** In node_modules, so that what is generated there finds the packages of the tests. */
const CACHE = resolve(ROOT, "test/node_modules/.cache/conformance");

/**
 * Path of what `make` writes to the path that it is given, from now on called `name`. Test files run at the same time:
 * one makes it, the others wait.
 */
export async function madeOnce(name: string, make: (temporary: string) => Promise<void>): Promise<string> {
  const path = join(CACHE, name);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const lock = openSync(`${path}.flock`, "w");
  try {
    // Not by waiting in flock(2): a process that holds one lock must get on with it while it waits for another.
    while (!(await eventually(() => flock(lock, LOCK_EX | LOCK_NB))));
    if (!existsSync(path)) {
      const temporary = `${path}.${process.pid}`;
      await make(temporary);
      renameSync(temporary, path);
    }
  } finally {
    closeSync(lock);
  }
  return path;
}
