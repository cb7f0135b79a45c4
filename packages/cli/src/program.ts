import { commands, type CommandEntry } from "./commands.ts";
import { showStacks, UsageError } from "./errors.ts";
import { programHelp } from "./program-help.ts";
import { writeLine } from "./terminal/output.ts";
import { version } from "./version.ts";

/** Finds the command, loads only that, and runs it. */
export async function main(argv: readonly string[]): Promise<number> {
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
      writeLine(programHelp());
      return 0;
    case "--debug":
      showStacks();
      return main(rest);
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
