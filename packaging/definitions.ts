/** The definitions of all commands, as manual pages, docs/cli.md and completions need them. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { commands } from "../packages/cli/src/commands.ts";
import type { ManualCommand } from "../packages/cli/src/command-line.ts";
import * as mountHelper from "../packages/cli/src/mount-helper-program.ts";

const manual = resolve(import.meta.dirname, "../packages/cli/manual");

export interface Definition {
  name: string;
  /** A noun phrase or an imperative, without a full stop. */
  summary: string;
  command: ManualCommand;
  /** Markdown below headings of the second level; links are relative to docs/. */
  prose: string;
}

/** All subcommands in the order of `puzzlefs --help`, then mount(8)'s helper. */
export async function readDefinitions(): Promise<Definition[]> {
  const definitions = commands.map(async ({ name, summary, load }) => {
    const command = (await load()).define();
    return { name, summary, command, prose: readProse(name) };
  });
  const helper = mountHelper.define();
  const { name } = helper.text;
  return [
    ...(await Promise.all(definitions)),
    { name, summary: "mount a PuzzleFS image, for mount(8)", command: helper, prose: readProse(name) },
  ];
}

/** Prose of a command, or of the program as a whole; empty if there is none. */
export function readProse(name: string): string {
  const path = resolve(manual, `${name}.md`);
  return existsSync(path) ? readFileSync(path, "utf8").trimEnd() : "";
}

/** Lines of SYNOPSIS. */
export function usageLines({ command }: Definition): string[] {
  return `${command.name()} ${command.usage()}`.split("\n").map((line) => line.trim());
}

export interface Term {
  term: string;
  description: string;
}

export function argumentTerms({ command }: Definition): Term[] {
  const help = command.createHelp();
  return help.visibleArguments(command).map((argument) => ({
    term: argument.name().toUpperCase(),
    description: help.argumentDescription(argument),
  }));
}

export function optionTerms({ command }: Definition): Term[] {
  const help = command.createHelp();
  return help.visibleOptions(command).map((option) => ({
    term: option.flags,
    description: help.optionDescription(option),
  }));
}

/** The lines after the example as Markdown: what is indented there is code. */
export function notesMarkdown({ command }: Definition): string {
  const lines = (command.text.notes ?? "").trim().split("\n");
  return lines
    .map((line, index) => {
      if (!line.startsWith("  ")) return escapeMarkdown(line);
      const isFirst = index === 0 || !(lines[index - 1] ?? "").startsWith("  ");
      return `${isFirst ? "\n" : ""}  ${line}`;
    })
    .join("\n");
}

/** Plain text as Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\*_<>|]/g, "\\$&");
}

/** The example as lines without indentation. */
export function exampleLines({ command }: Definition): string[] {
  return command.text.example
    .replace(/^\n|\s+$/g, "")
    .split("\n")
    .map((line) => line.replace(/^ {2}/, ""));
}
