import { SnapshotError } from "./errors.ts";

/** A member of the thing that is filtered, by its path ("labels", "a.b/c"); undefined if it does not have it. */
export type Members = (path: readonly string[]) => string | undefined;
export type Filter = (members: Members) => boolean;

const FIELD = /[A-Za-z0-9_]+/y;
const QUOTED = /"(?:[^"\\]|\\.)*"/y;
/** Regular expressions may be quoted by other characters too. */
const PATTERN = /"(?:[^"\\]|\\.)*"|\/(?:[^/\\]|\\.)*\/|\|(?:[^|\\]|\\.)*\|/y;
const OPERATOR = /==|!=|~=/y;
const VALUE = /[^,\s"]+/y;
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs;
const CONTROLS: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/**
 * Filters as containerd's package `filters` has them: `labels."a.b/c"==value,kind==committed` holds if both do, and what any of
 * the texts selects is selected. Without texts everything is. Throws SnapshotError (invalid).
 */
export function parseFilters(texts: readonly string[]): Filter {
  const filters = texts.map((text) => new Parser(text).filter());
  return (members) => filters.length === 0 || filters.some((filter) => filter(members));
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  filter(): Filter {
    if (this.#text === "") return () => true;
    const selectors = [this.#selector()];
    while (this.#at < this.#text.length) {
      this.#expect(",");
      selectors.push(this.#selector());
    }
    return (members) => selectors.every((selector) => selector(members));
  }

  #selector(): Filter {
    const path = [this.#field()];
    while (this.#text[this.#at] === ".") {
      this.#at++;
      path.push(this.#field());
    }
    const operator = this.#take(OPERATOR);
    if (operator === undefined) return (members) => members(path) !== undefined;
    if (operator === "~=") {
      const pattern = this.#pattern();
      return (members) => pattern.test(members(path) ?? "");
    }
    const value = this.#value(QUOTED);
    return (members) => ((members(path) ?? "") === value) === (operator === "==");
  }

  #field(): string {
    return this.#take(FIELD) ?? unquoted(this.#take(QUOTED)) ?? this.#refuse("a field");
  }

  #value(quoted: RegExp): string {
    return unquoted(this.#take(quoted)) ?? this.#take(VALUE) ?? this.#refuse("a value");
  }

  /** Only containerd sends them, which is root. */
  #pattern(): RegExp {
    const start = this.#at;
    const text = this.#value(PATTERN);
    try {
      return new RegExp(text, "u");
    } catch {
      this.#at = start;
      return this.#refuse("a regular expression");
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    this.#at += found?.length ?? 0;
    return found;
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) this.#refuse(JSON.stringify(character));
    this.#at++;
  }

  #refuse(what: string): never {
    throw new SnapshotError("invalid", `filter ${JSON.stringify(this.#text)}: ${what} is expected at ${this.#at}`);
  }
}

function unquoted(text: string | undefined): string | undefined {
  return text?.slice(1, -1).replace(ESCAPE, (_, byte?: string, unit?: string, one = "") => {
    const code = byte ?? unit;
    return code === undefined ? (CONTROLS[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16));
  });
}
