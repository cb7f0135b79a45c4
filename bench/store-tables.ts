/** Results of the storage benchmarks as tables in Markdown. */
import type { Size } from "./store-programs.ts";
import type {
  Circumstances,
  Round,
  SizesResult,
  StoreSizes,
  Target,
  TimedSubject,
  TimesResult,
} from "./store-results.ts";
import { median } from "./timing.ts";

/** With which all compressed stores are compared. */
const RUST = "Rust tool -c";

interface SizeTarget {
  subject: string;
  most: number;
}

/** Of one store with all versions. */
const sizeTargets: readonly SizeTarget[] = [
  { subject: "puzzlefs -c --packed", most: 0.75 },
  { subject: "puzzlefs -c --packed, smallest", most: 0.68 },
];

/** Bytes that a packed store may grow by when one file changes. */
const MOST_ADDED = 100e3;
export const PACKED_REBUILD = "build -c --packed -b";
/** Bytes. */
const MOST_MEMORY = 300e6;

export function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toPrecision(3);
}

export function kilobytes(bytes: number): string {
  const value = bytes / 1e3;
  return value >= 9.95 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(2);
}

export function secondsText(value: number): string {
  return value >= 9.995 ? value.toFixed(1) : value.toPrecision(3);
}

/** A table. */
export function grid(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [columns, columns.map((_, index) => (index === 0 ? "---" : "---:")), ...rows].map(line).join("\n");
}

const verdict = (isMet: boolean): string => (isMet ? "met" : "**missed**");

/** When, where and with what a table was measured. */
export function circumstancesText({
  date,
  commit,
  kernel,
  processors,
  memoryGib,
  node,
  note,
  missing,
}: Circumstances): string {
  const machine = `${processors} processors, ${memoryGib} GiB, Linux ${kernel}, Node ${node}`;
  const left = missing.length === 0 ? "" : ` Not installed, so left out: ${missing.join(", ")}.`;
  return `${date}, commit ${commit}, ${machine}${note === undefined ? "" : `; ${note}`}.${left}`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export function unified({ together }: StoreSizes): Size {
  return together.at(-1) ?? { apparent: NaN, allocated: NaN };
}

/** Total, average, unified and saved, as PuzzleFS' first announcement has them, and what disks store. */
export function sizesTable({ stores }: SizesResult): string {
  const rust = stores.find(({ name }) => name === RUST);
  const rows = stores.map((store) => {
    const total = sum(store.alone.map(({ apparent }) => apparent));
    const { apparent, allocated } = unified(store);
    const ratio = rust === undefined ? "–" : (apparent / unified(rust).apparent).toFixed(3);
    return [
      store.name,
      megabytes(total),
      megabytes(total / store.alone.length),
      megabytes(apparent),
      `${((1 - apparent / total) * 100).toFixed(1)} %`,
      megabytes(allocated),
      ratio,
    ];
  });
  return grid(["", "total", "average", "unified", "saved", "allocated", `unified to ${RUST}`], rows);
}

/** What each version added to one store, MB. */
export function growthTable({ stores }: SizesResult): string {
  const count = stores[0]?.together.length ?? 0;
  const columns = Array.from({ length: count }, (_, index) => `v${index + 1}`);
  const rows = stores.map(({ name, together }) => [
    name,
    ...together.map(({ apparent }, index) => megabytes(apparent - (together[index - 1]?.apparent ?? 0))),
  ]);
  return grid(["", ...columns], rows);
}

export function sizeTargetsTable({ stores }: SizesResult): string {
  const rust = stores.find(({ name }) => name === RUST);
  const rows = sizeTargets.flatMap(({ subject, most }) => {
    const store = stores.find(({ name }) => name === subject);
    if (store === undefined || rust === undefined) return [];
    const ratio = unified(store).apparent / unified(rust).apparent;
    const allocated = unified(store).allocated / unified(rust).allocated;
    return [[subject, RUST, ratio.toFixed(3), allocated.toFixed(3), `≤ ${most}`, verdict(ratio <= most)]];
  });
  return grid(["unified", "against", "ratio", "ratio, allocated", "target", ""], rows);
}

const least = (values: readonly number[]): number => Math.min(...values);

/** Times of all subjects, and the memory that they had. */
export function timesTable({ subjects }: TimesResult, hasAdded: boolean): string {
  const rows = subjects.map(({ name, rounds }) => {
    const figure = (value: (round: Round) => number): string => {
      const values = rounds.map(value);
      return `${secondsText(least(values))} / ${secondsText(median(values))}`;
    };
    const memory = Math.max(...rounds.map((round) => round.memory));
    const cells = [
      name,
      figure(({ seconds }) => seconds),
      figure(({ flushed }) => flushed),
      figure(({ processor }) => processor),
    ];
    return [...cells, megabytes(memory), ...(hasAdded ? addedCells(rounds) : [])];
  });
  const columns = ["least / median of the rounds", "seconds", "and on the disk", "processor, s", "memory, MB"];
  return grid([...columns, ...(hasAdded ? ["added, kB", "allocated, kB"] : [])], rows);
}

/** The most of all rounds. */
function addedCells(rounds: readonly Round[]): string[] {
  const most = (value: (size: Size) => number): number =>
    Math.max(...rounds.map(({ added }) => (added === undefined ? NaN : value(added))));
  return [kilobytes(most(({ apparent }) => apparent)), kilobytes(most(({ allocated }) => allocated))];
}

/** The ratios of two subjects round by round, so that drift of the machine cancels. */
export function ratios(
  subjects: readonly TimedSubject[],
  { subject, peer }: Target,
  value: (round: Round) => number,
): number[] {
  const [mine, theirs] = [subject, peer].map((wanted) => subjects.find(({ name }) => name === wanted)?.rounds ?? []);
  return mine.flatMap((round, index) => (theirs[index] === undefined ? [] : [value(round) / value(theirs[index])]));
}

function ratioText(values: readonly number[]): string {
  const digits = median(values) < 0.1 ? 3 : 2;
  return values.length === 0 ? "–" : `${least(values).toFixed(digits)} / ${median(values).toFixed(digits)}`;
}

export function timeTargetsTable({ subjects, targets }: TimesResult): string {
  const rows = targets.flatMap((target) => {
    const values = ratios(subjects, target, ({ seconds }) => seconds);
    if (values.length === 0) return [];
    const onDisk = ratios(subjects, target, ({ flushed }) => flushed);
    return [
      [
        target.what,
        target.subject,
        target.peer,
        ratioText(values),
        ratioText(onDisk),
        `≤ ${target.most}`,
        verdict(median(values) <= target.most),
      ],
    ];
  });
  const columns = ["", "what", "against", "ratio, least / median", "ratio until it is on the disk", "target", ""];
  return grid(columns, [...rows, ...limitRows(subjects)]);
}

/** The targets that are no ratios. */
function limitRows(subjects: readonly TimedSubject[]): string[][] {
  const rows: string[][] = [];
  const ours = subjects.filter(({ name }) => /^(puzzlefs|build|commit)/.test(name)).flatMap(({ rounds }) => rounds);
  const packed = subjects.find(({ name }) => name === PACKED_REBUILD)?.rounds ?? [];
  if (packed.length > 0) {
    const added = Math.max(...packed.map((round) => round.added?.apparent ?? NaN));
    rows.push([
      "bytes added",
      PACKED_REBUILD,
      "",
      `${kilobytes(added)} kB`,
      "",
      `≤ ${MOST_ADDED / 1e3} kB`,
      verdict(added <= MOST_ADDED),
    ]);
  }
  if (ours.length > 0) {
    const memory = Math.max(...ours.map((round) => round.memory));
    const limit = `≤ ${MOST_MEMORY / 1e6} MB`;
    rows.push([
      "peak memory",
      "puzzlefs, all rows",
      "",
      `${megabytes(memory)} MB`,
      "",
      limit,
      verdict(memory <= MOST_MEMORY),
    ]);
  }
  return rows;
}
