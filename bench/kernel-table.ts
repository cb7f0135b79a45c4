/** Measures as tables: ours beside each peer, and as ratios to those of the same kind. */
import type { Subject } from "./kernel-subjects.ts";

/** A figure of each subject, in the order of subjects; undefined: not measured. */
export interface KernelRow {
  what: string;
  figures: readonly (number | undefined)[];
}

/** "12.3 (0.95, 0.71)": the figure, and its ratio to each peer's. */
function cell(subjects: readonly Subject[], figures: KernelRow["figures"], at: number, digits: number): string {
  const figure = figures[at];
  if (figure === undefined) return "–";
  const peers = subjects[at]?.peers ?? [];
  const ratios = peers.map((peer) => {
    const theirs = figures[subjects.findIndex(({ name }) => name === peer)];
    return theirs === undefined || theirs === 0 ? "–" : (figure / theirs).toFixed(2);
  });
  return figure.toFixed(digits) + (ratios.length === 0 ? "" : ` (${ratios.join(", ")})`);
}

/** @param digits after the decimal point */
export function kernelTable(subjects: readonly Subject[], rows: readonly KernelRow[], digits: number): string {
  return [
    `| what | ${subjects.map(({ name }) => name).join(" | ")} |`,
    `| --- |${subjects.map(() => " ---: |").join("")}`,
    ...rows.map(({ what, figures }) => {
      return `| ${what} | ${subjects.map((_, at) => cell(subjects, figures, at, digits)).join(" | ")} |`;
    }),
  ].join("\n");
}
