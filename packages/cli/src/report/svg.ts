import { expressionFunction, parse, type Spec, View } from "vega";
import { formatBytes, formatCount } from "../terminal/quantities.ts";
import { html, Markup } from "./markup.ts";
import { fitted, textWidth } from "./text-width.ts";

/** Pixels of text. */
export const FONT_SIZE = 12;
/** Widths of a chart, in pixels: for screens and paper, and for phones. */
export const WIDE = 860;
export const NARROW = 350;
/** Charts that are narrower have other forms. */
const LEAST_WIDE = 500;

/** Bars of a chart; what is more is one bar. */
export const MOST_BARS = 40;

/** Colours with one meaning on the whole page; the style sheet has their values for light and dark. */
export const NEEDED = "var(--needed)";
export const BEFORE = "var(--before)";
export const WASTE = "var(--waste)";
export const REST = "var(--rest)";

// For the labels of axes and areas.
expressionFunction("bytesText", formatBytes);
expressionFunction("countText", formatCount);
expressionFunction("wholeText", (text: string, width: number) => (textWidth(text, FONT_SIZE) > width ? "" : text));
expressionFunction("fittedText", (text: string, width: number) => fitted(text, FONT_SIZE, width));

const config = {
  background: "transparent",
  aria: false,
  axis: {
    domain: false,
    ticks: false,
    gridColor: "var(--grid)",
    labelColor: "var(--muted)",
    labelFontSize: FONT_SIZE,
    labelPadding: 4,
  },
  text: { fontSize: FONT_SIZE, fill: "var(--ink)" },
};

export function isNarrow(width: number): boolean {
  return width < LEAST_WIDE;
}

/** Renders a chart without a browser. Vega escapes texts, and draws what it is given: no script, no reference to anything outside. */
export async function renderSvg(spec: Spec): Promise<string> {
  const view = new View(parse({ autosize: "none", ...spec }, config), { renderer: "none", logger });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Vega writes to the console, which this program does not have. A message is a fault of a chart. */
const logger = {
  level: (): never => logger as never,
  error: refuse,
  warn: refuse,
  info: (): never => logger as never,
  debug: (): never => logger as never,
};

function refuse(...parts: readonly unknown[]): never {
  throw new Error(`a chart cannot be drawn: ${parts.map(String).join(" ")}`);
}

/**
 * A chart in both widths, of which the style sheet shows one.
 *
 * @param kind for the style sheet
 * @param description the chart's message, for screen readers
 */
export async function figure(kind: string, description: string, draw: (width: number) => Spec): Promise<Markup> {
  const wide = new Markup(await renderSvg(draw(WIDE)));
  const narrow = new Markup(await renderSvg(draw(NARROW)));
  return html`<div class="chart ${kind}" role="img" aria-label="${description}">
    <div class="wide">${wide}</div>
    <div class="narrow">${narrow}</div>
  </div> `;
}
