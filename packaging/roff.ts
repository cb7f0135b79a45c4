/** Markdown as roff with the macros of man(7), for the parts of Markdown that our documents use. */
import { lexer, type Token, type Tokens } from "marked";

/** Headings become subsections. Throws for what has no form here. */
export function markdownToRoff(markdown: string): string {
  return lexer(markdown).map(blockText).join("");
}

/** Text that is no Markdown. */
export function roffText(text: string): string {
  return protectLines(text.replaceAll("\\", "\\e").replaceAll("-", "\\-"));
}

/** Lines that are printed as they are. */
export function roffCode(lines: readonly string[]): string {
  return `.PP\n.RS 4\n.EX\n${lines.map(roffText).join("\n")}\n.EE\n.RE\n`;
}

/** A term with its description, both roff. */
export function roffTerm(term: string, description: string): string {
  return `.TP\n${term}\n${description}\n`;
}

/** A line that begins with a control character would be a request. */
function protectLines(text: string): string {
  return text.replace(/^[.']/gm, "\\&$&");
}

function blockText(token: Token): string {
  const block = token as Tokens.Generic;
  switch (token.type) {
    case "space":
      return "";
    case "heading":
      return `.SS ${inlineText(block.tokens)}\n`;
    case "paragraph":
      return `.PP\n${protectLines(inlineText(block.tokens))}\n`;
    case "code":
      return roffCode((token as Tokens.Code).text.split("\n"));
    case "list":
      return listText(token as Tokens.List);
    case "table":
      return tableText(token as Tokens.Table);
    default:
      throw new Error(`no roff for ${token.type}: ${token.raw}`);
  }
}

function listText({ ordered, start, items }: Tokens.List): string {
  return items
    .map((item, index) => {
      const mark = ordered ? `${Number(start) + index}.` : "\\(bu";
      const text = item.tokens.flatMap((token) => (token as Tokens.Generic).tokens ?? []);
      return `.IP ${mark} 3\n${protectLines(inlineText(text))}\n`;
    })
    .join("");
}

/** Two columns are terms with descriptions; more of them, or a header, are a table of tbl(1). */
function tableText({ header, rows }: Tokens.Table): string {
  const cells = (row: Tokens.TableCell[]): string[] => row.map(({ tokens }) => protectLines(inlineText(tokens)));
  if (header.length === 2 && header[1]?.text === "") {
    return rows
      .map((row) => cells(row))
      .map(([term = "", text = ""]) => roffTerm(term, text))
      .join("");
  }
  const line = (row: Tokens.TableCell[]): string =>
    cells(row)
      .map((cell) => `T{\n${cell}\nT}`)
      .join("\t");
  const columns = header.map(() => "lx").join(" ");
  return `.PP\n.na\n.TS\nallbox tab(\t);\n${columns.replaceAll("lx", "lbx")}\n${columns}.\n${[header, ...rows].map(line).join("\n")}\n.TE\n.ad\n`;
}

function inlineText(tokens: readonly Token[] = []): string {
  return tokens.map(spanText).join("");
}

function spanText(token: Token): string {
  const span = token as Tokens.Generic;
  switch (token.type) {
    case "text":
    case "escape":
      return plain(decode(span["text"]));
    case "codespan":
      return `\\fB${plain(decode(span["text"]))}\\fP`;
    case "strong":
      return `\\fB${inlineText(span.tokens)}\\fP`;
    case "em":
      return `\\fI${inlineText(span.tokens)}\\fP`;
    case "link":
      return inlineText(span.tokens);
    default:
      throw new Error(`no roff for ${token.type}: ${token.raw}`);
  }
}

function plain(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

const entities: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
  "&quot;": '"',
  "&#39;": "'",
};

function decode(text: string): string {
  return text.replace(/&(lt|gt|amp|quot|#39);/g, (entity) => entities[entity] ?? entity);
}
