/** Bytes of a blob that are wanted. */
export interface Slice {
  offset: number;
  size: number;
}

/** One request: the slices that it is for, in ascending order of their offsets. */
export interface SliceRange<T extends Slice> {
  start: number;
  end: number;
  slices: T[];
}

/**
 * Bytes between two slices that are requested too, rather than with another request. Measured on ten versions of a Debian root (100 MB): 1 to 2 % more
 * bytes, and a quarter fewer requests.
 */
const GAP = 64 * 1024;
/** Larger ones are as well, while all of them together are at most this part of what is wanted. */
const LARGE_GAP = 512 * 1024;
const MOST_UNWANTED = 0.1;
/** A blob of which this part is wanted is requested as a whole, from the first byte that is wanted. */
const NEARLY_ALL = 0.85;

/** The requests for slices of a blob of `size` bytes. Slices may overlap, and come in any order. */
export function joinSlices<T extends Slice>(slices: readonly T[], size: number, gap = GAP): SliceRange<T>[] {
  const sorted = slices.toSorted((one, other) => one.offset - other.offset || one.size - other.size);
  const exact = joined(sorted, 0);
  const wanted = exact.reduce((sum, { start, end }) => sum + end - start, 0);
  const [first] = sorted;
  if (isNearlyAll(wanted, size) && first !== undefined) return [{ start: first.offset, end: size, slices: sorted }];
  let unwanted = 0;
  let largest = gap;
  const gaps = exact.slice(1).map(({ start }, index) => start - (exact[index]?.end ?? 0));
  for (const each of gaps.toSorted((one, other) => one - other)) {
    unwanted += each;
    if (each > LARGE_GAP || unwanted > MOST_UNWANTED * wanted) break;
    largest = Math.max(largest, each);
  }
  return joined(sorted, largest);
}

/** @param sorted by offset */
function joined<T extends Slice>(sorted: readonly T[], gap: number): SliceRange<T>[] {
  const ranges: SliceRange<T>[] = [];
  for (const slice of sorted) {
    const last = ranges.at(-1);
    const end = slice.offset + slice.size;
    if (last === undefined || slice.offset - last.end > gap) {
      ranges.push({ start: slice.offset, end, slices: [slice] });
    } else {
      last.end = Math.max(last.end, end);
      last.slices.push(slice);
    }
  }
  return ranges;
}

/** Whether so many bytes of a blob are better requested as the whole blob. */
export function isNearlyAll(wanted: number, size: number): boolean {
  return wanted >= NEARLY_ALL * size;
}
