/** When nodes update: each version comes to the nodes within a window, and all strategies have the same schedule. */
import { Random } from "@puzzlefs/testing";
import type { Newest, Version } from "./fleet-version.ts";
import type { Cost, Strategy } from "./fleet-strategy.ts";

/** Seconds after a version appears, within which the nodes that take it begin to, at a random second each. */
export const WINDOW = 3600;
/** Updates end within this after the window. */
const TAIL = 600;
/** A node's line: bytes and round trips; connections at a time. */
export const LINE = { bytesPerSecond: 12.5e6, roundTrip: 0.03, connections: 6 };
/** Of each version: part of the nodes that are replaced by nodes without any. */
export const NEW_NODES = 0.001;

interface Group {
  what: string;
  part: number;
  /** Whether a node of the group takes a version. */
  takes: (version: number, node: number, random: Random) => boolean;
}

/** The groups of nodes. */
export const GROUPS: readonly Group[] = [
  { what: "take every version", part: 0.7, takes: () => true },
  { what: "take each version with a probability of one half", part: 0.2, takes: (_, __, random) => random.once(2) },
  { what: "take every seventh version", part: 0.08, takes: (version, node) => (version + node) % 7 === 0 },
  { what: "take a version with a probability of one thirtieth", part: 0.02, takes: (_, __, random) => random.once(30) },
];

/** Costs with the numbers of nodes that had them. */
type Weighted = { cost: Cost; count: number }[];

export interface StrategyResult {
  name: string;
  /** Of all updates and cold starts. */
  bytes: number;
  requests: number;
  /** Bytes of one update. */
  median: number;
  p95: number;
  meanRequests: number;
  /** Of a node without any version: mean. */
  coldBytes: number;
  coldRequests: number;
  /** Of the registry, in the worst second. */
  peakBytes: number;
  peakRequests: number;
  /** Of a node: in the worst second, and the longest update. */
  nodePeakBytes: number;
  nodePeakRequests: number;
  longest: number;
  /** Bytes that the registry stores of all versions. */
  stored: number;
}

/** One strategy over all versions. */
class Account {
  readonly strategy: Strategy;
  readonly #bytes = new Float64Array(WINDOW + TAIL);
  readonly #requests = new Float64Array(WINDOW + TAIL);
  readonly #updates: Weighted = [];
  readonly #cold: Weighted = [];
  readonly #peaks = { peakBytes: 0, peakRequests: 0, nodePeakBytes: 0, nodePeakRequests: 0, longest: 0 };
  #stored = 0;

  constructor(strategy: Strategy) {
    this.strategy = strategy;
  }

  async publish(version: Newest): Promise<void> {
    this.#stored += await this.strategy.publish(version);
  }

  /** Nodes that begin with the same version at these seconds. */
  update(from: Version | undefined, seconds: readonly number[]): void {
    const cost = this.strategy.update(from);
    (from === undefined ? this.#cold : this.#updates).push({ cost, count: seconds.length });
    const { bytes, requests } = cost;
    const duration = (requests * LINE.roundTrip) / LINE.connections + bytes / LINE.bytesPerSecond;
    const peaks = this.#peaks;
    peaks.nodePeakBytes = Math.max(peaks.nodePeakBytes, bytes / Math.max(1, duration));
    peaks.nodePeakRequests = Math.max(peaks.nodePeakRequests, requests / Math.max(1, duration));
    peaks.longest = Math.max(peaks.longest, duration);
    if (duration > TAIL) throw new Error(`${this.strategy.name}: an update takes ${duration} s`);
    for (const second of seconds) {
      for (let done = 0; done < duration; done++) {
        const part = Math.min(1, duration - done) / duration;
        this.#bytes[second + done] += bytes * part;
        this.#requests[second + done] += requests * part;
      }
    }
  }

  /** The window of a version is over. */
  endWindow(): void {
    this.#peaks.peakBytes = this.#bytes.reduce((most, each) => Math.max(most, each), this.#peaks.peakBytes);
    this.#peaks.peakRequests = this.#requests.reduce((most, each) => Math.max(most, each), this.#peaks.peakRequests);
    this.#bytes.fill(0);
    this.#requests.fill(0);
  }

  result(): StrategyResult {
    const all = [...this.#updates, ...this.#cold];
    const updates = this.#updates.toSorted((one, other) => one.cost.bytes - other.cost.bytes);
    return {
      name: this.strategy.name,
      bytes: total(all, ({ bytes }) => bytes),
      requests: total(all, ({ requests }) => requests),
      median: quantile(updates, 0.5),
      p95: quantile(updates, 0.95),
      meanRequests: mean(updates, ({ requests }) => requests),
      coldBytes: mean(this.#cold, ({ bytes }) => bytes),
      coldRequests: mean(this.#cold, ({ requests }) => requests),
      ...this.#peaks,
      stored: this.#stored,
    };
  }
}

const counted = (costs: Weighted): number => costs.reduce((sum, { count }) => sum + count, 0);

function total(costs: Weighted, value: (cost: Cost) => number): number {
  return costs.reduce((sum, { cost, count }) => sum + value(cost) * count, 0);
}

function mean(costs: Weighted, value: (cost: Cost) => number): number {
  return total(costs, value) / Math.max(1, counted(costs));
}

/** @param sorted by bytes */
function quantile(sorted: Weighted, part: number): number {
  let left = part * counted(sorted);
  for (const { cost, count } of sorted) if ((left -= count) <= 0) return cost.bytes;
  return 0;
}

export interface FleetOptions {
  nodes: number;
  versions: number;
  seed: number;
  progress?: (version: number) => void;
}

export interface Simulated {
  updates: number;
  coldStarts: number;
  /** Updates that skipped versions. */
  skipping: number;
  strategies: StrategyResult[];
}

/** All nodes have the first version at the beginning. */
export async function simulate(
  next: () => Newest,
  strategies: readonly Strategy[],
  { nodes, versions, seed, progress = () => {} }: FleetOptions,
): Promise<Simulated> {
  const random = new Random(seed);
  const accounts = strategies.map((strategy) => new Account(strategy));
  const has = new Uint32Array(nodes);
  const groupOf = groups(nodes);
  const counts = { updates: 0, coldStarts: 0, skipping: 0 };
  /** Versions that nodes have. */
  let known = new Map<number, Version>();
  for (let number = 1; number <= versions; number++) {
    const newest = next();
    for (const account of accounts) await account.publish(newest);
    const begins = number === 1 ? new Map<number, number[]>() : schedule(number, has, groupOf, random);
    for (const [from, seconds] of begins) {
      if (from === 0) counts.coldStarts += seconds.length;
      else counts.updates += seconds.length;
      if (from > 0 && from < number - 1) counts.skipping += seconds.length;
      for (const account of accounts) account.update(known.get(from), seconds);
    }
    for (const account of accounts) account.endWindow();
    if (number === 1) has.fill(1);
    const { canonical, digests, files } = newest;
    known.set(number, { number, canonical, digests, files });
    const held = new Set(has);
    known = new Map([...known].filter(([version]) => held.has(version)));
    progress(number);
  }
  return { ...counts, strategies: accounts.map((account) => account.result()) };
}

/** The seconds at which nodes begin to get a version, by the version that they have; 0: none. They have it then. */
function schedule(number: number, has: Uint32Array, groupOf: readonly Group[], random: Random): Map<number, number[]> {
  const begins = new Map<number, number[]>();
  for (let node = 0; node < has.length; node++) {
    const isNew = random.once(1 / NEW_NODES);
    if (!isNew && !groupOf[node].takes(number, node, random)) continue;
    const from = isNew ? 0 : has[node];
    const seconds = begins.get(from);
    const second = random.below(WINDOW);
    if (seconds === undefined) begins.set(from, [second]);
    else seconds.push(second);
    has[node] = number;
  }
  return begins;
}

/** The group of each node. */
function groups(nodes: number): Group[] {
  const all: Group[] = [];
  for (const [index, group] of GROUPS.entries()) {
    const end = index === GROUPS.length - 1 ? nodes : all.length + Math.round(group.part * nodes);
    while (all.length < end) all.push(group);
  }
  return all;
}
