import type { Spec } from "vega";
import { bytesUnit, formatBytes } from "../terminal/quantities.ts";
import { FONT_SIZE, isNarrow } from "./svg.ts";
import { fittedName, textWidth } from "./text-width.ts";

/** Colours of shares: none, up to a fifth, up to two fifths, … */
export const SHARE_CLASSES = 5;

const MOST_LABEL = 120;
const GAP = 6;
const MOST_CELL = 84;
/** Columns that are narrower have no names: they are in the order of the rows. */
const LEAST_NAMED = 14;

/**
 * A cell for each two images: the bytes that the image of the row needs together with that of the column, coloured by their part of the
 * row's image.
 */
export function shareChart(names: readonly string[], bytes: readonly (readonly number[])[], width: number): Spec {
  const narrow = isNarrow(width);
  const longest = Math.max(...names.map((name) => textWidth(name, FONT_SIZE)));
  const label = Math.min(narrow ? 80 : MOST_LABEL, longest);
  const left = label + GAP;
  const cell = Math.min(MOST_CELL, Math.floor((width - left - 2) / names.length));
  const height = Math.max(15, Math.min(26, cell));
  const isUpright = longest > cell - 4;
  const areColumnsNamed = cell >= LEAST_NAMED;
  const top = areColumnsNamed ? (isUpright ? label : FONT_SIZE) + GAP : FONT_SIZE;
  const texts = names.map((name) => fittedName(name, FONT_SIZE, label));
  const numbers = numbersIn(bytes.flat(), cell - 4);
  return {
    width: cell * names.length,
    height: height * names.length,
    padding: { left, right: Math.max(2, width - left - cell * names.length), top, bottom: 2 },
    data: [
      { name: "names", values: texts.map((name, i) => ({ name, i })) },
      { name: "columns", values: areColumnsNamed ? texts.map((name, i) => ({ name, i })) : [] },
      { name: "cells", values: bytes.flatMap((row, i) => row.map((_, j) => cellOf(bytes, i, j, numbers.format))) },
    ],
    marks: [
      {
        type: "rect",
        from: { data: "cells" },
        encode: {
          enter: {
            x: { signal: `datum.column * ${cell} + 0.5` },
            y: { signal: `datum.row * ${height} + 0.5` },
            width: { value: cell - 1 },
            height: { value: height - 1 },
            fill: { field: "fill" },
            stroke: { field: "stroke" },
          },
        },
      },
      {
        type: "text",
        from: { data: "cells" },
        encode: {
          enter: {
            x: { signal: `datum.column * ${cell} + ${cell / 2}` },
            y: { signal: `datum.row * ${height} + ${height / 2}` },
            align: { value: "center" },
            baseline: { value: "middle" },
            text: { field: "text" },
            fill: { field: "ink" },
          },
        },
      },
      {
        type: "text",
        encode: {
          enter: {
            x: { value: -GAP },
            y: { value: -GAP },
            align: { value: "right" },
            text: { value: numbers.unit },
            fill: { value: "var(--muted)" },
          },
        },
      },
      {
        type: "text",
        from: { data: "names" },
        encode: {
          enter: {
            x: { value: -GAP },
            y: { signal: `datum.i * ${height} + ${height / 2}` },
            align: { value: "right" },
            baseline: { value: "middle" },
            text: { field: "name" },
          },
        },
      },
      {
        type: "text",
        from: { data: "columns" },
        encode: {
          enter: {
            x: { signal: `datum.i * ${cell} + ${cell / 2}` },
            y: { value: -GAP },
            align: { value: isUpright ? "left" : "center" },
            baseline: { value: isUpright ? "middle" : "alphabetic" },
            angle: { value: isUpright ? -90 : 0 },
            text: { field: "name" },
          },
        },
      },
    ],
  };
}

/** How cells show their bytes: with a unit, or all in one unit, or not at all, so that the texts fit. */
function numbersIn(bytes: readonly number[], width: number): { unit: string; format: (bytes: number) => string } {
  const { unit, format } = bytesUnit(Math.max(...bytes));
  const forms = [
    { unit: "", format: formatBytes },
    { unit, format },
  ];
  const fits = (form: (bytes: number) => string): boolean =>
    bytes.every((one) => textWidth(form(one), FONT_SIZE) <= width);
  return forms.find((form) => fits(form.format)) ?? { unit: "", format: () => "" };
}

function cellOf(
  bytes: readonly (readonly number[])[],
  row: number,
  column: number,
  format: (bytes: number) => string,
): object {
  const own = bytes[row]?.[row] ?? 0;
  const shared = bytes[row]?.[column] ?? 0;
  const text = format(shared);
  if (row === column) return { row, column, text, fill: "var(--paper)", stroke: "var(--muted)", ink: "var(--ink)" };
  const step = shareClass(shared, own);
  return { row, column, text, fill: `var(--share-${step})`, stroke: "var(--paper)", ink: `var(--on-share-${step})` };
}

/** 0: nothing shared; otherwise 1 to SHARE_CLASSES. */
function shareClass(shared: number, own: number): number {
  return own === 0 ? 0 : Math.min(SHARE_CLASSES, Math.ceil((SHARE_CLASSES * shared) / own));
}
