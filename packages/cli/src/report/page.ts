import { formatBytes, formatCount, formatShare } from "../terminal/quantities.ts";
import { version } from "../version.ts";
import { deadBytes } from "./collect.ts";
import { html, type Markup, nothing } from "./markup.ts";
import { chunksSection } from "./sections/chunks.ts";
import { directoriesSection } from "./sections/directories.ts";
import { growthSection } from "./sections/growth.ts";
import { packsSection } from "./sections/packs.ts";
import { sharingSection } from "./sections/sharing.ts";
import { unneededSection } from "./sections/unneeded.ts";
import type { ReportedImage, StoreReport } from "./store-report.ts";
import { style } from "./style.ts";
import { shortened, table } from "./table.ts";

/** Nothing is loaded, and no script runs, whatever is in the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const MOST_PROBLEMS = 50;

/** @param name of the layout, escaped for people */
export async function pageOf(name: string, report: StoreReport): Promise<string> {
  const parts: Markup[] = [];
  for (const section of [
    growthSection,
    sharingSection,
    directoriesSection,
    chunksSection,
    packsSection,
    unneededSection,
  ])
    parts.push(await section(report));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="generator" content="puzzlefs ${version}" />
        <title>Store ${name}</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        <header>
          <h1>Store ${name}</h1>
          ${keyFigures(report)}${problemsOf(report)}
        </header>
        <main>${parts}${imagesSection(report)}</main>
        <footer>
          <p class="note">
            Made by puzzlefs ${version} report. Bytes are in powers of 1,000, as in the other commands. This page needs
            no network, and has no scripts.
          </p>
        </footer>
      </body>
    </html> `.text;
}

function keyFigures({ images, needed, alone, packs, garbage }: StoreReport): Markup {
  const dead = packs.reduce((sum, pack) => sum + deadBytes(pack), 0);
  const parts = garbage === null ? [] : [garbage.freed, garbage.pending, garbage.temporaries];
  const unneeded = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const figures: [string, string][] = [
    ["images", formatCount(images.length)],
    ["needed by them", formatBytes(needed.bytes)],
    ["saved by sharing", formatShare(alone - needed.bytes, alone)],
    ["needed by none", garbage === null ? "not known" : formatBytes(unneeded)],
    ...(packs.length === 0 ? [] : [["dead in packs", formatBytes(dead)] as [string, string]]),
  ];
  return html`<dl class="figures">
    ${figures.map(
      ([term, value]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${value}</dd>
        </div> `,
    )}
  </dl> `;
}

function problemsOf({ problems }: StoreReport): Markup {
  if (problems.length === 0) return nothing;
  const left = problems.length - MOST_PROBLEMS;
  return html`<div class="problems" role="note">
    <strong>This report is incomplete:</strong>
    <ul>
      ${problems.slice(0, MOST_PROBLEMS).map(({ image, message }) => html`<li>${image}: ${shortened(message)}</li> `)}
    </ul>
    ${left > 0 ? html`<p>${formatCount(left)} more problems are left out here; --json has them.</p>` : nothing}
  </div> `;
}

function imagesSection({ images }: StoreReport): Markup {
  if (images.length === 0) return html`<p>The store has no images.</p>`;
  const bytes = (count: ReportedImage["stored"]): string => (count === null ? "-" : formatBytes(count.bytes));
  return html`<section>
    <h2>All images</h2>
    ${table(
      "All images",
      [
        { head: "image", cell: ({ name }) => name },
        { head: "stored", isNumber: true, cell: ({ stored }) => bytes(stored) },
        { head: "frees", isNumber: true, cell: ({ frees }) => bytes(frees) },
        {
          head: "content",
          isNumber: true,
          cell: ({ content }) => (content === null ? "-" : formatBytes(content.bytes)),
        },
        {
          head: "chunks",
          isNumber: true,
          cell: ({ content }) => (content === null ? "-" : formatCount(content.chunks)),
        },
        { head: "kind", cell: kindText },
        { head: "manifest sha256", cell: ({ digest }) => html`<code>${digest ?? "-"}</code>` },
      ],
      images,
    )}
    <p class="note">
      Stored is all that an image needs; frees is what no other image needs, so that untag and gc would free it.
    </p>
  </section> `;
}

function kindText({ kind, description, platform, packedManifest }: ReportedImage): string {
  const parts = platform === null ? [] : [platform];
  if (kind === "foreign") parts.push(`foreign: ${description ?? ""}`);
  if (kind === "missing") parts.push("not in the layout");
  if (kind === "unreadable") parts.push("cannot be read");
  if (packedManifest !== null) parts.push("packed");
  return parts.join(", ") || "-";
}
