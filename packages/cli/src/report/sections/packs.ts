import { formatBytes, formatCount, formatCountOf, formatShare } from "../../terminal/quantities.ts";
import { barChart, type Bar } from "../bar-chart.ts";
import { deadBytes } from "../collect.ts";
import { html, type Markup, nothing } from "../markup.ts";
import type { StoreReport } from "../store-report.ts";
import { figure, NEEDED, WASTE, MOST_BARS } from "../svg.ts";
import { details, legend } from "../table.ts";

/** What of the packs no image needs. */
export async function packsSection({ packs, problems }: StoreReport): Promise<Markup> {
  if (packs.length === 0) return nothing;
  const sum = (list: StoreReport["packs"]): [needed: number, dead: number] => [
    list.reduce((total, { needed }) => total + needed, 0),
    list.reduce((total, pack) => total + deadBytes(pack), 0),
  ];
  const [needed, dead] = sum(packs);
  const message = `${formatBytes(dead)} of ${formatBytes(needed + dead)} in ${formatCountOf(packs.length, "pack")} are dead: no image needs them (${formatShare(dead, needed + dead)}).`;
  const barOf = (label: string, [live, unneeded]: [number, number]): Bar => ({
    label,
    parts: [
      { value: live, colour: NEEDED },
      { value: unneeded, colour: WASTE },
    ],
    note: `${formatBytes(unneeded)} dead`,
  });
  const bars = packs.slice(0, MOST_BARS).map((pack) => barOf(pack.digest.slice(0, 12), [pack.needed, deadBytes(pack)]));
  const others = packs.slice(MOST_BARS);
  if (others.length > 0) bars.push(barOf(`${formatCount(others.length)} others`, sum(others)));
  return html`<section>
    <h2>Dead bytes in packs</h2>
    <p>${message}</p>
    ${legend([
      [NEEDED, "needed by an image"],
      [WASTE, "dead: needed by none"],
    ])}${await figure("bars", message, (width) => barChart(bars, width, "bytes"))}
    <p class="note">
      A version keeps the packs of its base that are still mostly used; what it does not need of them stays. The packs
      with most dead bytes come
      first.${others.length === 0 ? "" : ` The last bar is the sum of ${formatCount(others.length)} packs.`}${problems.length === 0 ? "" : " What an image needs that cannot be read counts as dead."}
    </p>
    ${details(
      "Table: packs",
      [
        { head: "pack sha256", cell: ({ digest }) => digest },
        { head: "size", isNumber: true, cell: ({ bytes }) => formatBytes(bytes) },
        { head: "dead", isNumber: true, cell: (pack) => formatBytes(deadBytes(pack)) },
        { head: "used by images", isNumber: true, cell: ({ images }) => formatCount(images) },
        { head: "", cell: ({ isMissing }) => (isMissing ? "not in the layout" : "") },
      ],
      packs,
    )}
  </section> `;
}
