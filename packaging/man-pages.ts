/** Manual pages: what `--help` has, and the prose of packages/cli/manual. */
import { version } from "../packages/cli/src/version.ts";
import { argumentTerms, exampleLines, notesMarkdown, optionTerms, readProse, usageLines } from "./definitions.ts";
import type { Definition } from "./definitions.ts";
import { markdownToRoff, roffCode, roffTerm, roffText } from "./roff.ts";
import { type Page, pages } from "./shared-files.ts";

const section = (title: string, text: string): string => (text === "" ? "" : `.SH ${title}\n${text}`);
const bold = (text: string): string => `\\fB${roffText(text)}\\fP`;
const terms = (list: readonly { term: string; description: string }[]): string =>
  list.map(({ term, description }) => roffTerm(bold(term), roffText(description))).join("");

/** The text of one page. */
export function manPage(page: Page, definitions: readonly Definition[]): string {
  const definition = definitions.find(({ name }) => name === page.command);
  const body = definition === undefined ? programSections(definitions) : commandSections(page, definition);
  // The first line has tbl(1) format the tables.
  const title = `.TH ${page.title.toUpperCase()} ${page.section} "" "puzzlefs ${version}" "PuzzleFS"\n`;
  return `'\\" t\n${title}${body}${section("SEE ALSO", `${seeAlso(page)}\n`)}`;
}

function commandSections({ title }: Page, definition: Definition): string {
  const { command, summary, prose } = definition;
  const ownStatus = /^## Exit status\n+([^]*?)(?=^## |$(?![^]))/m.exec(prose);
  const rest = ownStatus === null ? prose : prose.replace(ownStatus[0], "");
  return [
    section("NAME", `${roffText(title)} \\- ${roffText(summary)}\n`),
    section("SYNOPSIS", roffCode(usageLines(definition)).replace(".PP\n", "")),
    section(
      "DESCRIPTION",
      `${roffText(command.description())}\n${terms(argumentTerms(definition))}` +
        `${markdownToRoff(notesMarkdown(definition))}${markdownToRoff(rest)}`,
    ),
    section("OPTIONS", terms(optionTerms(definition))),
    section("EXIT STATUS", markdownToRoff(ownStatus?.[1] ?? exitStatus())),
    section("EXAMPLES", roffCode(exampleLines(definition))),
  ].join("");
}

/** puzzlefs(1). */
function programSections(definitions: readonly Definition[]): string {
  const prose = readProse("puzzlefs");
  const list = definitions.map(({ name, summary, command }) => {
    const isHelper = command.name() === name;
    return { term: isHelper ? `${name}(8)` : `puzzlefs-${name}(1)`, description: summary };
  });
  const parts = new Map(
    prose
      .split(/^## /m)
      .slice(1)
      .map((part) => [titleOf(part), part.slice(part.indexOf("\n"))]),
  );
  const own = ["Options", "Exit codes", "First steps"];
  const others = [...parts].filter(([title]) => !own.includes(title)).map(([title, text]) => `## ${title}\n${text}`);
  return [
    section("NAME", "puzzlefs \\- root filesystems as OCI images that are mounted without being unpacked\n"),
    section("SYNOPSIS", roffCode(["puzzlefs COMMAND [OPTION]… ARGUMENT…"]).replace(".PP\n", "")),
    section(
      "DESCRIPTION",
      `${markdownToRoff(prose.split(/^## /m)[0] ?? "")}${terms(list)}${markdownToRoff(others.join("\n"))}`,
    ),
    section("OPTIONS", markdownToRoff(parts.get("Options") ?? "")),
    section("EXIT STATUS", markdownToRoff(exitStatus())),
    section("EXAMPLES", markdownToRoff(parts.get("First steps") ?? "")),
  ].join("");
}

const titleOf = (part: string): string => part.slice(0, part.indexOf("\n"));

/** The codes that all commands share. */
function exitStatus(): string {
  return /^## Exit codes\n+([^]*?)(?=^## )/m.exec(readProse("puzzlefs"))?.[1] ?? "";
}

function seeAlso({ title }: Page): string {
  const others = pages
    .filter((page) => page.title !== title)
    .map((page) => `\\fB${roffText(page.title)}\\fP(${page.section})`);
  return [...others, "\\fBmount\\fP(8)", "\\fBskopeo\\fP(1)"].join(",\n");
}
