/** Builds the module for each kernel in a directory of its own, `build/kernel/NAME`. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, type Kernel, projectRoot } from "./kernels.ts";

const source = join(projectRoot, "kernel");

/** Files that a build in the source directory itself leaves there. */
const leftBehind = /^\.|\.(?:o|ko|mod|mod\.c|cmd|order|symvers)$|^(?:modules\.order|Module\.symvers)$/;

/** Links the sources into `directory`, so that the build writes its files there. */
function linkSources(from: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const entries = readdirSync(from, { withFileTypes: true }).filter(({ name }) => !leftBehind.test(name));
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const gone = !entries.some(({ name }) => name === entry.name);
    if (gone && entry.isSymbolicLink()) rmSync(join(directory, entry.name));
  }
  for (const entry of entries) {
    const [original, link] = [join(from, entry.name), join(directory, entry.name)];
    if (entry.isDirectory()) linkSources(original, link);
    else if (!isLinkTo(link, original)) symlinkSync(original, link);
  }
}

function isLinkTo(path: string, target: string): boolean {
  try {
    if (readlinkSync(path) === target) return true;
  } catch {
    // It does not exist, or is no link.
  }
  rmSync(path, { force: true });
  return false;
}

/**
 * Runs a command with the compiler for a kernel's modules: on this machine, or in the root directory of its toolchain, with
 * the project and the cache at the same paths. These mounts are in a namespace that ends with the command.
 */
export function runInToolchain(kernel: Kernel, command: readonly string[]): { status: number | null; output: string } {
  const shared = [projectRoot, join(cacheDirectory(), "kernels")];
  const enter = [
    'root=$1; shift; while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift; done; shift',
    'mount --bind /dev "$root/dev"; mount -t proc proc "$root/proc"; exec chroot "$root" "$@"',
  ].join("; ");
  const [program, ...words] =
    kernel.toolchain === undefined
      ? command
      : ["unshare", "--mount", "--", "sh", "-ec", enter, "sh", kernel.toolchain, ...shared, "--", ...command];
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: "utf8", maxBuffer: 1 << 26 });
  if (error !== undefined) throw error;
  return { status, output: stdout + stderr };
}

export class ModuleBuildError extends Error {
  override readonly name = "ModuleBuildError";
}

/**
 * Builds the driver for a kernel, if anything has changed. Returns the path of puzzlefs.ko.
 *
 * @param parameters more arguments of make, such as `W=1` or `C=2`
 * @throws {ModuleBuildError} with the output of the compiler
 */
export function buildModule(kernel: Kernel, parameters: readonly string[] = []): { path: string; output: string } {
  const directory = join(projectRoot, "build/kernel", kernel.name);
  linkSources(source, directory);
  // Tests in several processes build it at the same time.
  const make = [
    "flock",
    `${directory}.lock`,
    "make",
    "-C",
    directory,
    `KDIR=${kernel.build}`,
    "-j2",
    "--no-print-directory",
    ...parameters,
  ];
  const { status, output } = runInToolchain(kernel, make);
  const path = join(directory, "puzzlefs.ko");
  if (status !== 0 || !existsSync(path)) {
    throw new ModuleBuildError(`puzzlefs.ko for ${kernel.release} (status ${status}):\n${output}`);
  }
  return { path, output };
}
