/** Charts of benchmarks: panels of bars, as SVG that follows the reader's light or dark theme. */

export interface Bar {
  name: string;
  value: number;
  /** The value as it is shown. */
  text: string;
  isOurs: boolean;
}

export interface Panel {
  title: string;
  /** What is measured, with its unit. */
  note: string;
  bars: Bar[];
}

const WIDTH = 860;
const COLUMNS = 2;
const COLUMN_WIDTH = WIDTH / COLUMNS;
/** Names end, and bars begin, behind this. */
const NAMES_WIDTH = 172;
const LONGEST_BAR = 180;
const BAR_HEIGHT = 15;
const BAR_STEP = 20;
const TITLE_HEIGHT = 30;
const GAP = 18;

const STYLE = `    svg { font: 13px system-ui, sans-serif; }
    text { fill: #1f2328; }
    .note { fill: #59636e; font-size: 12px; }
    .name { text-anchor: end; }
    .group { font-weight: 600; }
    .bar { fill: #afb8c1; }
    .ours { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note { fill: #9198a1; }
      .bar { fill: #656c76; }
      .ours { fill: #4493f8; }
    }`;

/** @param source the file of results, for the comment */
export function chart(title: string, panels: readonly Panel[], source: string): string {
  const rows = Array.from({ length: Math.ceil(panels.length / COLUMNS) }, (_, row) =>
    panels.slice(row * COLUMNS, (row + 1) * COLUMNS),
  );
  const parts: string[] = [];
  let top = 0;
  for (const row of rows) {
    for (const [column, panel] of row.entries()) parts.push(...panelLines(panel, column * COLUMN_WIDTH, top));
    top += TITLE_HEIGHT + Math.max(...row.map(({ bars }) => bars.length)) * BAR_STEP + GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-labelledby="title description">`,
    `  <!-- Made by bench/run.ts from ${source}. -->`,
    `  <title id="title">${escaped(title)}</title>`,
    `  <desc id="description">${escaped(describe(panels))}</desc>`,
    "  <style>",
    STYLE,
    "  </style>",
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** The panels as a sentence, for readers that do not see them. */
function describe(panels: readonly Panel[]): string {
  const described = panels.map(
    ({ title, note, bars }) => `${title}, ${note}: ${bars.map(({ name, text }) => `${name} ${text}`).join(", ")}`,
  );
  return `${described.join("; ")}.`;
}

function panelLines({ title, note, bars }: Panel, left: number, top: number): string[] {
  const start = left + NAMES_WIDTH;
  const longest = Math.max(...bars.map(({ value }) => value));
  const lines = [
    `  <text class="group" x="${start}" y="${top + 18}">${escaped(title)} <tspan class="note">${escaped(note)}</tspan></text>`,
  ];
  for (const [index, { name, value, text, isOurs }] of bars.entries()) {
    const y = top + TITLE_HEIGHT + index * BAR_STEP;
    const width = Math.max(1, Math.round((value / longest) * LONGEST_BAR));
    const base = y + 12;
    lines.push(
      `  <text class="name" x="${start - 8}" y="${base}">${escaped(name)}</text>` +
        `<rect class="${isOurs ? "ours" : "bar"}" x="${start}" y="${y}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>` +
        `<text x="${start + width + 6}" y="${base}">${escaped(text)}</text>`,
    );
  }
  return lines;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
