import { parseSize } from "@puzzlefs/chunker";
import { escapeText } from "@puzzlefs/linux";
import { parsePlatform, type Platform, type PlatformChoice } from "@puzzlefs/oci";
import { Command, Option } from "commander";
import { UsageError } from "./errors.ts";
import { write, writeError } from "./terminal/output.ts";

/**
 * A commander Command that behaves as all of ours do: messages begin with "puzzlefs: ", mistakes throw instead of
 * exiting, and the help ends with an example. Arguments without a description are not shown in the help.
 */
export function defineCommand(
  name: string,
  description: string,
  example: string,
  program = `puzzlefs ${name}`,
): Command {
  return new Command(program)
    .description(description)
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", `\nExample:\n${example.trimEnd()}`)
    .configureHelp({
      helpWidth: 110,
      visibleArguments: ({ registeredArguments }) =>
        registeredArguments.filter((argument) => argument.description !== ""),
    })
    .configureOutput({
      writeOut: (text) => write(text),
      writeErr: (text) => writeError(text),
      // Commander's own look at process.stdout and process.stderr, which are not there (terminal/closed-streams.ts).
      getOutHelpWidth: () => 110,
      getErrHelpWidth: () => 110,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, put) => put(harmless(text.replace(/^error: /, `${program.split(" ")[0]}: `))),
    })
    .showHelpAfterError(`'${program} --help' explains it.`)
    .exitOverride();
}

/** Commander's text quotes arguments, which scripts take from names of files. Its own line breaks stay. */
function harmless(text: string): string {
  const lines = text.trimEnd().split(/\n(?=\(Did you mean )/);
  return `${lines.map(escapeText).join("\n")}\n`;
}

/** Content that leaves the store is hashed unless --no-verify is given; `verify` is true by default. */
export function verifyOptions(command: Command): Command {
  return command
    .addOption(new Option("--verify").default(true).hideHelp())
    .option("--no-verify", "do not check chunks against their digests as they are read");
}

/** For commands that read an image. */
export function platformOption(command: Command): Command {
  return command.option(
    "--platform <os/arch>",
    "of several images of one tag, that for this platform, as linux/arm64 or linux/arm/v7 (default: this machine's)",
    parsePlatformOption,
  );
}

/** What platformOption() has been given. */
export function chosen(command: Command): PlatformChoice {
  const { platform } = command.opts<PlatformChoice>();
  return platform === undefined ? {} : { platform };
}

/** OS/ARCHITECTURE[/VARIANT]. */
export function parsePlatformOption(text: string): Platform {
  const found = parsePlatform(text);
  if (found === undefined) throw new UsageError(`'${text}' is not a platform: OS/ARCHITECTURE[/VARIANT] is expected`);
  return found;
}

/** A size in bytes, as parseSize() takes it. */
export function parseSizeOption(text: string): number {
  const size = parseSize(text);
  if (size === undefined) throw new UsageError(`'${text}' is not a size: bytes, or a number with K, M or G`);
  if (!Number.isSafeInteger(size)) throw new UsageError(`size ${text} is too large`);
  return size;
}

export function parseInteger(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new UsageError(`'${text}' is not a whole number`);
  return Number(text);
}

/** Hex sha256 or fs-verity digest, as `build` prints them. */
export function parseDigest(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new UsageError(`'${text}' is not a digest: 64 hex digits are expected`);
  return text.toLowerCase();
}

/** An option that takes one of a few words. */
export function oneOf<Word extends string>(...words: Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new UsageError(`'${text}' is not one of ${words.join(", ")}`);
    return found;
  };
}

/** For an option that may be given several times. */
export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}
