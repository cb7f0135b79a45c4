import { formatBytes, formatCount, formatShare } from "../../terminal/quantities.ts";
import { html, type Markup, nothing } from "../markup.ts";
import { SHARE_CLASSES, shareChart } from "../share-chart.ts";
import type { ReportedImage, StoreReport } from "../store-report.ts";
import { figure } from "../svg.ts";
import { details, legend } from "../table.ts";

/** What each image shares with each other one. */
export async function sharingSection({ images, sharing }: StoreReport): Promise<Markup> {
  const names = sharing.images.map((i) => (images[i] as ReportedImage).name);
  if (names.length < 2) return nothing;
  const { bytes, omitted } = sharing;
  const pairs = names.flatMap((a, i) =>
    names.flatMap((b, j) =>
      j <= i ? [] : [{ a, b, shared: bytes[i]?.[j] ?? 0, least: Math.min(bytes[i]?.[i] ?? 0, bytes[j]?.[j] ?? 0) }],
    ),
  );
  const most = pairs.reduce((best, pair) => (pair.shared > best.shared ? pair : best));
  const least = pairs.reduce((best, pair) => (pair.shared < best.shared ? pair : best));
  const message =
    pairs.length === 1
      ? `${most.a} and ${most.b} share ${formatBytes(most.shared)}, ${formatShare(most.shared, most.least)} of the smaller one.`
      : `Most is shared by ${most.a} and ${most.b}: ${formatBytes(most.shared)}. Least is shared by ${least.a} and ${least.b}: ${formatBytes(least.shared)}.`;
  const fifth = 100 / SHARE_CLASSES;
  return html`<section>
    <h2>What images share</h2>
    <p>${message}</p>
    ${legend([
      ["var(--share-0)", "nothing"],
      ...Array.from(
        { length: SHARE_CLASSES },
        (_, i) => [`var(--share-${i + 1})`, `up to ${fifth * (i + 1)} %`] as const,
      ),
    ])}${await figure("shares", message, (width) => shareChart(names, bytes, width))}
    <p class="note">
      A cell is what the image of its row needs together with the image of its column, in files of the store; the colour
      is the part of the row’s image. The columns are in the order of the rows; in the diagonal is the whole image. A
      pack that two images use is shared as a
      whole${hasBothForms(images) ? "; packed images have no files in common with loose ones" : ""}.${omitted === 0 ? "" : ` Only the last ${names.length} images are compared; ${formatCount(omitted)} earlier ones are left out.`}
    </p>
    ${details(
      "Table: what images share",
      [
        { head: "image", cell: ({ a }) => a },
        { head: "and", cell: ({ b }) => b },
        { head: "share", isNumber: true, cell: ({ shared }) => formatBytes(shared) },
        { head: "of the smaller one", isNumber: true, cell: (pair) => formatShare(pair.shared, pair.least) },
      ],
      pairs,
    )}
  </section> `;
}

function hasBothForms(images: StoreReport["images"]): boolean {
  const ours = images.filter(({ kind }) => kind === "puzzlefs");
  return ours.some(({ packedManifest }) => packedManifest !== null) && ours.some((one) => one.packedManifest === null);
}
