import { escapeText } from "@puzzlefs/linux";
import { styleError } from "./style.ts";
import { writeError } from "./output.ts";

/** An error for the user, on stderr: a line, or several. Names in it come from images, layouts and file systems. */
export function failure(message: string | readonly string[], program = "puzzlefs"): void {
  const lines = typeof message === "string" ? [message] : message;
  writeError(`${styleError("red", `${program}:`)} ${lines.map(escapeText).join("\n")}\n`);
}

/** A warning, on stderr: the work goes on. */
export function warning(message: string): void {
  writeError(`${styleError("yellow", "puzzlefs: warning:")} ${escapeText(message)}\n`);
}
