import type { Spec } from "vega";
import { FONT_SIZE, isNarrow } from "./svg.ts";
import { fittedName, textWidth } from "./text-width.ts";

/** A row of a chart: parts of one length, one after the other. */
export interface Bar {
  label: string;
  parts: readonly { value: number; colour: string }[];
  /** The number that the bar is about. */
  note: string;
}

const MOST_LABEL = 220;
const GAP = 8;
const AXIS = 22;

/** Horizontal bars over an axis from zero. In narrow charts the labels are above the bars. */
export function barChart(bars: readonly Bar[], width: number, unit: "bytes" | "count"): Spec {
  const narrow = isNarrow(width);
  const [rowHeight, barTop, barHeight] = narrow ? [38, 17, 14] : [24, 4, 16];
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => textWidth(text, FONT_SIZE)));
  const notes = widest(bars.map(({ note }) => note));
  const labels = narrow ? 0 : Math.min(MOST_LABEL, widest(bars.map(({ label }) => label)));
  const left = narrow ? 2 : labels + GAP;
  const right = narrow ? 12 : notes + GAP;
  const plot = width - left - right;
  const labelWidth = narrow ? plot + right - notes - GAP : labels;
  const ends = bars.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const rows = bars.map(({ label, note }, row) => ({
    row,
    label: fittedName(label, FONT_SIZE, labelWidth),
    note,
    end: ends[row] as number,
  }));
  const middle = { signal: `datum.row * ${rowHeight} + ${narrow ? 8 : barTop + barHeight / 2}` };
  return {
    width: plot,
    height: bars.length * rowHeight,
    padding: { left, right, top: AXIS, bottom: 2 },
    data: [
      { name: "rows", values: rows },
      { name: "parts", values: bars.flatMap(({ parts }, row) => partsOf(parts, row)) },
    ],
    scales: [{ name: "x", type: "linear", domain: [0, Math.max(1, ...ends)], range: [0, plot], zero: true }],
    axes: [
      {
        orient: "top",
        scale: "x",
        grid: true,
        tickCount: narrow ? 3 : 6,
        labelFlush: true,
        ...(unit === "count" && { tickMinStep: 1 }),
        encode: { labels: { update: { text: { signal: `${unit}Text(datum.value)` } } } },
      },
    ],
    marks: [
      {
        type: "rect",
        from: { data: "parts" },
        encode: {
          enter: {
            x: { scale: "x", field: "from" },
            x2: { scale: "x", field: "to" },
            y: { signal: `datum.row * ${rowHeight} + ${barTop}` },
            height: { value: barHeight },
            fill: { field: "colour" },
          },
        },
      },
      {
        type: "text",
        from: { data: "rows" },
        encode: {
          enter: {
            x: { value: narrow ? 0 : -GAP },
            y: middle,
            align: { value: narrow ? "left" : "right" },
            baseline: { value: "middle" },
            text: { field: "label" },
          },
        },
      },
      {
        type: "text",
        from: { data: "rows" },
        encode: {
          enter: {
            x: narrow ? { value: plot + right - 2 } : { scale: "x", field: "end", offset: GAP / 2 },
            y: middle,
            align: { value: narrow ? "right" : "left" },
            baseline: { value: "middle" },
            text: { field: "note" },
          },
        },
      },
    ],
  };
}

function partsOf(parts: Bar["parts"], row: number): { row: number; from: number; to: number; colour: string }[] {
  let end = 0;
  return parts.flatMap(({ value, colour }) => {
    const from = end;
    end += value;
    return value > 0 ? [{ row, from, to: end, colour }] : [];
  });
}
