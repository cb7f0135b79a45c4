import { parseSize } from "@puzzlefs/chunker";
import { escapeText } from "@puzzlefs/linux";
import { parsePlatform, type Platform, type PlatformChoice } from "@puzzlefs/oci";
import { Command, Option } from "commander";
import { UsageError } from "./errors.ts";
import { write, writeError } from "./terminal/output.ts";

/** The text of a command in its help, its manual page and docs/cli.md that commander does not keep. */
export interface CommandText {
  name: string;
  /** A sentence. */
  description: string;
  /** Command lines, indented by two spaces; a remark follows after two spaces or more. */
  example: string;
  /** Paragraphs that follow the example. */
  notes?: string;
  /** The command before the arguments (default: `puzzlefs NAME`). */
  program?: string;
}

/** A commander Command that keeps its text for the generator of manual pages. */
export class ManualCommand extends Command {
  readonly text: CommandText;

  constructor(text: CommandText) {
    super(text.program ?? `puzzlefs ${text.name}`);
    this.text = text;
  }
}

/**
 * A command of this program: messages begin with "puzzlefs: ", mistakes throw instead of
 * exiting, and the help ends with an example. Arguments without a description are not shown in the help.
 */
export function defineCommand(text: CommandText): ManualCommand {
  const { description, example, notes = "" } = text;
  const command = new ManualCommand(text);
  const program = command.name();
  const afterHelp = [`\nExample:\n${example.trimEnd()}`, notes.trim()].filter((part) => part !== "").join("\n\n");
  return command
    .description(description)
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", afterHelp)
    .configureHelp({
      helpWidth: 110,
      visibleArguments: ({ registeredArguments }) =>
        registeredArguments.filter((argument) => argument.description !== ""),
    })
    .configureOutput({
      writeOut: (output) => write(output),
      writeErr: (output) => writeError(output),
      // Commander itself would use process.stdout and process.stderr, which do not exist (@puzzlefs/linux/closed-streams).
      getOutHelpWidth: () => 110,
      getErrHelpWidth: () => 110,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (output, put) => put(escapeMessage(output.replace(/^error: /, `${program.split(" ")[0]}: `))),
    })
    .showHelpAfterError(`'${program} --help' explains it.`)
    .exitOverride();
}

/** Commander quotes arguments, which scripts may take from file names. Its own line breaks stay. */
function escapeMessage(text: string): string {
  const lines = text.trimEnd().split(/\n(?=\(Did you mean )/);
  return `${lines.map(escapeText).join("\n")}\n`;
}

/** Content that leaves the store is hashed unless --no-verify is given; `verify` is true by default. */
export function verifyOptions<C extends Command>(command: C): C {
  return command
    .addOption(new Option("--verify").default(true).hideHelp())
    .option("--no-verify", "do not check chunks against their digests as they are read");
}

/** For commands that read an image. */
export function platformOption<C extends Command>(
  command: C,
  description = "the tag's image for this platform, as linux/arm64 or linux/arm/v7 (default: this machine's)",
): C {
  return command.option("--platform <os/arch>", description, parsePlatformOption);
}

/** The value of platformOption(). */
export function platformChoice(command: Command): PlatformChoice {
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

const SECONDS: Record<string, number> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A span of time in seconds: a number, or one with s, m, h, d or w. */
export function parseDuration(text: string): number {
  const [, number = "", letter = ""] = /^(\d{1,9})([smhdw]?)$/.exec(text) ?? [];
  if (number === "") throw new UsageError(`'${text}' is not a duration: seconds, or a number with s, m, h, d or w`);
  return Number(number) * (SECONDS[letter] as number);
}

/** Milliseconds: timers take no longer time, and servers add some seconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 60_000;

/** A duration in milliseconds. */
export function parseTimeout(text: string): number {
  return Math.min(1000 * parseDuration(text), LONGEST_TIMEOUT);
}

/** Hex sha256 or fs-verity digest, as `build` prints them. */
export function parseDigest(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new UsageError(`'${text}' is not a digest: 64 hex digits are expected`);
  return text.toLowerCase();
}

/** An option that has one of `values`. Commander refuses others. */
export function choiceOption(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, description).choices(values);
}

/** For an option that may be given several times. */
export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}
