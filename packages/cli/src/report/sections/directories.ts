import { formatBytes, formatCount, formatCountOf, formatShare } from "../../terminal/quantities.ts";
import { areaChart } from "../area-chart.ts";
import { html, type Markup, nothing } from "../markup.ts";
import type { ReportedImage, StoreReport } from "../store-report.ts";
import { figure } from "../svg.ts";
import { details } from "../table.ts";

/** Where the bytes of the last images are. */
export async function directoriesSection({ images }: StoreReport): Promise<Markup> {
  const detailed = images.filter(({ areas }) => areas !== null).toReversed();
  const ours = images.filter(({ kind }) => kind === "puzzlefs").length;
  if (detailed.length === 0) return nothing;
  const parts: Markup[] = [];
  for (const image of detailed) parts.push(await directoriesOf(image));
  return html`<section>
    <h2>Where the bytes are</h2>
    <p class="note">
      Each area is as large as the stored bytes of the files in it: compressed, and equal chunks once. Of a chunk that
      several files refer to, each has a part. Blue areas are whole directories; grey ones, with …, are the rest of a
      directory: its files, and directories with less than 1 % of the
      image.${detailed.length < ours ? ` Only the last ${formatCountOf(detailed.length, "image")} of ${formatCount(ours)} ${detailed.length === 1 ? "is" : "are"} shown; --directories shows more.` : ""}
    </p>
    ${parts}
  </section> `;
}

async function directoriesOf({ name, areas, content }: ReportedImage): Promise<Markup> {
  const all = areas ?? [];
  const [largest] = all;
  const stored = content?.stored ?? 0;
  const what =
    largest === undefined || stored === 0
      ? ""
      : `; most are in ${largest.path}${largest.isWhole ? "" : " itself"}, ${formatShare(largest.stored, stored)}`;
  const message = `${name}: ${formatBytes(stored)} stored, for ${formatBytes(content?.bytes ?? 0)} of content${what}.`;
  return html`<h3>${message}</h3>
    ${stored === 0 ? nothing : await figure("areas", message, (width) => areaChart(all, width))}${details(
      `Table: directories of ${name}`,
      [
        { head: "directory", cell: ({ path }) => path },
        { head: "", cell: ({ isWhole, directories }) => (isWhole ? "" : restText(directories)) },
        { head: "stored", isNumber: true, cell: (area) => formatBytes(area.stored) },
        { head: "part", isNumber: true, cell: (area) => formatShare(area.stored, stored) },
        { head: "content", isNumber: true, cell: (area) => formatBytes(area.content) },
        { head: "files", isNumber: true, cell: (area) => formatCount(area.files) },
      ],
      all,
    )}`;
}

function restText(directories: number): string {
  return directories === 0
    ? "its own files"
    : `its own files and ${formatCountOf(directories, "small directory", "small directories")}`;
}
