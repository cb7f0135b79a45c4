import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Writes files below `out` and returns the paths of those that have changed. A directory named "generated" belongs to
 * the compiler: other files in it are deleted.
 */
export function writeFiles(files: ReadonlyMap<string, string>, out: string): string[] {
  const directories = new Set([...files.keys()].map((file) => dirname(file)));
  for (const directory of directories) {
    const path = join(out, directory);
    if (!directory.endsWith("generated") || !existsSync(path)) continue;
    for (const name of readdirSync(path)) if (!files.has(join(directory, name))) rmSync(join(path, name));
  }
  const changed: string[] = [];
  for (const [file, text] of files) {
    const path = join(out, file);
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
    writeFileSync(path, text);
    changed.push(file);
  }
  return changed;
}
