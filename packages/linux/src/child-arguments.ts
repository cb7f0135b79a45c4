import { bytesOf } from "./encoding.ts";

/** Decodes its arguments, which are as printf's %b takes them, and becomes the command. A result ends in x, as $() drops newlines. */
const DECODE = 'for a do shift; a=$(printf "%bx" "$a"); set -- "$@" "${a%x}"; done; exec "$@"';

/**
 * A command for node:child_process, which passes strings as UTF-8 and would replace the bytes of paths that are not: a
 * shell decodes such arguments, and replaces itself by the program.
 */
export function commandOfBytes(program: string, argv: readonly string[]): [program: string, argv: string[]] {
  const command = [program, ...argv];
  if (command.every((argument) => argument.isWellFormed())) return [program, [...argv]];
  return ["/bin/sh", ["-c", DECODE, "sh", ...command.map(encode)]];
}

/** `\0ooo` for a byte other than these. */
function encode(argument: string): string {
  const bytes = bytesOf(argument).toString("latin1");
  return bytes.replace(/[^\w./=,:-]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
