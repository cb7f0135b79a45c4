/** Deeper values are refused; no OCI document comes near it. */
const DEPTH_LIMIT = 64;

/**
 * JSON with sorted keys and no white space, so that equal values are equal bytes (what the Rust tool writes too).
 * Members that are undefined are left out. Throws RangeError when nested deeper than 64 levels.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_LIMIT) throw new RangeError(`JSON nested deeper than ${DEPTH_LIMIT} levels`);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${write(member, depth + 1)}`).join(",")}}`;
}
