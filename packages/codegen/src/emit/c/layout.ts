const COLUMNS = 80;
/** The kernel takes longer lines where breaking them would not help to read them. */
const MOST_COLUMNS = 100;
const TAB = 8;

const advance = (column: number, char: string): number =>
  char === "\t" ? (Math.floor(column / TAB) + 1) * TAB : column + 1;

const width = (line: string): number => [...line].reduce(advance, 0);

const indentTo = (column: number): string => "\t".repeat(Math.floor(column / TAB)) + " ".repeat(column % TAB);

/** A place where a line may be broken: before character `at`, inside the brackets that are `open` there. */
interface Break {
  at: number;
  open: number[];
  cost: number;
}

const COST: Record<string, number> = { ",": 0, ";": 0, "&&": 0, "||": 0, "=": 3 };

/** The last break, among those of least cost, that leaves at most `columns`: few brackets, between whole terms. */
function findBreak(line: string, before: number[], columns: number): Break | undefined {
  const open = [...before];
  let best: Break | undefined;
  let column = 0;
  let quoted = false;
  for (let at = 0; at < line.length && column <= columns; at++) {
    const char = line[at] ?? "";
    const last = char === " " && !quoted ? /(?:,|;|&&|\|\||[-+*/?:<>=])$/.exec(line.slice(0, at))?.[0] : undefined;
    if (last !== undefined) {
      const cost = open.length * 2 + (COST[last] ?? 1);
      if (best === undefined || cost <= best.cost) best = { at, open: [...open], cost };
    }
    column = advance(column, char);
    if (char === '"') quoted = !quoted;
    if (quoted) continue;
    if ("({".includes(char)) open.push(char === "{" ? column + 1 : column);
    if (")}".includes(char)) open.pop();
  }
  return best;
}

/** Where a statement goes on that is broken outside all brackets. */
const outermost = (line: string): number => {
  const [indent = "", keyword] = /^\t*(return )?/.exec(line) ?? [];
  return width(indent) + (keyword === undefined ? TAB : 0);
};

/** Breaks a long line after a comma or an operator, and aligns the rest with the bracket it is in. */
function align(line: string, open = [outermost(line)]): string[] {
  if (width(line) <= COLUMNS) return [line];
  const found = findBreak(line, open, COLUMNS) ?? findBreak(line, open, MOST_COLUMNS);
  if (found === undefined) return [line];
  const rest = indentTo(found.open.at(-1) ?? 0) + line.slice(found.at + 1);
  return [line.slice(0, found.at), ...align(rest, found.open)];
}

const FUNCTION_HEAD = /^((?:static )?(?:inline |noinline_for_stack )?(?:struct |enum )?\w+) (\w+\(.*)$/;

const RECORD = /^(\t*)(.*?\(struct \w+\) \{) (\..*) (\}[;,])$/;

/** The members of a record, or undefined where the text is more than one record's. */
function membersOf(text: string): string[] | undefined {
  const members: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if ("({".includes(char)) depth++;
    if (")}".includes(char)) depth--;
    if (depth < 0) return undefined;
    if (depth > 0 || !text.startsWith(", .", at)) continue;
    members.push(text.slice(start, at));
    start = at + 2;
  }
  return [...members, text.slice(start)];
}

/** Breaks a long line of code. A record's members stand below each other; a function's type stands alone where its name and first parameter need the room. */
function wrap(line: string): string[] {
  if (width(line) <= COLUMNS) return [line];
  const [, indent = "", opening = "", text = "", end = ""] = RECORD.exec(line) ?? [];
  const members = text === "" ? undefined : membersOf(text);
  if (members !== undefined) {
    const each = members.flatMap((member) => wrap(`${indent}\t${member},`));
    return [`${indent}${opening}`, ...each, `${indent}${end}`];
  }
  const lines = align(line);
  const [, type, rest] = FUNCTION_HEAD.exec(line) ?? [];
  if (type === undefined || rest === undefined || lines.every((piece) => width(piece) <= COLUMNS)) return lines;
  return [type, ...align(rest)];
}

function fold(line: string, columns: number): string[] {
  const lines = [""];
  for (const word of line.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** A doc comment, in the kernel's style. */
export function comment(doc: string, indent = ""): string[] {
  if (doc === "") return [];
  const lines = doc.split("\n").flatMap((line) => fold(line, COLUMNS - 4 - indent.length * TAB));
  const short = `${indent}/* ${lines[0]} */`;
  if (lines.length === 1 && width(short) <= COLUMNS) return [short];
  return [`${indent}/*`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`];
}

const isCode = (line: string): boolean => !line.startsWith("#") && !/^\t*(\/\*| \*)/.test(line);

/** The text of a file: long lines of code broken, empty lines never doubled. */
export function print(lines: string[]): string {
  const text = lines.flatMap((line) => (isCode(line) ? wrap(line) : [line])).join("\n");
  return `${text.replace(/\n{3,}/g, "\n\n").trimEnd()}\n`;
}
