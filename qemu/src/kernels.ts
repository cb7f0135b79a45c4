/** The kernels in the cache, from `setup/setup.sh kernels` and `make debug-kernel`. */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";

export const projectRoot = resolve(import.meta.dirname, "../..");

export const kernelNames = ["6.1", "6.12", "7", "debug"] as const;
export type KernelName = (typeof kernelNames)[number];

export interface Kernel {
  name: KernelName;
  /** As `uname -r` prints it. */
  release: string;
  /** Path of the bzImage. */
  image: string;
  /** Path of the directory of modules, as /lib/modules/RELEASE. */
  modules: string;
  /** KDIR of a module build. */
  build: string;
  /** Root directory of the compiler for this kernel; undefined: the compiler of this machine. */
  toolchain: string | undefined;
  /** Command line parameters that this kernel needs. */
  parameters: string[];
}

/** Something that virtual machines need is missing. Tests are skipped and programs fail with its message. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

export function cacheDirectory(): string {
  const { PUZZLEFS_CACHE: cache } = process.env;
  return cache ?? execFileSync(join(projectRoot, "setup/setup.sh"), ["cache"], { encoding: "utf8" }).trim();
}

export function isKernelName(name: string): name is KernelName {
  return (kernelNames as readonly string[]).includes(name);
}

/** @throws {Unavailable} */
export function findKernel(name: KernelName): Kernel {
  if (process.geteuid?.() !== 0) throw new Unavailable("only root can build modules in another root directory");
  if (!existsSync("/usr/bin/qemu-system-x86_64"))
    throw new Unavailable("no qemu-system-x86_64 (Debian: qemu-system-x86)");
  const directory = join(cacheDirectory(), "kernels", name);
  if (!existsSync(join(directory, "release"))) {
    throw new Unavailable(
      `no kernel ${name} in ${directory}: make ${name === "debug" ? "debug-kernel" : "setup-kernels"}`,
    );
  }
  const toolchain = join(directory, "toolchain");
  const hasOwn = lstatSync(toolchain, { throwIfNoEntry: false }) !== undefined;
  if (hasOwn && !existsSync(toolchain)) throw new Unavailable(`no compiler for kernel ${name}: make setup-kernels`);
  const parameters = join(directory, "cmdline");
  return {
    name,
    release: readFileSync(join(directory, "release"), "utf8").trim(),
    image: join(directory, "vmlinuz"),
    modules: join(directory, "modules"),
    build: realpathSync(join(directory, "build")),
    toolchain: hasOwn ? realpathSync(toolchain) : undefined,
    parameters: existsSync(parameters) ? readFileSync(parameters, "utf8").trim().split(/\s+/) : [],
  };
}
