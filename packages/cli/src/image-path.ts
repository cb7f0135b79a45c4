import { bytesOf, unescapeName } from "@puzzlefs/linux";
import { PathError } from "@puzzlefs/reader";
import type { Command } from "commander";
import { EXIT_FAILED, UsageError } from "./errors.ts";
import { failure } from "./terminal/messages.ts";

/** For commands that take paths inside an image. */
export function escapedOption<C extends Command>(command: C): C {
  return command.option("-e, --escaped", "PATH is written as ls and dump show it: \\xHH is a byte, \\\\ a backslash");
}

/** A path inside an image. Throws UsageError for an escape that no command prints. */
export function imagePath(text: string, escaped = false): Buffer {
  if (!escaped) return bytesOf(text);
  const bytes = unescapeName(text);
  if (bytes !== undefined) return bytes;
  throw new UsageError(`'${text}' is not an escaped path: a backslash begins \\xHH, or is written \\\\`);
}

/** Runs `action` for each path. Paths that do not exist are reported, and the exit code is 1 then. */
export function eachPath<Path>(paths: readonly Path[], action: (path: Path) => void): number {
  let code = 0;
  for (const path of paths) {
    try {
      action(path);
    } catch (error) {
      if (!(error instanceof PathError)) throw error;
      failure(error.message);
      code = EXIT_FAILED;
    }
  }
  return code;
}
