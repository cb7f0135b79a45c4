const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const LONGEST = 64;

/** Milliseconds of a duration as Go writes it, such as "1m30s" or "-1.5h"; undefined for other text. */
export function goDuration(text: string): number | undefined {
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (text.length > LONGEST) return undefined;
  if (rest === "0") return 0;
  let sum = 0;
  let end = 0;
  for (const { 0: part, 1: number = "", 2: unit = "", index } of rest.matchAll(
    /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    if (index !== end) return undefined;
    sum += Number(number) * (UNITS[unit] ?? 0);
    end += part.length;
  }
  if (end === 0 || end !== rest.length) return undefined;
  return sign === "-" ? -sum : sum;
}
