/** Documents: C whose lines are not broken yet. `layOut` breaks them as the kernel does: tabs of 8, 80 columns. */

const COLUMNS = 80;
/** The kernel takes longer lines where breaking them does not help. */
const MOST_COLUMNS = 100;
const TAB = 8;
/** A line that is longer by this is better than one more line, if both are too long. */
const COLUMNS_WORTH_A_LINE = 7;

export type Doc = string | readonly Doc[] | Fill | Braces | Newline | Either | Whole;

/** Items with a blank or a line break between two of them; each line begins in the column of the first item. */
interface Fill {
  is: "fill";
  items: readonly Doc[];
}

/** `{ a, b }` on one line, or each item on its own. */
interface Braces {
  is: "braces";
  items: readonly Doc[];
}

/** A line break; the next line is `tabs` deeper than the statement. */
interface Newline {
  is: "newline";
  tabs: number;
}

/** The best option: it fits in the columns if one does, has few lines, and among equals the least indented ones. */
interface Either {
  is: "either";
  options: readonly Doc[];
}

/** Never broken. */
interface Whole {
  is: "whole";
  doc: Doc;
}

export const fill = (items: readonly Doc[]): Fill => ({ is: "fill", items });
export const braces = (items: readonly Doc[]): Braces => ({ is: "braces", items });
export const either = (...options: Doc[]): Either => ({ is: "either", options });
export const newline = (tabs: number): Newline => ({ is: "newline", tabs });

/** Items with `separator` after each but the last. */
export const separated = (items: readonly Doc[], separator: string): Doc[] =>
  items.map((item, at) => (at < items.length - 1 ? [item, separator] : item));

/** `name(a, b)`. */
export function call(name: string, args: readonly Doc[]): Doc {
  const doc = [name, "(", fill(separated(args, ",")), ")"];
  return either(doc, { is: "whole", doc });
}

/** `target = value`; a long value may begin on the next line. */
export const assignment = (target: string, value: Doc): Doc =>
  either([target, " = ", value], [target, " =", newline(1), value]);

/** A type of fewer columns is not worth a line of its own. */
const SHORT_TYPE = 16;

/** The head of a function; a long type may have a line of its own. */
export function head(type: string, name: string, parameters: readonly Doc[]): Doc {
  const rest = [name, "(", fill(separated(parameters.length === 0 ? ["void"] : parameters, ",")), ")"];
  const together = [type, type.endsWith("*") ? "" : " ", ...rest];
  return type.length < SHORT_TYPE ? together : either(together, [type, newline(0), ...rest]);
}

/** The text without line breaks; undefined if there must be one. */
function flat(doc: Doc): string | undefined {
  if (typeof doc === "string") return doc;
  if ("is" in doc) {
    switch (doc.is) {
      case "fill":
        return joined(doc.items, " ");
      case "braces": {
        const items = joined(doc.items, ", ");
        return items === undefined ? undefined : `{ ${items} }`;
      }
      case "newline":
        return undefined;
      case "either":
        return flat(doc.options[0] ?? "");
      case "whole":
        return flat(doc.doc);
    }
  }
  return joined(doc, "");
}

function joined(docs: readonly Doc[], separator: string): string | undefined {
  const texts = docs.map(flat);
  return texts.includes(undefined) ? undefined : texts.join(separator);
}

/** Columns up to the first place where a document may be broken, and whether there is one. */
function lead(doc: Doc): { columns: number; broken: boolean } {
  if (typeof doc === "string") return { columns: doc.length, broken: false };
  if ("is" in doc) {
    switch (doc.is) {
      case "fill": {
        const first = lead(doc.items[0] ?? "");
        return { ...first, broken: first.broken || doc.items.length > 1 };
      }
      case "braces":
        return { columns: 1, broken: true };
      case "newline":
        return { columns: 0, broken: true };
      case "either":
        return lead(doc.options[0] ?? "");
      case "whole":
        return { columns: flat(doc)?.length ?? 0, broken: false };
    }
  }
  let columns = 0;
  for (const part of doc) {
    const next = lead(part);
    columns += next.columns;
    if (next.broken) return { columns, broken: true };
  }
  return { columns, broken: false };
}

const indentTo = (column: number): string => "\t".repeat(Math.floor(column / TAB)) + " ".repeat(column % TAB);

const width = (line: string): number =>
  [...line].reduce((column, char) => (char === "\t" ? (Math.floor(column / TAB) + 1) * TAB : column + 1), 0);

/** The column after `text` that begins in `column`. */
const columnAfter = (text: string, column: number): number =>
  text.includes("\n") ? width(text.slice(text.lastIndexOf("\n") + 1)) : column + text.length;

/** Where a document begins, the indentation of its statement, and the columns that follow it on its last line. */
interface Position {
  column: number;
  indent: number;
  trailing: number;
}

function layOutAt(doc: Doc, position: Position): string {
  if (typeof doc === "string") return doc;
  const text = flat(doc);
  if (text !== undefined && position.column + text.length + position.trailing <= COLUMNS) return text;
  if (!("is" in doc)) return layOutParts(doc, position);
  switch (doc.is) {
    case "fill":
      return layOutFill(doc.items, position);
    case "braces": {
      const indent = position.indent + TAB;
      const items = doc.items.map(
        (item) => `${indentTo(indent)}${layOutAt(item, { column: indent, indent, trailing: 1 })},\n`,
      );
      return `{\n${items.join("")}${indentTo(position.indent)}}`;
    }
    case "newline":
      return `\n${indentTo(position.indent + doc.tabs * TAB)}`;
    case "either":
      return best(doc.options, position);
    case "whole":
      return text ?? "";
  }
}

function layOutParts(parts: readonly Doc[], position: Position): string {
  let text = "";
  for (const [at, part] of parts.entries()) {
    const rest = lead(parts.slice(at + 1));
    const trailing = rest.columns + (rest.broken ? 0 : position.trailing);
    text += layOutAt(part, { ...position, column: columnAfter(text, position.column), trailing });
  }
  return text;
}

function layOutFill(items: readonly Doc[], position: Position): string {
  let text = "";
  for (const [at, item] of items.entries()) {
    const trailing = at === items.length - 1 ? position.trailing : 0;
    const next = flat(item);
    let column = columnAfter(text, position.column);
    if (at > 0) {
      if (next !== undefined && column + 1 + next.length + trailing <= COLUMNS) {
        text += ` ${next}`;
        continue;
      }
      text += `\n${indentTo(position.column)}`;
      ({ column } = position);
    }
    text += layOutAt(item, { ...position, column, trailing });
  }
  return text;
}

function best(options: readonly Doc[], position: Position): string {
  const layouts = options.map((option) => {
    const text = layOutAt(option, position);
    const lines = text.split("\n");
    const widths = lines.map((line, at) => {
      const begin = at === 0 ? position.column + line.length : width(line);
      return begin + (at === lines.length - 1 ? position.trailing : 0);
    });
    const excess = (columns: number): number => widths.reduce((sum, each) => sum + Math.max(each - columns, 0), 0);
    const deepest = Math.max(...lines.slice(1).map((line) => width(/^\s*/.exec(line)?.[0] ?? "")));
    return {
      text,
      cost: [
        excess(MOST_COLUMNS),
        Math.sign(excess(COLUMNS)),
        excess(COLUMNS) + lines.length * COLUMNS_WORTH_A_LINE,
        lines.length > 2 ? deepest : 0,
      ],
    };
  });
  const cheapest = layouts.reduce((one, other) => (isLess(other.cost, one.cost) ? other : one));
  return cheapest.text;
}

function isLess(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at >= 0 && (one[at] ?? 0) < (other[at] ?? 0);
}

/** The lines of a statement, `tabs` deep. */
export function layOut(doc: Doc, tabs: number): string {
  const indent = tabs * TAB;
  return indentTo(indent) + layOutAt(doc, { column: indent, indent, trailing: 0 });
}
