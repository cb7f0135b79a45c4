import { programArguments } from "@puzzlefs/linux";
import { commands, type CommandEntry } from "./commands.ts";
import { exitCodeOf, messageOf, UsageError } from "./errors.ts";
import { overview } from "./overview.ts";
import { failure } from "./terminal/messages.ts";
import { ReaderGoneError, writeLine } from "./terminal/output.ts";
import { version } from "./version.ts";

/** The program: finds the command, loads only that, runs it, and turns what it throws into a message and exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const [first, ...rest] = argv;
  switch (first) {
    case undefined:
      throw new UsageError("no command given; 'puzzlefs --help' lists them");
    case "--version":
    case "-V":
      writeLine(`puzzlefs ${version}`);
      return 0;
    case "--help":
    case "-h":
      writeLine(overview());
      return 0;
    case "help":
      return rest[0] === undefined ? main(["--help"]) : main([rest[0], "--help"]);
    default:
      return (await find(first).load()).run(rest);
  }
}

function find(name: string): CommandEntry {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  if (name.startsWith("-")) throw new UsageError(`unknown option '${name}'; options follow the command`);
  throw new UsageError(`'${name}' is not a command; 'puzzlefs --help' lists them`);
}

function report(message: readonly string[]): void {
  try {
    failure(message);
  } catch (error) {
    if (!(error instanceof ReaderGoneError)) throw error;
  }
}

try {
  process.exitCode = await main(programArguments());
} catch (error) {
  process.exitCode = exitCodeOf(error);
  const message = error instanceof ReaderGoneError ? [] : messageOf(error);
  if (message.length > 0) report(message);
}
