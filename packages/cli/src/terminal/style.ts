import { stderrIsTerminal, stdoutIsTerminal } from "./output.ts";

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Style = keyof typeof codes;

const { NO_COLOR: noColor = "", TERM: terminal = "" } = process.env;

/** Colours are for people: only on a terminal that is known to have them, and not where NO_COLOR asks for none. */
const wanted = noColor === "" && terminal !== "" && terminal !== "dumb";

/** Text for stdout. */
export function style(name: Style, text: string): string {
  return wanted && stdoutIsTerminal ? paint(name, text) : text;
}

/** Text for stderr. */
export function styleError(name: Style, text: string): string {
  return wanted && stderrIsTerminal ? paint(name, text) : text;
}

function paint(name: Style, text: string): string {
  return `\x1b[${codes[name]}m${text}\x1b[0m`;
}
