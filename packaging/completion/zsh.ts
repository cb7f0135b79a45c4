import type { Definition } from "../definitions.ts";
import { completedCommands, type CompletedCommand, type CompletedOption, programOptions, type Value } from "./model.ts";

const actions: Readonly<Record<string, string>> = {
  image: "image:_puzzlefs_image",
  directory: "directory:_files -/",
  file: "file:_files",
  nothing: "value: ",
};

function action(value: Value): string {
  return typeof value === "string" ? (actions[value] ?? "value: ") : `value:(${value.join(" ")})`;
}

/** A description inside of brackets, in a word in single quotes. */
function described(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&").replaceAll("'", "'\\''");
}

function optionSpecs({ names, description, value }: CompletedOption): string[] {
  const exclusive = names.length > 1 ? `(${names.join(" ")})` : "";
  return names.map((name) => {
    const argument = value === undefined ? "" : `:${action(value)}`;
    const joined = value !== undefined && name.startsWith("--") ? "=" : "";
    return `'${exclusive}${name}${joined}[${described(description)}]${argument}'`;
  });
}

function commandCase({ name, options, operands }: CompletedCommand): string {
  const last = operands.length - 1;
  const positions = operands.map((value, index) => `'${index === last ? "*" : index + 1}:${action(value)}'`);
  const specs = [...options.flatMap(optionSpecs), ...positions];
  return `	${name})
		_arguments -s -S \\
			${specs.join(" \\\n			")}
		;;`;
}

export function zshCompletion(definitions: readonly Definition[]): string {
  const commands = completedCommands(definitions);
  const list = commands.map(({ name, summary }) => `		'${name}:${described(summary)}'`);
  return `#compdef puzzlefs
# zsh completion for puzzlefs, made from its command definitions.

# OCI_DIR, and after a colon the tags in it.
_puzzlefs_image() {
	if compset -P '*:'; then
		local -a tags
		tags=(\${(f)"$(puzzlefs tags "\${(Q)IPREFIX%:}" 2>/dev/null | awk 'NR > 1 && $1 != "-" { print $1 }')"})
		compadd -a tags
	else
		_files -/ -S ''
	fi
}

_puzzlefs_commands() {
	local -a commands
	commands=(
${list.join("\n")}
	)
	_describe command commands
}

_puzzlefs() {
	local curcontext=$curcontext state line
	_arguments -C \\
		${programOptions.flatMap(optionSpecs).join(" \\\n		")} \\
		'1:command:_puzzlefs_commands' \\
		'*::argument:->argument'
	[[ $state == argument ]] || return
	case $words[1] in
	help) _puzzlefs_commands ;;
${commands.map(commandCase).join("\n")}
	esac
}

_puzzlefs "$@"
`;
}
