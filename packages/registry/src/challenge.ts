/** One challenge of a WWW-Authenticate header, RFC 7235. */
export interface Challenge {
  /** Lower-case: "basic", "bearer". */
  scheme: string;
  /** By lower-case name. */
  parameters: ReadonlyMap<string, string>;
}

const TOKEN = String.raw`[!#$%&'*+.^_\`|~0-9A-Za-z-]+`;
const PARAMETER = new RegExp(String.raw`(${TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(${TOKEN}))`, "y");
const SCHEME = new RegExp(String.raw`(${TOKEN})(?=\s|,|$)`, "y");
const SEPARATOR = /[\s,]*/y;

/** Parses the value of the header, which may have several challenges. What cannot be parsed ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(SEPARATOR);
    if (at === header.length) return found;
    const parameter = take(PARAMETER);
    if (parameter !== null) {
      const [, name = "", quoted, plain] = parameter;
      found.at(-1)?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "");
      continue;
    }
    const scheme = take(SCHEME)?.[1];
    if (scheme === undefined) return found;
    found.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
  }
}
