/** The licences of what `make build` puts into the bundle, and of what is installed beside it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const LICENSE_FILE = /^(licen[cs]e|notice|copying)/i;

/** Parts of a package that are under licences of their own: directories relative to it. */
const PARTS: Record<string, readonly string[]> = {
  // Its code is inside of the package's file, but its licence is not.
  "d3-delaunay": ["../delaunator"],
  "zstd-napi": ["deps/zstd"],
};

interface Package {
  name: string;
  version: string;
  license?: string;
}

/** The directory of the package that a file of node_modules belongs to; undefined for other files. */
export function packageOf(file: string): string | undefined {
  if (!file.includes("/node_modules/")) return undefined;
  for (let directory = dirname(file); !directory.endsWith("/node_modules"); directory = dirname(directory)) {
    const description = join(directory, "package.json");
    // A package has directories with a package.json that only has the kind of their modules.
    if (existsSync(description) && typeof JSON.parse(readFileSync(description, "utf8")).name === "string")
      return directory;
  }
  return undefined;
}

function licensesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => LICENSE_FILE.test(file))
    .sort();
}

/**
 * One text with the licence files of packages, by name and version. Throws if a package has none and names no licence.
 *
 * @param directories of the packages
 */
export function licenseTexts(directories: Iterable<string>): string {
  const texts = new Map<string, string>();
  for (const directory of directories) {
    const { name, version, license }: Package = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    const parts = [".", ...(PARTS[name] ?? [])].map((part) => join(directory, part));
    const files = parts.flatMap((part) => licensesIn(part).map((file) => join(part, file)));
    if (files.length < parts.length && license === undefined) throw new Error(`${name} ${version} has no licence`);
    const content = files.map((file) => readFileSync(file, "utf8").trim());
    texts.set(`${name} ${version}`, [`${name} ${version} (${license ?? "see below"})`, ...content].join("\n\n"));
  }
  const line = `\n\n${"-".repeat(80)}\n\n`;
  const sorted = [...texts].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, text]) => text);
  return `${["Software of others in this directory, and its licences.", ...sorted].join(line)}\n`;
}
