/**
 * Positions of values in a JSON text, so that the other parts of a document are kept as they are spelled. The text has
 * one character for each byte (Latin-1): bytes that are not UTF-8 are kept too. No values are made: memory does not depend
 * on what the text contains. All text up to a returned position is checked against the grammar (RFC 8259).
 */

/** The limit of Go's decoder, which most tools that read layouts use. */
const DEPTH_LIMIT = 10_000;

/** A text that is not JSON; `at` is the byte concerned. The message quotes nothing of the text. */
export class JsonTextError extends Error {
  override readonly name = "JsonTextError";

  constructor(problem: string, text: string, at: number) {
    let line = 1;
    let start = 0;
    for (let next = text.indexOf("\n"); next !== -1 && next < at; next = text.indexOf("\n", start)) {
      line++;
      start = next + 1;
    }
    super(`${problem} at line ${line} column ${at - start + 1}`);
  }
}

/** A value from `start` to before `end`. */
export interface Span {
  start: number;
  end: number;
}

export interface Member extends Span {
  key: string;
}

const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The value that is the whole text. Throws JsonTextError. */
export function wholeValue(text: string): Span {
  const start = skipSpace(text, 0);
  const end = valueEnd(text, start);
  const rest = skipSpace(text, end);
  if (rest < text.length) throw new JsonTextError("not JSON: wrong", text, rest);
  return { start, end };
}

export function isObjectAt(text: string, span: Span | undefined): span is Span {
  return span !== undefined && text[span.start] === "{";
}

export function isArrayAt(text: string, span: Span | undefined): span is Span {
  return span !== undefined && text[span.start] === "[";
}

/** The members of the object at `start`, in the order of the text; a key may come twice. Throws JsonTextError. */
export function* members(text: string, { start }: Span): Generator<Member> {
  let at = skipSpace(text, start + 1);
  while (text[at] !== "}") {
    const keyEnd = stringEnd(text, at);
    const key = stringAt(text, { start: at, end: keyEnd });
    const value = skipSpace(text, colonEnd(text, keyEnd));
    const end = valueEnd(text, value);
    yield { key, start: value, end };
    at = nextItem(text, end, "}");
  }
}

/** The elements of the array at `start`. Throws JsonTextError. */
export function* elements(text: string, { start }: Span): Generator<Span> {
  let at = skipSpace(text, start + 1);
  while (text[at] !== "]") {
    const end = valueEnd(text, at);
    yield { start: at, end };
    at = nextItem(text, end, "]");
  }
}

/** Some members of an object; of one that comes twice the last, as JSON.parse() and Go read it. */
export function pick<Key extends string>(text: string, span: Span, ...keys: Key[]): Partial<Record<Key, Span>> {
  const found: Partial<Record<Key, Span>> = {};
  for (const { key, start, end } of members(text, span)) {
    const wanted = keys.find((name) => name === key);
    if (wanted !== undefined) found[wanted] = { start, end };
  }
  return found;
}

/** The value of a string; undefined where the value is something else. */
export function textAt(text: string, span: Span | undefined): string | undefined {
  return span !== undefined && text[span.start] === '"' ? stringAt(text, span) : undefined;
}

function stringAt(text: string, { start, end }: Span): string {
  return String(JSON.parse(Buffer.from(text.slice(start, end), "latin1").toString("utf8")));
}

/** Where the item behind the one that ends at `at` starts, or its object or array closes. */
function nextItem(text: string, at: number, closing: "}" | "]"): number {
  const next = skipSpace(text, at);
  if (text[next] === closing) return next;
  if (text[next] !== ",") throw new JsonTextError("not JSON: wrong", text, next);
  const item = skipSpace(text, next + 1);
  if (text[item] === closing) throw new JsonTextError("not JSON: wrong", text, item);
  return item;
}

/** Where the value that starts at `start` ends. */
function valueEnd(text: string, start: number): number {
  // Closing characters of what is open.
  const open: ("}" | "]")[] = [];
  let at = start;
  for (;;) {
    const first = text[at];
    if (first === "{" || first === "[") {
      const closing = first === "{" ? "}" : "]";
      if (open.length === DEPTH_LIMIT) throw new JsonTextError(`more than ${DEPTH_LIMIT} levels deep`, text, at);
      at = skipSpace(text, at + 1);
      if (text[at] !== closing) {
        open.push(closing);
        if (closing === "}") at = skipSpace(text, colonEnd(text, stringEnd(text, at)));
        continue;
      }
      at++;
    } else {
      at = first === '"' ? stringEnd(text, at) : scalarEnd(text, at);
    }
    for (;;) {
      const closing = open.at(-1);
      if (closing === undefined) return at;
      at = nextItem(text, at, closing);
      if (text[at] !== closing) {
        if (closing === "}") at = skipSpace(text, colonEnd(text, stringEnd(text, at)));
        break;
      }
      open.pop();
      at++;
    }
  }
}

function colonEnd(text: string, at: number): number {
  const colon = skipSpace(text, at);
  if (text[colon] !== ":") throw new JsonTextError("not JSON: wrong", text, colon);
  return colon + 1;
}

function scalarEnd(text: string, at: number): number {
  SCALAR.lastIndex = at;
  if (!SCALAR.test(text)) throw new JsonTextError("not JSON: wrong", text, at);
  return SCALAR.lastIndex;
}

/** Where the string that starts at `start` ends, behind its closing quote. */
function stringEnd(text: string, start: number): number {
  if (text[start] !== '"') throw new JsonTextError("not JSON: wrong", text, start);
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) at = escapeEnd(text, at) - 1;
    // Not a number at the end of the text.
    else if (!(code >= 0x20)) throw new JsonTextError("not JSON: wrong", text, at);
  }
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function escapeEnd(text: string, at: number): number {
  ESCAPE.lastIndex = at;
  if (!ESCAPE.test(text)) throw new JsonTextError("not JSON: wrong", text, at);
  return ESCAPE.lastIndex;
}

function skipSpace(text: string, start: number): number {
  for (let at = start; ; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
  }
}
