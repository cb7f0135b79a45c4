import { readFileSync } from "node:fs";
import { textOf } from "./encoding.ts";

/** Node replaces bytes that are not UTF-8 by this character; an argument may also contain it. */
const REPLACEMENT = "\ufffd";
const COMMAND_LINE = "/proc/self/cmdline";

/** An argument whose bytes are not known. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

/**
 * The arguments of this program, with bytes that are not UTF-8 as textOf() has them. Only where Node may have replaced
 * some are they read again, from the kernel. Throws ArgumentError where that is not possible: a path with replaced bytes
 * is another path. Call it before process.title is set, which overwrites what the kernel has.
 */
export function programArguments(): string[] {
  const given = process.argv.slice(2);
  if (!given.some((argument) => argument.includes(REPLACEMENT))) return given;
  const bytes = commandLine();
  // Node's own arguments, and the program, come before ours.
  const own = bytes.slice(bytes.length - given.length);
  const isSame = own.length === given.length && own.every((argument, at) => lossy(argument) === collapse(given[at]));
  if (!isSame) throw unknown("it has other arguments");
  return own.map((argument) => textOf(argument));
}

/** Each argument ends in NUL. */
function commandLine(): Buffer[] {
  let text: string;
  try {
    text = readFileSync(COMMAND_LINE, "latin1");
  } catch (error) {
    throw unknown(String((error as NodeJS.ErrnoException).code), error);
  }
  return text
    .split("\0")
    .slice(0, -1)
    .map((argument) => Buffer.from(argument, "latin1"));
}

/** Decoders differ in how many replacements a bad sequence gets. */
function lossy(argument: Buffer): string {
  return collapse(argument.toString("utf8"));
}

function collapse(text: string): string {
  return text.replace(/\ufffd+/g, REPLACEMENT);
}

function unknown(why: string, cause?: unknown): ArgumentError {
  const what = `an argument is not UTF-8, or has U+FFFD, and ${COMMAND_LINE}, which has its bytes, cannot be used`;
  return new ArgumentError(`${what} (${why})`, { cause });
}
