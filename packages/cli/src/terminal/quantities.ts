const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes for people, powers of 1000: "12.3 MB". */
export function formatBytes(bytes: number): string {
  const { unit, format } = bytesUnit(bytes);
  return `${format(bytes)} ${unit}`;
}

/** The unit in which formatBytes() shows that many bytes, and other numbers of bytes in it. */
export function bytesUnit(bytes: number): { unit: string; format: (bytes: number) => string } {
  let factor = 1;
  let unit = 0;
  while (bytes / factor >= 999.5 && unit < units.length - 1) {
    factor *= 1000;
    unit += 1;
  }
  const format = (some: number): string => (some / factor).toFixed(unit === 0 || some / factor >= 99.95 ? 0 : 1);
  return { unit: units[unit] as string, format };
}

/** A count with its digits in groups of three: "12,345". */
export function formatCount(count: number): string {
  // toLocaleString would load all of ICU first: tens of milliseconds.
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A count and what is counted: "1 file", "2,345 files". */
export function formatCountOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A span of time: "850 ms", "12.3 s", "4 min 05 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
}

/** `part` as a share of `whole`: "12.3 %". */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}
