import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * `make build`: bundles the program into build/lib. Threads and daemons have entries of their own beside it, found by
 * their sources through `new URL("./NAME.js", import.meta.url)`; so is the chunker's WebAssembly. Native add-ons stay
 * where pnpm put them, behind links in build/node_modules.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, "build");
const library = join(output, "lib");

const entries = {
  puzzlefs: "packages/cli/src/puzzlefs.ts",
  daemon: "packages/cli/src/daemon.ts",
  worker: "packages/builder/src/worker.ts",
};
const assets = ["packages/chunker/dist/cut.wasm"];
const nativeAddOns = { koffi: "packages/oci", "zstd-napi": "packages/reader" };

// A directory of its own, put in place at the end: a program that runs meanwhile finds the old one or the new one.
const fresh = join(output, "lib.new");
rmSync(fresh, { recursive: true, force: true });
await build({
  entryPoints: Object.entries(entries).map(([out, source]) => ({ out, in: join(root, source) })),
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  external: Object.keys(nativeAddOns),
  // commander is CommonJS and asks for Node's own modules by require().
  banner: {
    js: 'import { createRequire as pfsRequire } from "node:module"; const require = pfsRequire(import.meta.url);',
  },
  minifySyntax: true,
  legalComments: "inline",
  logLevel: "warning",
});
for (const asset of assets) copyFileSync(join(root, asset), join(fresh, asset.slice(asset.lastIndexOf("/") + 1)));
linkAddOns();
rmSync(library, { recursive: true, force: true });
renameSync(fresh, library);
fillCompileCache();

function linkAddOns(): void {
  const modules = join(output, "node_modules");
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(modules, { recursive: true });
  for (const [name, user] of Object.entries(nativeAddOns)) {
    const require = createRequire(join(root, user, "package.json"));
    let directory = dirname(require.resolve(name));
    while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
    symlinkSync(directory, join(modules, name));
  }
}

/** Runs what starts often once, so that its compiled code is at hand: the cache is useful also where it cannot be written. */
function fillCompileCache(): void {
  const cache = join(output, "compile-cache");
  rmSync(cache, { recursive: true, force: true });
  for (const argv of [["--version"], ["--help"], ["build", "--help"], ["mount", "--help"], ["ls", "--help"]]) {
    execFileSync(join(output, "node"), [join(library, "puzzlefs.js"), ...argv], {
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}
