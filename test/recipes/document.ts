import { readFileSync } from "node:fs";

/** docs/recipes.md as programs: blocks of commands, each with the output in the document. */

/** A block ```sh, and the block without a language right after it. */
export interface Step {
  commands: string;
  /** Lines; `…` alone matches any number of lines, within a line any text. Empty: any output is accepted. */
  prints: string[];
  /** Where the commands begin in the document. */
  line: number;
}

/** A section with commands. */
export interface Recipe {
  title: string;
  steps: Step[];
}

const FENCE = "```";

export function readRecipes(path: string): Recipe[] {
  const recipes: Recipe[] = [];
  let block: { language: string; lines: string[]; line: number } | undefined;
  let step: Step | undefined;
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    if (block === undefined && line.startsWith(FENCE)) {
      block = { language: line.slice(FENCE.length), lines: [], line: index + 2 };
    } else if (block !== undefined && line === FENCE) {
      if (block.language === "sh") {
        step = { commands: block.lines.join("\n"), prints: [], line: block.line };
        recipes.at(-1)?.steps.push(step);
      } else if (block.language === "" && step !== undefined) step.prints = block.lines;
      block = undefined;
    } else if (block !== undefined) {
      block.lines.push(line);
    } else if (line.startsWith("## ")) {
      recipes.push({ title: line.slice(3), steps: [] });
    } else if (line !== "") step = undefined;
  }
  return recipes.filter(({ steps }) => steps.length > 0);
}

/** Whether a program printed the output in the document. */
export function isPrinted(expected: readonly string[], printed: string): boolean {
  const pattern = expected.map((line) =>
    line === "…" ? "(?:.*\n)*?" : `${line.split("…").map(escaped).join(".*")}\n`,
  );
  return expected.length === 0 || new RegExp(`^${pattern.join("")}$`).test(printed.replace(/\n*$/, "\n"));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

const MARK = "\u0001next step\n";

/** All steps in one shell, which ends with the first command that fails. */
export function scriptOf({ steps }: Recipe): string {
  const marked = steps.map(({ commands }) => `printf '${MARK.replace("\n", "\\n")}'\n${commands}\n`);
  return `set -euo pipefail\nexec 2>&1\n${marked.join("")}`;
}

/** Differences between the output of scriptOf(recipe), which ended with `status`, and the document; empty if there are none. */
export function complaint({ steps }: Recipe, printed: string, status: number | null): string {
  const found = printed.split(MARK).slice(1);
  const problems = steps.flatMap(({ prints, line }, index) => {
    const text = found[index];
    if (text === undefined) return [];
    const failed = index === found.length - 1 && status !== 0;
    if (!failed && isPrinted(prints, text)) return [];
    const what = failed ? `fails with status ${status}` : "prints something else";
    return [
      `docs/recipes.md:${line} ${what}; the document has\n\n${prints.join("\n")}\n\nand the output is\n\n${text}`,
    ];
  });
  return problems.length === 0 && (status !== 0 || found.length !== steps.length)
    ? `ended with status ${status}: ${printed}`
    : problems.join("\n");
}
