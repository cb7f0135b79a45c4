import { styleError } from "./style.ts";
import { writeError } from "./output.ts";

/** Names come from images: what would steer a terminal is shown instead, newlines apart. */
function harmless(message: string): string {
  return message.replace(/[^\P{Cc}\n]/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** An error for the user, on stderr. */
export function failure(message: string, program = "puzzlefs"): void {
  writeError(`${styleError("red", `${program}:`)} ${harmless(message)}\n`);
}

/** Something worth knowing that did not stop the work, on stderr. */
export function warning(message: string): void {
  writeError(`${styleError("yellow", "puzzlefs: warning:")} ${harmless(message)}\n`);
}
