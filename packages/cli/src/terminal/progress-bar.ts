import { terminalColumns } from "@puzzlefs/linux";
import { clearTransient, stderrIsTerminal, writeTransient } from "./output.ts";
import { formatBytes, formatSeconds } from "./quantities.ts";

/** Redrawn at most this often. */
const intervalMilliseconds = 100;
/** Cells of the bar itself, brackets aside. */
const mostBar = 20;
const leastBar = 8;
const mostColumns = 110;
const usualColumns = 80;
const STDERR = 2;

/** A line on stderr that is drawn over itself, when that is a terminal with a cursor; nothing at all otherwise. */
export class ProgressBar {
  readonly #label: string;
  readonly #start = performance.now();
  readonly #wanted = stderrIsTerminal && process.env["TERM"] !== "dumb";
  #drawn = 0;

  constructor(label: string) {
    this.#label = label;
  }

  /**
   * @param done bytes
   * @param total bytes, or undefined if it is not known yet: then neither a bar nor the time left is shown
   * @param details more to show, "1,234 chunks"
   */
  update(done: number, total: number | undefined, details: readonly string[] = []): void {
    const now = performance.now();
    if (!this.#wanted || now - this.#drawn < intervalMilliseconds) return;
    this.#drawn = now;
    // Read each time: the size of the window may have changed. Its last column is left free, where some terminals wrap.
    const columns = availableColumns(terminalColumns(STDERR), process.env["COLUMNS"]) - 1;
    writeTransient(progressLine(this.#label, done, total, details, (now - this.#start) / 1000, columns));
  }

  /** Removes the line. */
  finish(): void {
    clearTransient();
  }
}

/** Columns that a line may have: of the window and of COLUMNS the smaller one, so that it fits in any case. */
export function availableColumns(window: number | undefined, variable = ""): number {
  const asked = /^[1-9]\d{0,4}$/.test(variable) ? Number(variable) : Infinity;
  return Math.min(window ?? (asked === Infinity ? usualColumns : asked), asked, mostColumns + 1);
}

/**
 * One line of progress after `elapsed` seconds, of at most `columns` ASCII characters. Parts that do not fit are left
 * out, the least important first: the bar, then details from the last one on, the rate, the time left.
 */
export function progressLine(
  label: string,
  done: number,
  total: number | undefined,
  details: readonly string[],
  elapsed: number,
  columns: number,
): string {
  const rate = elapsed > 0 ? done / elapsed : 0;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const percent = share === undefined ? "" : ` ${String(Math.floor(share * 100)).padStart(3)} %`;
  const left =
    share !== undefined && share < 1 && rate > 0 ? [`${formatSeconds(((total ?? 0) - done) / rate)} left`] : [];
  const amount = formatBytes(done);
  const speed = `${formatBytes(rate)}/s`;
  const parts = [amount, ...details, speed, ...left];
  const importance = [amount, ...left, speed, ...details];
  let room = columns - label.length - percent.length;
  const fitting = new Set<string>();
  for (const part of importance) {
    if (part.length + 2 > room) break;
    room -= part.length + 2;
    fitting.add(part);
  }
  const cells = share === undefined ? 0 : Math.min(mostBar, room - 3);
  const bar = cells < leastBar ? "" : ` [${"#".repeat(Math.round((share ?? 0) * cells)).padEnd(cells, ".")}]`;
  const shown = parts.filter((part) => fitting.has(part)).map((part) => `  ${part}`);
  return `${label}${bar}${percent}${shown.join("")}`.slice(0, Math.max(0, columns));
}
