/** Measures of all runs as tables in Markdown: ours and the others', and the ratios of the targets. */
import { figure, type FuseCase } from "./fuse-cases.ts";
import type { Peer } from "./fuse-peers.ts";
import { median } from "./timing.ts";

const temperatures = ["cold", "warm"] as const;
export type Temperature = (typeof temperatures)[number];

/** One command on one mount. */
export interface Measure {
  peer: string;
  what: string;
  temperature: Temperature;
  run: number;
  seconds: number;
  /** Seconds that processors worked for the daemon meanwhile. */
  busy: number;
  /** Bytes of memory that the daemon had afterwards. */
  memory: number;
}

type Select = (peer: Peer) => Measure[];

function grid(columns: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [columns, columns.map((_, at) => (at === 0 ? "---" : "---:")), ...rows].map(line).join("\n");
}

/** A row for each case and temperature that was measured. */
function rowsOf(
  measures: readonly Measure[],
  cases: readonly FuseCase[],
  cells: (each: FuseCase, select: Select) => string[],
): string[][] {
  return cases.flatMap((each) =>
    temperatures.flatMap((temperature) => {
      const found = measures.filter(({ what, temperature: other }) => what === each.name && other === temperature);
      const select: Select = (peer) => found.filter((measure) => measure.peer === peer.name);
      return found.length === 0 ? [] : [[`${each.name}, ${temperature}`, ...cells(each, select)]];
    }),
  );
}

const figureText = (value: number): string =>
  Number.isNaN(value) ? "–" : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

/** Our time as a multiple of the target's fastest program, run by run, so that drift of the machine cancels. */
function ratioText({ against, target }: FuseCase, ours: Peer, peers: readonly Peer[], select: Select): string {
  const others = peers.filter(({ program, compressed }) => against.includes(program) && compressed === ours.compressed);
  const ratios = select(ours).map(({ run, seconds }) => {
    const theirs = others.flatMap((peer) => select(peer).filter((measure) => measure.run === run));
    return seconds / Math.min(...theirs.map((measure) => measure.seconds));
  });
  const middle = median(ratios);
  if (ratios.length === 0 || middle === 0) return "–";
  const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  return `${middle <= target ? "" : "missed "}**${middle.toFixed(2)}** (${spread})`;
}

/** Medians, and ratios with their spread. All of `peers` are compressed, or none is. */
export function timesTable(measures: readonly Measure[], peers: readonly Peer[], cases: readonly FuseCase[]): string {
  const ours = peers.filter(({ program }) => program === "puzzlefs");
  const rows = rowsOf(measures, cases, (each, select) => [
    ...peers.map(
      (peer) => `${figureText(figure(each, median(select(peer).map(({ seconds }) => seconds))))} ${each.unit}`,
    ),
    ...ours.map((peer) => ratioText(each, peer, peers, select)),
    `≤ ${each.target} of ${each.against.join(", ")}`,
  ]);
  return grid(["", ...peers.map(({ name }) => name), ...ours.map(({ name }) => `${name}, ratio`), "target"], rows);
}

/** Medians of something else that was measured meanwhile. */
export function figuresTable(
  measures: readonly Measure[],
  peers: readonly Peer[],
  cases: readonly FuseCase[],
  value: (measure: Measure) => number,
): string {
  const rows = rowsOf(measures, cases, (_, select) => peers.map((peer) => figureText(median(select(peer).map(value)))));
  return grid(["", ...peers.map(({ name }) => name)], rows);
}
