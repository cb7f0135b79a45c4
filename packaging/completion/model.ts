/** The completions of a shell, made from the command definitions. */
import type { Definition } from "../definitions.ts";

/** `image` is OCI_DIR:TAG, `nothing` cannot be listed. */
export type Value = "image" | "directory" | "file" | "nothing" | readonly string[];

export interface CompletedOption {
  /** As `--long` and `-s`; one of them at least. */
  names: string[];
  description: string;
  /** Undefined: the option takes no value. */
  value: Value | undefined;
}

export interface CompletedCommand {
  name: string;
  summary: string;
  options: CompletedOption[];
  /** Of the arguments in their order. The last one may be repeated. */
  operands: Value[];
}

/** The subcommands of puzzlefs; users do not call mount(8)'s helper. */
export function completedCommands(definitions: readonly Definition[]): CompletedCommand[] {
  return definitions
    .filter(({ name, command }) => command.name() !== name)
    .map(({ name, summary, command }) => {
      const help = command.createHelp();
      return {
        name,
        summary,
        options: help.visibleOptions(command).map(completedOption),
        operands: help.visibleArguments(command).map((argument) => operandOf(argument.name())),
      };
    });
}

/** The options before a command. */
export const programOptions: readonly CompletedOption[] = [
  { names: ["-h", "--help"], description: "show help", value: undefined },
  { names: ["-V", "--version"], description: "print the version", value: undefined },
  { names: ["--debug"], description: "print stacks of faults of the program", value: undefined },
];

function completedOption(option: Definition["command"]["options"][number]): CompletedOption {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const takesValue = option.required || option.optional;
  const place = /<(.*)>/.exec(option.flags)?.[1] ?? "";
  return {
    names,
    description: option.description,
    value: takesValue ? (option.argChoices ?? operandOf(place)) : undefined,
  };
}

const operands: Readonly<Record<string, Value>> = {
  "oci_dir:tag": "image",
  "oci_dir[:tag]": "image",
  image: "image",
  oci_dir: "directory",
  rootfs: "directory",
  dir: "directory",
  mnt: "directory",
  upper: "directory",
  file: "file",
  fifo: "file",
};

function operandOf(name: string): Value {
  return operands[name] ?? "nothing";
}
