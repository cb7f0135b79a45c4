/**
 * In a virtual machine: `lua verity.lua enable FILE…` enables fs-verity on files as `puzzlefs enable-fs-verity` does;
 * `lua verity.lua block FILE` prints the number of a file's first block on its disk.
 */
import { System } from "../system.ts";
import { littleEndian, u32 } from "../little-endian.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const FS_IOC_ENABLE_VERITY = 0x40806685;
const FIBMAP = 1;
/** struct fsverity_enable_arg: version, algorithm (sha256), block size; no salt, no signature. */
const SETTINGS = littleEndian(1, 4) + littleEndian(1, 4) + littleEndian(4096, 4);
const SETTINGS_SIZE = 128;

function enable(system: System, path: string): void {
  const settings = system.environment.memory(SETTINGS_SIZE);
  system.environment.put(settings, 0, SETTINGS);
  const file = system.open(path);
  system.call("ioctl", path, file, FS_IOC_ENABLE_VERITY, settings);
  system.close(file);
}

function firstBlock(system: System, path: string): number {
  const block = system.environment.memory(4);
  system.call("ioctl", path, system.open(path), FIBMAP, block);
  return u32(system.environment.bytes(block, 0, 4), 0);
}

const [action, ...paths] = programArguments();
const system = new System(luaEnvironment());
for (const path of paths) {
  if (action === "enable") enable(system, path);
  else writeLine(`${firstBlock(system, path)}`);
}
