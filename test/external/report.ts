/** Results of cases, printed at once and counted. */
import type { Outcome, Target } from "./target.ts";

export interface Case {
  name: string;
  /** For the shell in Debian's root directory. */
  command: string;
  /** The failure, if any; by default a status other than 0. */
  judge?: (outcome: Outcome) => string | undefined;
  /** ms */
  timeout?: number;
}

/** A case that is not run, or a program of a suite that none is made of. */
export interface Exclusion {
  suite: string;
  name: string;
  /** Only where the images are mounted so. */
  driver?: boolean;
  reason: string;
}

const most = 30;

export class Report {
  readonly #exclusions: readonly Exclusion[];
  readonly #wanted: RegExp;
  readonly #counts = new Map<string, { passed: number; failed: number; excluded: number }>();
  #skipped = 0;

  /** @param wanted the names of cases to run */
  constructor(exclusions: readonly Exclusion[], wanted: RegExp) {
    this.#exclusions = exclusions;
    this.#wanted = wanted;
  }

  /** Runs all cases, also after a failure. Throws if the target itself is broken. */
  async runCases(target: Target, suite: string, cases: readonly Case[]): Promise<void> {
    for (const { name, command, judge = statusOnly, timeout } of cases) {
      if (this.excludes(target, suite, name)) continue;
      const start = performance.now();
      const outcome = await target.run(command, timeout);
      const wrong = judge(outcome);
      const title = `${name} (${Math.ceil((performance.now() - start) / 1000)} s)`;
      this.add(target, suite, title, wrong === undefined ? undefined : `${wrong}\n$ ${command}\n${printed(outcome)}`);
    }
  }

  /** @param wrong what is; undefined for a case that passed */
  add(target: Target | string, suite: string, name: string, wrong: string | undefined): void {
    this.#count(target, suite, wrong === undefined ? "passed" : "failed");
    console.log(`${wrong === undefined ? "ok  " : "FAIL"} ${suite}, ${named(target)}: ${name}`);
    if (wrong !== undefined) console.log(wrong.trimEnd().replaceAll(/^/gm, "     "));
  }

  /** Whether this case is excluded here, or not wanted; one that is excluded is counted, with its reason printed. */
  excludes(target: Target, suite: string, name: string): boolean {
    if (!this.#wanted.test(name)) return true;
    const found = this.#exclusions.find(
      (exclusion) =>
        exclusion.suite === suite && exclusion.name === name && (exclusion.driver ?? target.driver) === target.driver,
    );
    if (found === undefined) return false;
    this.#count(target, suite, "excluded");
    console.log(`excl ${suite}, ${target.name}: ${name}: ${found.reason}`);
    return true;
  }

  /** A suite that cannot run here. */
  skip(suite: string, missing: string): void {
    this.#skipped++;
    console.log(`skip ${suite}: ${missing}`);
  }

  /** Prints the counts. @returns whether all is well */
  finish(): boolean {
    let [passed, failed, excluded] = [0, 0, 0];
    console.log("");
    for (const [name, counts] of this.#counts) {
      console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.excluded} excluded`);
      passed += counts.passed;
      failed += counts.failed;
      excluded += counts.excluded;
    }
    console.log(`${passed} passed, ${failed} failed, ${excluded + this.#skipped} skipped`);
    return failed === 0 && passed > 0;
  }

  #count(target: Target | string, suite: string, what: "passed" | "failed" | "excluded"): void {
    const key = `${suite}, ${named(target)}`;
    const counts = this.#counts.get(key) ?? { passed: 0, failed: 0, excluded: 0 };
    counts[what]++;
    this.#counts.set(key, counts);
  }
}

function named(target: Target | string): string {
  return typeof target === "string" ? target : target.name;
}

function statusOnly({ status }: Outcome): string | undefined {
  return status === 0 ? undefined : `exit status ${status}`;
}

function printed({ stdout, stderr }: Outcome): string {
  const lines = `${stdout}${stderr}`.trimEnd().split("\n");
  return lines.length <= most
    ? lines.join("\n")
    : [...lines.slice(0, most / 2), "…", ...lines.slice(-most / 2)].join("\n");
}
