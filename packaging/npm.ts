/**
 * `make npm`: makes build/npm/PACKAGE of each public package, as `npm publish` takes it: JavaScript with declarations in
 * dist/, package.json with exact versions of the other packages, README and licence.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
/** Where to; a test has its own. */
const output = resolve(process.argv[2] ?? join(root, "build/npm"));
const compiled = join(output, "compiled");

/** Files beside the JavaScript that it opens by their names: source, and name in dist/. */
const ASSETS: Readonly<Record<string, readonly [source: string, name: string][]>> = {
  chunker: [["dist/cut.wasm", "cut.wasm"]],
  fuse: [["src/daemon/unmounter.sh", "daemon/unmounter.sh"]],
  mount: [["src/connector.sh", "connector.sh"]],
};

interface Manifest {
  name: string;
  version: string;
  description?: string;
  license: string;
  exports: string | Record<string, string>;
  dependencies?: Record<string, string>;
}

const readJson = (path: string): Manifest => JSON.parse(readFileSync(path, "utf8")) as Manifest;
const { version, engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
  engines: Record<string, string>;
};

/** The versions of packages outside the workspace are those of the lock file: package.json names them exactly. */
function published({ name, description, license, exports, dependencies = {} }: Manifest): object {
  const all = Object.entries(typeof exports === "string" ? { ".": exports } : exports);
  // What only tests of this repository import.
  const own = all.filter(([, source]) => !source.endsWith("-fixture.ts"));
  const entries = own.map(([entry, source]) => {
    const file = source.replace("./src/", "./dist/").replace(/\.ts$/, "");
    return [entry, { types: `${file}.d.ts`, default: `${file}.js` }];
  });
  const exact = Object.entries(dependencies).map(([other, wanted]) => [
    other,
    wanted.startsWith("workspace:") ? version : wanted,
  ]);
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines,
    os: ["linux"],
    exports: Object.fromEntries(entries) as object,
    files: ["dist"],
    dependencies: Object.fromEntries(exact) as Record<string, string>,
  };
}

function stage(directory: string): void {
  const source = join(root, "packages", directory);
  const target = join(output, directory);
  cpSync(join(compiled, directory, "src"), join(target, "dist"), { recursive: true });
  for (const [from, name] of ASSETS[directory] ?? []) {
    mkdirSync(dirname(join(target, "dist", name)), { recursive: true });
    copyFileSync(join(source, from), join(target, "dist", name));
  }
  copyFileSync(join(source, "README.md"), join(target, "README.md"));
  copyFileSync(join(root, "LICENSE"), join(target, "LICENSE"));
  const manifest = published(readJson(join(source, "package.json")));
  writeFileSync(join(target, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

rmSync(output, { recursive: true, force: true });
// By TypeScript 6: version 7.0.2 sometimes ends with status 0 before all files are written.
execFileSync(
  process.execPath,
  [join(import.meta.dirname, "node_modules/typescript/bin/tsc"), "-p", import.meta.dirname, "--outDir", compiled],
  {
    stdio: ["ignore", "inherit", "inherit"],
  },
);
const directories = readdirSync(compiled);
for (const directory of directories) stage(directory);
rmSync(compiled, { recursive: true });
console.log(`${directories.length} packages in ${relative("", output) || "."}: ${directories.join(", ")}`);
