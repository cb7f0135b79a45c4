import { styleError } from "./style.ts";
import { writeError } from "./output.ts";

/** An error for the user, on stderr. */
export function failure(message: string): void {
  writeError(`${styleError("red", "puzzlefs:")} ${message}\n`);
}

/** Something worth knowing that did not stop the work, on stderr. */
export function warning(message: string): void {
  writeError(`${styleError("yellow", "puzzlefs: warning:")} ${message}\n`);
}
