import type { Definition } from "../definitions.ts";
import { completedCommands, type CompletedCommand, programOptions, type Value } from "./model.ts";

const actions: Readonly<Record<string, string>> = {
  image: "_puzzlefs_image",
  directory: "_puzzlefs_files -d",
  file: "_puzzlefs_files -f",
  nothing: ":",
};

function action(value: Value): string {
  return typeof value === "string" ? (actions[value] ?? ":") : `_puzzlefs_words '${value.join(" ")}'`;
}

/** bash splits words at colons and equals signs as well, so `--driver=fuse` and `store:v1` are three words each. */
export function bashCompletion(definitions: readonly Definition[]): string {
  const commands = completedCommands(definitions);
  const names = commands.map(({ name }) => name);
  return `# bash completion for puzzlefs, made from its command definitions.

_puzzlefs_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

# -d: directories, -f: files.
_puzzlefs_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

# OCI_DIR, and after a colon the tags in it.
_puzzlefs_image() {
	if [[ -n $layout ]]; then
		_puzzlefs_words "$(puzzlefs tags "$layout" 2>/dev/null | awk 'NR > 1 && $1 != "-" { print $1 }')"
	else
		_puzzlefs_files -d
	fi
}

_puzzlefs() {
	local current=\${COMP_WORDS[COMP_CWORD]} previous= layout= prefix= command= word options= takes_value= operand=0 index
	local -a words=()
	COMPREPLY=()
	# What bash took apart at colons and equals signs becomes one word again.
	for ((index = 1; index <= COMP_CWORD; index++)); do
		word=\${COMP_WORDS[index]}
		if [[ \${#words[@]} -gt 0 && ($word == [:=]* || \${COMP_WORDS[index - 1]} == [:=]) ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	local whole=\${words[-1]}
	[[ $current == [:=] ]] && current=
	if [[ $whole == --*=* ]]; then
		previous=\${whole%%=*}
		[[ $COMP_WORDBREAKS == *=* ]] || prefix=$previous=
	else
		[[ \${#words[@]} -gt 1 ]] && previous=\${words[-2]}
		[[ $whole == *:* ]] && layout=\${whole%:*}
		[[ -z $layout || $COMP_WORDBREAKS == *:* ]] || prefix=$layout:
	fi
	current=\${current#"$prefix"}
	for word in "\${words[@]:0:\${#words[@]}-1}"; do
		if [[ -z $command ]]; then
			[[ $word == -* ]] || command=$word
		elif [[ -n $takes_value ]]; then
			takes_value=
		elif [[ $word == -* ]]; then
			_puzzlefs_takes_value "$command" "$word" && takes_value=1
		else
			((operand++))
		fi
	done
	case $command in
	'') _puzzlefs_words '${[...names, "help", ...programOptions.flatMap((option) => option.names)].join(" ")}' ;;
	help) _puzzlefs_words '${names.join(" ")}' ;;
${commands.map(commandCase).join("\n")}
	esac
	[[ -z $prefix ]] || COMPREPLY=("\${COMPREPLY[@]/#/$prefix}")
}

# Whether option $2 of command $1 takes a value in the next word.
_puzzlefs_takes_value() {
	case $1:$2 in
${commands
  .map(valueCase)
  .filter((line) => line !== "")
  .join("\n")}
	esac
	return 1
}

complete -F _puzzlefs puzzlefs
`;
}

function valueCase({ name, options }: CompletedCommand): string {
  const patterns = options.filter(({ value }) => value !== undefined).flatMap((option) => option.names);
  return patterns.length === 0 ? "" : `	${patterns.map((option) => `${name}:${option}`).join(" | ")}) return 0 ;;`;
}

function commandCase({ name, options, operands }: CompletedCommand): string {
  const values = options
    .filter(({ value }) => value !== undefined)
    .map(({ names, value = "nothing" }) => `		${names.join(" | ")}) ${action(value)} ;;`);
  const last = operands.length - 1;
  const positions = operands.map((value, index) => `				${index === last ? "*" : index}) ${action(value)} ;;`);
  return `	${name})
		case $previous in
${[...values, "		*)"].join("\n")}
			if [[ $current == -* ]]; then
				_puzzlefs_words '${options.flatMap((option) => option.names).join(" ")}'
			else
				case $operand in
${positions.join("\n")}
				esac
			fi
			;;
		esac
		;;`;
}
