/** The page of `report` as Chromium shows it: `make setup-browser`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { noise, prose } from "@puzzlefs/testing";
import test from "ava";
import { missing, puzzlefs, run } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { Browser, type View } from "./browser.ts";

const lacks = missing("chromium");
const scratch = new Scratch();
test.after.always(() => scratch.remove());

interface Measured {
  /** Pixels by which the page is wider than the window. */
  overflow: number;
  /** Charts that are shown, and texts in them. */
  charts: number;
  texts: number;
  /** Texts that are cut by the edge of their chart, or are over another text. */
  cut: string[];
  overlapping: string[];
  /** Texts with a contrast below 4.5 to what is behind them, and shapes whose colour is not defined. */
  pale: string[];
  colourless: number;
  scripts: number;
  /** Tables that are shown, and all of them. */
  openTables: number;
  tables: number;
  background: string;
}

/** Runs in the page. */
const MEASURE = `(() => {
  const channels = (colour) => (/^rgba?\\(([^)]+)\\)/.exec(colour)?.[1] ?? "").split(",").map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const isShown = (element) => element.getClientRects().length > 0;
  const paper = getComputedStyle(document.body).backgroundColor;
  const found = { cut: [], overlapping: [], pale: [], colourless: 0, charts: 0, texts: 0 };
  const has = (rect, x, y) => x >= rect.left && x <= rect.right && y >= rect.top && y <= rect.bottom;
  for (const svg of document.querySelectorAll(".chart svg")) {
    if (!isShown(svg)) continue;
    found.charts++;
    const edge = svg.getBoundingClientRect();
    const shapes = [...svg.querySelectorAll("path, rect")].map((shape) => ({ rect: shape.getBoundingClientRect(), style: getComputedStyle(shape) }))
      .filter(({ rect, style }) => style.fill !== "none" && style.fill !== "rgba(0, 0, 0, 0)" && rect.width > 0 && rect.height > 0);
    found.colourless += shapes.filter(({ style }) => style.fill === "rgb(0, 0, 0)").length;
    const isBars = svg.closest(".bars") !== null;
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent !== "").map((text) => {
      const rect = text.getBoundingClientRect();
      const [x, y] = [(rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2];
      // Beside bars, with a halo.
      const behind = isBars ? paper : (shapes.findLast((shape) => has(shape.rect, x, y))?.style.fill ?? paper);
      return { text: text.textContent, rect, behind, colour: getComputedStyle(text).fill };
    });
    found.texts += texts.length;
    for (const { text, rect, behind, colour } of texts) {
      if (rect.left < edge.left - 1 || rect.right > edge.right + 1 || rect.top < edge.top - 3 || rect.bottom > edge.bottom + 3) found.cut.push(text);
      if (contrast(colour, behind) < 4.5) found.pale.push(text + ": " + colour + " on " + behind);
    }
    texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
      const width = Math.min(a.rect.right, b.rect.right) - Math.max(a.rect.left, b.rect.left);
      const height = Math.min(a.rect.bottom, b.rect.bottom) - Math.max(a.rect.top, b.rect.top);
      if (width > 1 && height > 4) found.overlapping.push(a.text + " / " + b.text);
    }));
  }
  for (const element of document.querySelectorAll("h1, h2, h3, p, dt, dd, li, th, td, summary")) {
    if (!isShown(element)) continue;
    let behind = element;
    while (behind !== null && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const { color } = getComputedStyle(element);
    if (contrast(color, getComputedStyle(behind ?? document.body).backgroundColor) < 4.5) found.pale.push(element.textContent.trim());
  }
  const tables = [...document.querySelectorAll("table")];
  return {
    ...found,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    scripts: document.scripts.length,
    openTables: tables.filter((table) => table.checkVisibility({ contentVisibilityAuto: true }) && table.getBoundingClientRect().height > 0).length,
    tables: tables.length,
    background: paper,
  };
})()`;

const VIEWS: View[] = [
  { width: 1400, scheme: "light" },
  { width: 1400, scheme: "dark" },
  { width: 700, scheme: "light" },
  { width: 390, scheme: "light" },
  { width: 390, scheme: "dark" },
  { width: 760, scheme: "dark", media: "print" },
];

/** Loose and packed images with long and foreign names, dead bytes, and blobs that no image needs. */
function makePage(): string {
  const [tree, store] = [scratch.directory("tree"), scratch.fresh("store")];
  for (let i = 0; i < 24; i++) {
    const directory = join(tree, `usr/share/directory-${i}-${"long-".repeat(i % 5)}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "data"), noise(i, 3000 * (i + 1)));
    writeFileSync(join(directory, "text"), prose(i, 2000));
  }
  mkdirSync(join(tree, "目录 <b>&amp;"));
  writeFileSync(join(tree, "目录 <b>&amp;/data"), noise("wide", 90_000));
  for (const [tag, ...options] of [
    ["v1"],
    ["v2-with-a-name-that-is-long-for-a-tag-2026-11-27"],
    ["packed-1", "--packed"],
    ["packed-2", "--packed"],
    ["last"],
  ] as const) {
    writeFileSync(join(tree, `usr/new-${tag}`), noise(tag, 200_000));
    run(puzzlefs, ["build", "-c", ...options, tree, `${store}:${tag}`]);
  }
  run(puzzlefs, ["untag", `${store}:packed-1`]);
  const page = join(scratch.directory("out"), "report.html");
  run(puzzlefs, ["report", store, "-o", page]);
  return pathToFileURL(page).href;
}

(lacks.length > 0 ? test.skip : test)(
  `no text of a chart is cut, covered or pale, in light and dark, wide, narrow and on paper${lacks.length > 0 ? " (no chromium: make setup-browser)" : ""}`,
  async (t) => {
    const page = makePage();
    const browser = new Browser(scratch.directory("profile"));
    try {
      for (const view of VIEWS) {
        const name = `${view.media ?? "screen"}, ${view.width} pixels, ${view.scheme}`;
        const measured = (await browser.evaluate(page, MEASURE, view)) as Measured;
        t.is(measured.charts, 8, name);
        t.true(measured.texts > 100, name);
        t.deepEqual([measured.cut, measured.overlapping, measured.pale], [[], [], []], name);
        t.deepEqual([measured.overflow, measured.colourless, measured.scripts], [0, 0, 0], name);
        const isDark = view.scheme === "dark" && view.media !== "print";
        t.is(measured.background, isDark ? "rgb(20, 24, 29)" : "rgb(255, 255, 255)", name);
        t.is(measured.openTables, view.media === "print" ? measured.tables : 1, name);
      }
    } finally {
      await browser.close();
    }
  },
);
