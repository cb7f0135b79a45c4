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
/** A blob of which this part is wanted is requested as a whole. */
const NEARLY_ALL = 0.85;

/** The requests for slices of a blob of `size` bytes. Slices may overlap, and come in any order. */
export function joinSlices<T extends Slice>(slices: readonly T[], size: number, gap = GAP): SliceRange<T>[] {
  const sorted = slices.toSorted((one, other) => one.offset - other.offset || one.size - other.size);
  const ranges: SliceRange<T>[] = [];
  let wanted = 0;
  for (const slice of sorted) {
    const last = ranges.at(-1);
    const end = slice.offset + slice.size;
    wanted += Math.max(0, end - Math.max(slice.offset, last?.end ?? 0));
    if (last === undefined || slice.offset - last.end > gap) {
      ranges.push({ start: slice.offset, end, slices: [slice] });
    } else {
      last.end = Math.max(last.end, end);
      last.slices.push(slice);
    }
  }
  return isNearlyAll(wanted, size) && sorted.length > 0 ? [{ start: 0, end: size, slices: sorted }] : ranges;
}

/** Whether so many bytes of a blob are better requested as the whole blob. */
export function isNearlyAll(wanted: number, size: number): boolean {
  return wanted >= NEARLY_ALL * size;
}
