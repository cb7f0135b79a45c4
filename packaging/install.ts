/**
 * `make install [DESTDIR=…] [PREFIX=/usr/local]`: PREFIX/lib/puzzlefs gets the bundle of `make build` with its native add-ons
 * and a Node of its own; PREFIX/bin/puzzlefs and the helpers that mount(8) looks for in /sbin are links to it. PREFIX/share
 * gets manual pages and completions. `make uninstall` removes exactly that.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { sharedFiles } from "./shared-files.ts";

const root = resolve(import.meta.dirname, "..");
const build = join(root, "build");
const destination = process.env["DESTDIR"] ?? "";
/** make passes an empty value if none is given. */
const prefix = process.env["PREFIX"] || "/usr/local";
if (!prefix.startsWith("/")) throw new Error(`PREFIX=${prefix}: it must be an absolute path`);
const library = join(prefix, "lib/puzzlefs");
const at = (path: string): string => join(destination, path);

/** mount(8) looks for helpers in /sbin, whatever PREFIX is. */
const links = ["/sbin/mount.puzzlefs", "/sbin/mount.fuse.puzzlefs", join(prefix, "bin/puzzlefs")];
const documents = ["LICENSE", "README.md"];
const shared = sharedFiles().map((path) => ({ from: join(build, "share", path), to: join(prefix, "share", path) }));

/** Sources of the native add-ons are not installed. */
const SOURCES = /\/(deps|vendor|doc|obj\.target|\.\w+|Makefile)$|\.(cc|c|hh|h|inc|o|d|a|ts|gyp|gypi|mk|map|Makefile)$/;

function install(): void {
  uninstall();
  mkdirSync(at(library), { recursive: true });
  const put = (from: string, to: string): void =>
    cpSync(realpathSync(from), join(at(library), to), {
      recursive: true,
      dereference: true,
      filter: (path) => !SOURCES.test(path),
    });
  put(join(build, "lib"), "lib");
  put(join(build, "compile-cache"), "compile-cache");
  put(join(build, "node"), "node");
  put(join(root, "packages/cli/bin/puzzlefs"), "puzzlefs");
  for (const name of ["koffi", "zstd-napi"]) put(join(build, "node_modules", name), join("node_modules", name));
  // koffi's compiled part is a package beside it.
  const beside = join(dirname(realpathSync(join(build, "node_modules/koffi"))), "@koromix");
  put(beside, "node_modules/@koromix");
  for (const name of documents) put(join(root, name), name);
  chmodSync(join(at(library), "puzzlefs"), 0o755);
  // Without it Node would look for a package.json in the directories above, which may call modules CommonJS.
  writeFileSync(join(at(library), "package.json"), '{ "type": "module" }\n');
  for (const link of links) {
    mkdirSync(dirname(at(link)), { recursive: true });
    symlinkSync(join(library, "puzzlefs"), at(link));
  }
  for (const { from, to } of shared) {
    mkdirSync(dirname(at(to)), { recursive: true });
    copyFileSync(from, at(to));
    chmodSync(at(to), 0o644);
  }
}

function uninstall(): void {
  for (const path of [...links, library, ...shared.map(({ to }) => to)])
    rmSync(at(path), { recursive: true, force: true });
}

if (process.argv[2] === "uninstall") uninstall();
else if (existsSync(join(build, "lib/puzzlefs.js"))) install();
else throw new Error("nothing to install: run 'make build' first");
console.log(`${process.argv[2] ?? "install"}: ${[library, ...links].map(at).join(" ")}`);
