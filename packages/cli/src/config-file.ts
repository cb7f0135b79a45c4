import { constants, readSync } from "node:fs";
import { close, openNamed, reasonOf } from "@puzzlefs/linux";
import { CONFIG_LIMIT } from "@puzzlefs/oci";

/** The content of a file or a pipe (`--config <(jq …)`), but at most one byte more than the limit of a configuration. */
export function readConfigFile(path: string): Buffer {
  const bytes = Buffer.alloc(CONFIG_LIMIT + 1);
  let descriptor: number | undefined;
  try {
    descriptor = openNamed(path, constants.O_RDONLY | constants.O_NOCTTY);
    let length = 0;
    for (let count = 1; count > 0 && length < bytes.length; length += count) {
      count = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw new Error(`${path}: no configuration to read: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    if (descriptor !== undefined) close(descriptor);
  }
}
