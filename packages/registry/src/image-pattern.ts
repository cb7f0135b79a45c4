/** Characters of a pattern. */
const LONGEST = 1024;

/**
 * Whether a pattern of kubelet's files matches host[:port]/repository: the ports are the same, each label of the host matches that of the pattern, in which
 * "*" is any number of characters but dots and "?" is one, and the repository begins with the pattern's path.
 */
export function matchesImage(pattern: string, host: string, repository: string): boolean {
  const [, wantedHost = "", path = ""] = /^([^/]*)(.*)$/s.exec(pattern) ?? [];
  const [wanted, given] = [partsOf(wantedHost), partsOf(host)];
  if (pattern.length > LONGEST || wanted.port !== given.port || wanted.labels.length !== given.labels.length)
    return false;
  return (
    `/${repository}`.startsWith(path) && wanted.labels.every((label, at) => matchesLabel(label, given.labels[at] ?? ""))
  );
}

/** The key of an entry that is for an image, as kubelet looks it up: the last in the order of names, so that longer paths are before shorter ones. */
export function findPattern(keys: readonly string[], host: string, repository: string): string | undefined {
  return keys
    .map((key) => ({
      key,
      pattern: key
        .replace(/^https?:\/\//, "")
        .replace(/^([^/]*)\/v[12]\//, "$1/")
        .replace(/^([^/]*)\/$/, "$1"),
    }))
    .filter(({ pattern }) => matchesImage(pattern, host, repository))
    .sort((one, other) => (one.pattern < other.pattern ? 1 : -1))
    .at(0)?.key;
}

function partsOf(host: string): { labels: string[]; port: string } {
  const [, name = host, port = ""] = /^(.*):(\d+)$/.exec(host) ?? [];
  return { labels: name.split("."), port };
}

/** Without backtracking over more than the last "*", which takes at most the product of the lengths. */
function matchesLabel(pattern: string, label: string): boolean {
  let [at, from, star, taken] = [0, 0, -1, 0];
  while (from < label.length) {
    if (pattern[at] === "*") [star, taken, at] = [at, from, at + 1];
    else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === label[from]))
      [at, from] = [at + 1, from + 1];
    else if (star >= 0) [taken, from, at] = [taken + 1, taken + 1, star + 1];
    else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
