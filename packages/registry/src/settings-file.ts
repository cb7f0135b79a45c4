import { constants, readSync } from "node:fs";
import { close, Directory, hasCode, openNamed, reasonOf } from "@puzzlefs/linux";
import { RegistryError } from "./errors.ts";

/** Of configuration, credentials and certificates, bytes. */
const LIMIT = 4 << 20;

/** The content of a file; undefined where there is none. Throws RegistryError (configuration). */
export function readSetting(path: string): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openNamed(path, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
    const pieces: Buffer[] = [];
    let length = 0;
    for (let count = 1; count > 0; length += count) {
      if (length > LIMIT) throw new RegistryError("configuration", `${path}: larger than ${LIMIT} bytes`);
      const piece = Buffer.allocUnsafe(64 << 10);
      count = readSync(descriptor, piece, 0, piece.length, null);
      pieces.push(piece.subarray(0, count));
    }
    return Buffer.concat(pieces);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    if (error instanceof RegistryError) throw error;
    throw new RegistryError("configuration", `${path}: cannot be read: ${reasonOf(error)}`, { cause: error });
  } finally {
    if (descriptor !== undefined) close(descriptor);
  }
}

/** The names in a directory, sorted; undefined where there is none. Throws RegistryError (configuration). */
export function listSettings(path: string): string[] | undefined {
  try {
    using directory = Directory.open(path);
    return directory.names().sort();
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw new RegistryError("configuration", `${path}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}
