import type { Spec } from "vega";
import { formatBytes } from "../terminal/quantities.ts";
import type { Area } from "./areas.ts";
import { FONT_SIZE, isNarrow } from "./svg.ts";

const HEADER = 18;
/** An area that is lower has no text. */
const LEAST_HEIGHT = 15;
/** With two lines. */
const LEAST_TWO = 30;

interface Node {
  id: number;
  parent: number | null;
  label: string;
  size: number;
  bytes: string;
  fill: string;
}

/** A treemap: areas as large as their stored bytes, those of one top directory in a frame. */
export function areaChart(areas: readonly Area[], width: number): Spec {
  const height = isNarrow(width) ? 420 : 380;
  return {
    width,
    height,
    padding: 0,
    data: [
      {
        name: "tree",
        values: nodesOf(areas),
        transform: [
          { type: "stratify", key: "id", parentKey: "parent" },
          {
            type: "treemap",
            field: "size",
            sort: { field: "value", order: "descending" },
            round: true,
            method: "squarify",
            paddingInner: 1,
            paddingOuter: 2,
            paddingTop: HEADER,
            size: [width, height],
          },
        ],
      },
      { name: "frames", source: "tree", transform: [{ type: "filter", expr: "datum.children > 0" }] },
      { name: "leaves", source: "tree", transform: [{ type: "filter", expr: "datum.children === 0" }] },
    ],
    marks: [
      rectangles("frames", "var(--frame)", "var(--muted)"),
      rectangles("leaves", undefined, "var(--paper)"),
      texts(
        "frames",
        `datum.y0 + ${HEADER / 2}`,
        "fittedText(datum.label + ' ' + datum.bytes, datum.x1 - datum.x0 - 8)",
        {
          least: LEAST_HEIGHT,
        },
      ),
      texts("leaves", `datum.y0 + 9`, "fittedText(datum.label, datum.x1 - datum.x0 - 8)", { least: LEAST_HEIGHT }),
      texts("leaves", `datum.y0 + 23`, "wholeText(datum.bytes, datum.x1 - datum.x0 - 6)", { least: LEAST_TWO }),
    ],
  };
}

function rectangles(data: string, fill: string | undefined, stroke: string): NonNullable<Spec["marks"]>[number] {
  return {
    type: "rect",
    from: { data },
    encode: {
      enter: {
        x: { field: "x0" },
        x2: { field: "x1" },
        y: { field: "y0" },
        y2: { field: "y1" },
        fill: fill === undefined ? { field: "fill" } : { value: fill },
        stroke: { value: stroke },
        strokeWidth: { value: 0.5 },
      },
    },
  };
}

function texts(
  data: string,
  y: string,
  text: string,
  { least }: { least: number },
): NonNullable<Spec["marks"]>[number] {
  return {
    type: "text",
    from: { data },
    encode: {
      enter: {
        x: { signal: "datum.x0 + 4" },
        y: { signal: y },
        baseline: { value: "middle" },
        fontSize: { value: FONT_SIZE },
        fill: { value: data === "leaves" ? "var(--on-area)" : "var(--ink)" },
        text: { signal: `datum.y1 - datum.y0 < ${least} ? '' : ${text}` },
      },
    },
  };
}

/** The root, a frame for each top directory that has several areas, and the areas. */
function nodesOf(areas: readonly Area[]): Node[] {
  const total = areas.reduce((sum, { stored }) => sum + stored, 0);
  const nodes: Node[] = [{ id: 0, parent: null, label: "/", size: 0, bytes: formatBytes(total), fill: "" }];
  const shown = areas.filter(({ stored }) => stored > 0);
  const groups = Map.groupBy(shown, ({ path }) => /^\/[^/]*/.exec(path)?.[0] ?? "/");
  const add = (parent: number, label: string, size: number, bytes: number, fill: string): number => {
    nodes.push({ id: nodes.length, parent, label, size, bytes: formatBytes(bytes), fill });
    return nodes.length - 1;
  };
  for (const [top, inside] of groups) {
    const bytes = inside.reduce((sum, { stored }) => sum + stored, 0);
    const isFrame = inside.length > 1;
    const parent = isFrame ? add(0, top, 0, bytes, "") : 0;
    for (const { path, isWhole, stored } of inside) {
      const below = isFrame ? path.slice(top.length + 1) : path;
      const label = isWhole ? below : `${below}${below === "" || below === "/" ? "" : "/"}…`;
      add(parent, label, stored, stored, isWhole ? "var(--area)" : "var(--rest)");
    }
  }
  return nodes;
}
