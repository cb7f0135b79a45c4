/** The initramfs of a virtual machine: busybox, Lua, modules, and the files of a test. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CpioArchive } from "./cpio.ts";
import type { Kernel } from "./kernels.ts";
import { bootModules, collectModules, moduleName, otherModules, type ModuleFile } from "./modules.ts";

/** Path of the driver in the guest. */
export const guestModule = "/puzzlefs.ko";

/** Content of files by their path in the guest (with the leading slash). Files in /bin, /sbin and /usr/bin are executable. */
export type GuestFiles = Readonly<Record<string, Uint8Array | string>>;

export function makeInitramfs(kernel: Kernel, files: GuestFiles): Buffer {
  const archive = new CpioArchive();
  for (const directory of ["dev", "proc", "sys", "mnt"]) archive.directory(directory);
  archive.file("bin/busybox", readFileSync("/bin/busybox"), 0o755);
  archive.file("init", readFileSync(join(import.meta.dirname, "../guest/init")), 0o755);
  archive.file("serve", readFileSync(join(import.meta.dirname, "../guest/serve")));
  archive.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n");
  archive.file("etc/group", "root:x:0:\nnogroup:x:65534:\n");
  addModules(archive, kernel);
  const testFiles = Object.keys(files).filter((path) => path !== guestModule);
  archive.file("etc/files-of-the-test", testFiles.map((path) => `${path}\n`).join(""));
  for (const [path, content] of Object.entries(files)) {
    archive.file(path.slice(1), content, /^\/(?:usr\/)?s?bin\//.test(path) ? 0o755 : 0o644);
  }
  return archive.bytes();
}

function addModules(archive: CpioArchive, kernel: Kernel): void {
  const files = collectModules(kernel, [...bootModules, ...otherModules]);
  const directory = `lib/modules/${kernel.release}`;
  for (const { path, content } of files) archive.file(`${directory}/${path}`, content);
  archive.file(`${directory}/modules.dep`, files.map(({ path, needs }) => `${path}: ${needs.join(" ")}\n`).join(""));
  const names = new Set(files.map(({ path }) => moduleName(path)));
  const alias = readFileSync(join(kernel.modules, "modules.alias"), "utf8").split("\n");
  const kept = alias.filter((line) => names.has(moduleName(line.slice(line.lastIndexOf(" ") + 1))));
  archive.file(`${directory}/modules.alias`, `${kept.join("\n")}\n`);
  // Lets modprobe succeed for built-in modules.
  archive.file(`${directory}/modules.builtin`, readFileSync(join(kernel.modules, "modules.builtin")));
  archive.file(
    "etc/modules-at-boot",
    inOrder(files)
      .map((path) => `/${directory}/${path}\n`)
      .join(""),
  );
}

/** Paths of the modules to load at boot, each after its dependencies. */
function inOrder(files: readonly ModuleFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const order = new Set<string>();
  const add = (path: string): void => {
    // modules.dep lists all dependencies of a module, direct ones first.
    for (const need of (byPath.get(path)?.needs ?? []).toReversed()) order.add(need);
    order.add(path);
  };
  // ext4 requests its checksum by name. Loading it in advance is faster than modprobe.
  for (const name of ["crc32c_generic", "crc32c", ...bootModules]) {
    const found = files.find(({ path }) => moduleName(path) === moduleName(name));
    if (found !== undefined) add(found.path);
  }
  return [...order];
}
