import { formatBytes, formatShare } from "../../terminal/quantities.ts";
import { barChart } from "../bar-chart.ts";
import { deadBytes } from "../collect.ts";
import { html, type Markup } from "../markup.ts";
import type { StoreReport } from "../store-report.ts";
import { figure, NEEDED, REST, WASTE } from "../svg.ts";
import { details } from "../table.ts";

/** What of the store's files is needed. */
export async function unneededSection({
  garbage,
  garbageProblem,
  packs,
}: Pick<StoreReport, "garbage" | "garbageProblem" | "packs">): Promise<Markup> {
  const heading = html`<h2>What no image needs</h2>`;
  if (garbage === null)
    return html`<section>
      ${heading}
      <p>It is not known what no image needs: ${garbageProblem ?? ""}</p>
    </section> `;
  const dead = packs.reduce((sum, pack) => sum + (pack.isMissing ? 0 : deadBytes(pack)), 0);
  const { needed, inUse, freed, pending, temporaries } = garbage;
  const rows = [
    { label: "needed by images", value: Math.max(0, needed.bytes - dead), colour: NEEDED },
    { label: "dead bytes in packs", value: dead, colour: WASTE },
    { label: "blobs that no image needs", value: freed.bytes, colour: WASTE },
    { label: "the same, for builds at work", value: pending.bytes, colour: REST },
    { label: "images in use without an entry", value: inUse.bytes, colour: REST },
    { label: "left by builds that died", value: temporaries.bytes, colour: WASTE },
  ].filter(({ value }, i) => i === 0 || i === 2 || value > 0);
  const all = rows.reduce((sum, { value }) => sum + value, 0);
  const message = messageOf(freed.bytes + temporaries.bytes, pending.bytes, all);
  const bars = rows.map(({ label, value, colour }) => ({
    label,
    parts: [{ value, colour }],
    note: formatBytes(value),
  }));
  return html`<section>
    ${heading}
    <p>${message}</p>
    ${await figure("bars", message, (width) => barChart(bars, width, "bytes"))}
    ${details(
      "Table: what the files are for",
      [
        { head: "what", cell: ({ label }) => label },
        { head: "bytes", isNumber: true, cell: ({ value }) => formatBytes(value) },
        { head: "part", isNumber: true, cell: ({ value }) => formatShare(value, all) },
      ],
      rows,
    )}
  </section> `;
}

function messageOf(free: number, pending: number, all: number): string {
  if (free > 0)
    return `puzzlefs gc --grace 0 would free ${formatBytes(free)} of ${formatBytes(all)}, ${formatShare(free, all)}.`;
  if (pending > 0)
    return `No image needs ${formatBytes(pending)} of ${formatBytes(all)}; builds at work may need them, so that gc frees nothing now.`;
  return `Nothing: an image needs every file of the ${formatBytes(all)} in the store.`;
}
