import { html, type Markup, nothing } from "./markup.ts";

export interface Column<T> {
  head: string;
  cell: (row: T) => string | Markup;
  isNumber?: boolean;
}

/** Rows of a table; the others are counted. */
const MOST_ROWS = 500;
/** Characters of a text in a table. */
const MOST_TEXT = 240;

/** A table, closed at first: the numbers of a chart, also for screen readers. */
export function details<T>(summary: string, columns: readonly Column<T>[], rows: readonly T[]): Markup {
  return html`<details>
    <summary>${summary}</summary>
    ${table(summary, columns, rows)}
  </details> `;
}

export function table<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[]): Markup {
  const kind = ({ isNumber = false }: Column<T>): string => (isNumber ? "number" : "name");
  const head = columns.map((column) => html`<th scope="col" class="${kind(column)}">${column.head}</th>`);
  const body = rows.slice(0, MOST_ROWS).map(
    (row) =>
      html`<tr>
        ${columns.map((column) => html`<td class="${kind(column)}">${shortCell(column.cell(row))}</td>`)}
      </tr> `,
  );
  const left = rows.length - MOST_ROWS;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
      <table>
        <thead>
          <tr>
            ${head}
          </tr>
        </thead>
        <tbody>
          ${body}
        </tbody>
      </table>
    </div>
    ${left > 0 ? html`<p class="note">${left} more rows are left out; puzzlefs report --json has them.</p>` : nothing}`;
}

function shortCell(cell: string | Markup): string | Markup {
  return typeof cell === "string" ? shortened(cell) : cell;
}

/** The middle of a long text is left out, visibly. */
export function shortened(text: string): string {
  if (text.length <= MOST_TEXT) return text;
  const half = MOST_TEXT / 2;
  return `${text.slice(0, half)} … ${text.slice(-half)}`;
}

/** What the colours of a chart mean. */
export function legend(entries: readonly (readonly [colour: string, meaning: string])[]): Markup {
  return html`<ul class="legend">
    ${entries.map(
      ([colour, meaning]) =>
        html`<li>
          <svg viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" fill="${colour}" /></svg>${meaning}
        </li>`,
    )}
  </ul> `;
}
