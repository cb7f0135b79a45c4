import { formatBytes, formatCount, formatCountOf } from "../../terminal/quantities.ts";
import { barChart } from "../bar-chart.ts";
import { html, type Markup, nothing } from "../markup.ts";
import type { StoreReport } from "../store-report.ts";
import { figure, NEEDED } from "../svg.ts";
import { details } from "../table.ts";

/** How large chunks are. */
export async function chunksSection({ chunks }: StoreReport): Promise<Markup> {
  const { classes, chunks: count, bytes, median } = chunks;
  if (count === 0) return nothing;
  const message = `Half of the ${formatCountOf(count, "distinct chunk")} take less than ${formatBytes(median)}; all of them take ${formatBytes(bytes)}.`;
  const bars = classes.map((one) => ({
    label: classText(one),
    parts: [{ value: one.chunks, colour: NEEDED }],
    note: formatCount(one.chunks),
  }));
  return html`<section>
    <h2>How large chunks are</h2>
    <p>${message}</p>
    ${await figure("bars", message, (width) => barChart(bars, width, "count"))}
    <p class="note">
      Chunks as they are stored, compressed or not, each once however many images need it; by number. 1 KiB is 1,024
      bytes.
    </p>
    ${details(
      "Table: sizes of chunks",
      [
        { head: "stored size", cell: classText },
        { head: "chunks", isNumber: true, cell: (one) => formatCount(one.chunks) },
        { head: "bytes", isNumber: true, cell: (one) => formatBytes(one.bytes) },
      ],
      classes,
    )}
  </section> `;
}

function classText({ from, to }: StoreReport["chunks"]["classes"][number]): string {
  if (to === null) return `${binary(from)} and more`;
  return from === 0 ? `less than ${binary(to)}` : `${binary(from)} – ${binary(to)}`;
}

function binary(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`;
}
