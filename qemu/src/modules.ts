/** The modules of a kernel that go into the initramfs, with their dependencies. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Kernel } from "./kernels.ts";

/** Loaded at boot: disks, the ports for commands, and the filesystem of stores. */
export const bootModules = ["virtio_pci", "virtio_blk", "virtio_console", "ext4"];

/** Available to modprobe. */
export const otherModules =
  "crc32c_generic crc32c_intel crc32c sha256_ssse3 zstd overlay squashfs erofs loop fuse isofs brd 9p 9pnet_virtio dm_mod dm_flakey".split(
    " ",
  );

/** Module names mix `-` and `_`; files are .ko, .ko.xz or .ko.zst. */
export function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(?:\.\w+)?$/, "")
    .replaceAll("-", "_");
}

export interface ModuleFile {
  /** Below /lib/modules/RELEASE, uncompressed. */
  path: string;
  content: Buffer;
  /** Paths of its dependencies. */
  needs: string[];
}

const plain = (path: string): string => path.replace(/\.ko\.\w+$/, ".ko");

/** The modules with these names and their dependencies, without those that are built in or that the kernel lacks. */
export function collectModules(kernel: Kernel, names: readonly string[]): ModuleFile[] {
  const lines = readFileSync(join(kernel.modules, "modules.dep"), "utf8")
    .split("\n")
    .filter((line) => line !== "");
  const table = lines.map((line) => line.split(/:? +|:$/).filter((word) => word !== ""));
  const needed = new Map(table.map(([path, ...needs]) => [path, needs]));
  const byName = new Map(table.map(([path]) => [moduleName(path), path]));
  const wanted = new Set<string>();
  for (const name of names) {
    const path = byName.get(moduleName(name));
    if (path !== undefined) for (const file of [path, ...(needed.get(path) ?? [])]) wanted.add(file);
  }
  return [...wanted].map((path) => ({
    path: plain(path),
    content: readModule(join(kernel.modules, path)),
    needs: (needed.get(path) ?? []).map(plain),
  }));
}

function readModule(file: string): Buffer {
  const unpack = file.endsWith(".xz") ? "xz" : file.endsWith(".zst") ? "zstd" : undefined;
  return unpack === undefined ? readFileSync(file) : execFileSync(unpack, ["-dc", file], { maxBuffer: 1 << 28 });
}
