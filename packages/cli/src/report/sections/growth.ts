import { formatBytes, formatCount } from "../../terminal/quantities.ts";
import { barChart, type Bar } from "../bar-chart.ts";
import { html, type Markup, nothing } from "../markup.ts";
import type { ReportedImage, StoreReport } from "../store-report.ts";
import { BEFORE, figure, NEEDED, MOST_BARS } from "../svg.ts";
import { details, legend } from "../table.ts";

/** What each image added. */
export async function growthSection({ images, needed, alone }: StoreReport): Promise<Markup> {
  const grown = images.filter(({ growth }) => growth !== null) as Grown[];
  const last = grown.at(-1);
  if (last === undefined) return nothing;
  const cut = Math.max(0, grown.length - MOST_BARS);
  const earlier = grown[cut - 1];
  const bars: Bar[] = grown.slice(cut).map(({ name, growth: { added, total } }) => ({
    label: name,
    parts: [
      { value: total.bytes - added.bytes, colour: BEFORE },
      { value: added.bytes, colour: NEEDED },
    ],
    note: `+${formatBytes(added.bytes)}`,
  }));
  if (earlier !== undefined) {
    const { bytes } = earlier.growth.total;
    bars.unshift({
      label: `${formatCount(cut)} earlier images`,
      parts: [{ value: bytes, colour: NEEDED }],
      note: `+${formatBytes(bytes)}`,
    });
  }
  const times = needed.bytes === 0 ? "" : `, ${(alone / needed.bytes).toFixed(1)} times as much`;
  const message =
    grown.length === 1
      ? `One image needs ${formatBytes(needed.bytes)}.`
      : `${formatCount(grown.length)} images need ${formatBytes(needed.bytes)} together. Each in a store of its own they would need ${formatBytes(alone)}${times}. The last one, ${last.name}, added ${formatBytes(last.growth.added.bytes)}.`;
  return html`<section>
    <h2>What each image added</h2>
    <p>${message}</p>
    ${legend([
      [NEEDED, "added by the image"],
      [BEFORE, "needed by images before it"],
    ])}${await figure("bars", message, (width) => barChart(bars, width, "bytes"))}
    <p class="note">
      In the order of index.json, in which the image that was written last is the last one. All files of the store that
      an image needs count, each once.${cut === 0 ? "" : ` The first ${formatCount(cut)} images are one bar.`}
    </p>
    ${details(
      "Table: what each image added",
      [
        { head: "image", cell: ({ name }) => name },
        { head: "added", isNumber: true, cell: ({ growth }) => formatBytes(growth.added.bytes) },
        { head: "in blobs", isNumber: true, cell: ({ growth }) => formatCount(growth.added.blobs) },
        { head: "all together", isNumber: true, cell: ({ growth }) => formatBytes(growth.total.bytes) },
      ],
      grown,
    )}
  </section> `;
}

type Grown = ReportedImage & { growth: NonNullable<ReportedImage["growth"]> };
