/**
 * `make build`: bundles the program into build/lib. Threads and daemons have entry points of their own, which the sources
 * find by `new URL("./NAME.js", import.meta.url)`, as the chunker's WebAssembly. Native add-ons stay where pnpm put them, behind links in build/node_modules. Commands become chunks that are read only when they run.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { licenseTexts, packageOf } from "./licenses.ts";

const root = resolve(import.meta.dirname, "..");
const output = join(root, "build");
const library = join(output, "lib");

const entries = {
  puzzlefs: "packages/cli/src/puzzlefs.ts",
  "connect-fetcher": "packages/mount/src/connect-fetcher.ts",
  daemon: "packages/mount/src/daemon.ts",
  fetcher: "packages/mount/src/fetcher.ts",
  listener: "packages/mount/src/listener.ts",
  "mount-helper": "packages/cli/src/mount-helper.ts",
  unmount: "packages/fuse/src/daemon/unmount.ts",
  "size-scan": "packages/builder/src/size-scan.ts",
  worker: "packages/builder/src/worker.ts",
};
const assets = [
  "packages/chunker/dist/cut.wasm",
  "packages/fuse/src/daemon/unmounter.sh",
  "packages/mount/src/connector.sh",
];
/** Each with the directory of a package that depends on it. */
const nativeAddOns = { koffi: "packages/linux", "zstd-napi": "packages/reader" };

/** Bundles into a new directory that is renamed at the end: a program started meanwhile finds the old or the new one. */
async function bundle(): Promise<void> {
  const fresh = join(output, "lib.new");
  rmSync(fresh, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: Object.entries(entries).map(([out, source]) => ({ out, in: join(root, source) })),
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    external: Object.keys(nativeAddOns),
    alias: {
      // Vega would measure text by it, if some directory above the program had it.
      canvas: join(root, "packaging/no-canvas.ts"),
      // grpc-js loads it for services that are not used here.
      "@grpc/proto-loader": join(root, "packaging/no-proto-loader.ts"),
    },
    // CommonJS modules, such as grpc-js, load Node's modules by it.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    minifySyntax: true,
    legalComments: "inline",
    logLevel: "warning",
    metafile: true,
  });
  const packages = Object.keys(metafile.inputs).map((file) => packageOf(resolve(file)));
  const others = [...Object.keys(nativeAddOns).map(addOn), dirname(dirname(realpathSync(process.execPath)))];
  const bundled = new Set([...packages.filter((directory) => directory !== undefined), ...others]);
  writeFileSync(join(fresh, "THIRD-PARTY-LICENSES"), licenseTexts(bundled));
  for (const asset of assets) copyFileSync(join(root, asset), join(fresh, basename(asset)));
  const old = join(output, "lib.old");
  rmSync(old, { recursive: true, force: true });
  if (existsSync(library)) renameSync(library, old);
  renameSync(fresh, library);
  rmSync(old, { recursive: true, force: true });
}

/** The directory of a native add-on's package. */
function addOn(name: string): string {
  const user = nativeAddOns[name as keyof typeof nativeAddOns];
  let directory = dirname(createRequire(join(root, user, "package.json")).resolve(name));
  while (!existsSync(join(directory, "package.json"))) directory = dirname(directory);
  return realpathSync(directory);
}

/** Relative links, so that the checkout can be moved. */
function linkAddOns(): void {
  const modules = join(output, "node_modules");
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(modules, { recursive: true });
  for (const name of Object.keys(nativeAddOns)) symlinkSync(relative(modules, addOn(name)), join(modules, name));
}

const launcher = join(root, "packages/cli/bin/puzzlefs");

/** Runs frequent commands once, so that Node caches their compiled code. It keeps a cache for each user id. */
function fillCompileCache(): void {
  const cache = join(output, "compile-cache");
  rmSync(cache, { recursive: true, force: true });
  for (const argv of [["--version"], ["--help"], ["build", "--help"], ["mount", "--help"], ["ls", "--help"]]) {
    // By the launcher: the code is for its options of Node.
    execFileSync(launcher, argv, { stdio: ["ignore", "ignore", "inherit"] });
  }
}

await bundle();
linkAddOns();
fillCompileCache();
execFileSync(process.execPath, [join(import.meta.dirname, "documents.ts"), "share"], { stdio: "inherit" });
