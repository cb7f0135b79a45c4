/** What takes seconds to make is made once, and kept: programs, the structs of the specification, capnp-es' code. */
import { existsSync, mkdirSync, renameSync, rmSync, rmdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";

export const ROOT = resolve(import.meta.dirname, "../..");

/** In node_modules, so that what is generated there finds the packages of the tests. */
const CACHE = resolve(ROOT, "test/node_modules/.cache/conformance");

/** A lock that is this old was left behind, milliseconds. */
const STALE = 120_000;

function locked(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > STALE) rmSync(lock, { recursive: true, force: true });
  return false;
}

/**
 * Path of what `make` writes to the path that it is given, from now on called `name`. Test files run at the same time:
 * one makes it, the others wait.
 */
export async function madeOnce(name: string, make: (temporary: string) => Promise<void>): Promise<string> {
  const path = join(CACHE, name);
  const lock = `${path}.lock`;
  mkdirSync(CACHE, { recursive: true });
  while (!existsSync(path)) {
    if (!locked(lock)) {
      await setTimeout(50);
      continue;
    }
    try {
      if (existsSync(path)) break;
      const temporary = `${path}.${process.pid}`;
      await make(temporary);
      renameSync(temporary, path);
    } finally {
      rmdirSync(lock);
    }
  }
  return path;
}
