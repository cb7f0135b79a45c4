import { formatBytes, formatSeconds } from "./quantities.ts";
import { stderrIsTerminal, writeError } from "./output.ts";

/** Redrawn at most this often. */
const intervalMilliseconds = 100;
const barWidth = 20;
const lineWidth = 110;

/** A line on stderr that is drawn over itself, when that is a terminal; nothing at all otherwise. */
export class ProgressBar {
  readonly #label: string;
  readonly #start = performance.now();
  #drawn = 0;
  #visible = false;

  constructor(label: string) {
    this.#label = label;
  }

  /**
   * @param done bytes
   * @param total bytes, or undefined when nobody knows yet: then there is no bar and no time left
   * @param details more to show, "1,234 chunks"
   */
  update(done: number, total: number | undefined, details: readonly string[] = []): void {
    const now = performance.now();
    if (!stderrIsTerminal || now - this.#drawn < intervalMilliseconds) return;
    this.#drawn = now;
    this.#visible = true;
    writeError(`\r\x1b[K${progressLine(this.#label, done, total, details, (now - this.#start) / 1000)}`);
  }

  /** Takes the line away. */
  finish(): void {
    if (this.#visible) writeError("\r\x1b[K");
    this.#visible = false;
  }
}

/** One line of progress after `elapsed` seconds. */
export function progressLine(
  label: string,
  done: number,
  total: number | undefined,
  details: readonly string[],
  elapsed: number,
): string {
  const rate = elapsed > 0 ? done / elapsed : 0;
  const parts = [formatBytes(done), ...details, `${formatBytes(rate)}/s`];
  let bar = "";
  if (total !== undefined && total > 0) {
    const share = Math.min(1, done / total);
    const filled = Math.round(share * barWidth);
    bar = ` ${"█".repeat(filled)}${"░".repeat(barWidth - filled)} ${String(Math.floor(share * 100)).padStart(3)} %`;
    if (rate > 0 && share < 1) parts.push(`${formatSeconds((total - done) / rate)} left`);
  }
  return `${label}${bar}  ${parts.join("  ")}`.slice(0, lineWidth);
}
