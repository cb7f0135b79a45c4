import type { Definition } from "../definitions.ts";
import { completedCommands, type CompletedCommand, type CompletedOption, programOptions, type Value } from "./model.ts";

const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;

const actions: Readonly<Record<string, string>> = {
  image: "(__puzzlefs_images)",
  directory: "(__fish_complete_directories)",
};

/** The part of a `complete` command for a value. */
function valueFlags(value: Value): string {
  if (value === "file") return " -r -F";
  if (value === "nothing") return " -x";
  return ` -x -a ${quoted(typeof value === "string" ? (actions[value] ?? "") : value.join(" "))}`;
}

function optionLine(condition: string, { names, description, value }: CompletedOption): string {
  const flags = names.map((name) => (name.startsWith("--") ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`));
  const values = value === undefined ? "" : valueFlags(value);
  return `complete -c puzzlefs -n ${quoted(condition)}${flags.join("")}${values} -d ${quoted(description)}`;
}

function commandLines({ name, options, operands }: CompletedCommand): string[] {
  const condition = `__fish_seen_subcommand_from ${name}`;
  const values = new Set(operands.filter((value) => value !== "nothing"));
  return [
    ...options.map((option) => optionLine(condition, option)),
    ...[...values].map((value) => `complete -c puzzlefs -n ${quoted(condition)}${valueFlags(value)}`),
  ];
}

export function fishCompletion(definitions: readonly Definition[]): string {
  const commands = completedCommands(definitions);
  const lines = [
    ...programOptions.map((option) => optionLine("__fish_use_subcommand", option)),
    ...commands.map(
      ({ name, summary }) => `complete -c puzzlefs -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    `complete -c puzzlefs -n '__fish_seen_subcommand_from help' -a ${quoted(commands.map(({ name }) => name).join(" "))}`,
    ...commands.flatMap(commandLines),
  ];
  return `# fish completion for puzzlefs, made from its command definitions.

# OCI_DIR, and after a colon the tags in it.
function __puzzlefs_images
    set -l word (commandline -ct)
    if string match -q '*:*' -- $word
        set -l layout (string replace -r ':[^:]*$' '' -- $word)
        puzzlefs tags $layout 2>/dev/null | awk -v layout=$layout 'NR > 1 && $1 != "-" { print layout ":" $1 }'
    else
        __fish_complete_directories
    end
end

complete -c puzzlefs -f
${lines.join("\n")}
`;
}
