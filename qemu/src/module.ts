/** Builds the module, each kernel's in a directory of its own: `build/kernel/NAME`. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, type Kernel, projectRoot } from "./kernels.ts";

const source = join(projectRoot, "kernel");

/** What a build leaves behind if it is ever run in the source directory itself. */
const leftBehind = /^\.|\.(?:o|ko|mod|mod\.c|cmd|order|symvers)$|^(?:modules\.order|Module\.symvers)$/;

/** Makes `directory` show the sources by symbolic links, so that what is compiled lands beside them. */
function showSources(from: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  const entries = readdirSync(from, { withFileTypes: true }).filter(({ name }) => !leftBehind.test(name));
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const gone = !entries.some(({ name }) => name === entry.name);
    if (gone && entry.isSymbolicLink()) rmSync(join(directory, entry.name));
  }
  for (const entry of entries) {
    const [original, shown] = [join(from, entry.name), join(directory, entry.name)];
    if (entry.isDirectory()) showSources(original, shown);
    else if (!isLinkTo(shown, original)) symlinkSync(original, shown);
  }
}

function isLinkTo(path: string, target: string): boolean {
  try {
    if (readlinkSync(path) === target) return true;
  } catch {
    // Not there, or a file of its own.
  }
  rmSync(path, { force: true });
  return false;
}

/**
 * Runs a command where the kernel's modules are built: here, or in its toolchain's root with the project and the cache
 * at the same paths. The mounts for that live in a namespace that ends with the command.
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
 * Builds the driver for a kernel; quick when nothing has changed. Gives the path of puzzlefs.ko.
 *
 * @param parameters more for make, such as `W=1` or `C=2`
 * @throws {ModuleBuildError} with what the compiler says
 */
export function buildModule(kernel: Kernel, parameters: readonly string[] = []): { path: string; output: string } {
  const directory = join(projectRoot, "build/kernel", kernel.name);
  showSources(source, directory);
  // Tests run at once, each with a machine of its own.
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
