/**
 * Reads files of a mounted tree, with nothing of them in memory, and prints the result of each, in JSON:
 *
 *     node observe.ts ROOT EXPECTED                   every file once: Observation[]
 *     node observe.ts ROOT EXPECTED --until-failure   again and again, until a file cannot be read: a Failure, after a
 *                                                     line when the first file was read
 *
 * EXPECTED is a file with Expected[].
 */
import { readFileSync } from "node:fs";
import { nodeEnvironment, System, SystemFailure } from "@puzzlefs/posix-suite";

export interface Expected {
  path: string;
  /** Hex. */
  sha256: string;
}

export interface Observation {
  path: string;
  /** "right", "wrong" content, or the name of an error. */
  outcome: string;
  milliseconds: number;
}

export interface Failure {
  outcome: string;
  /** Of the same file, at once. */
  secondOutcome: string;
  /** Of the second attempt, milliseconds since 1970. */
  at: number;
  /** Files that were read well before. */
  filesRead: number;
}

const POSIX_FADV_DONTNEED = 4;

const [root, list, option] = process.argv.slice(2) as [string, string, string | undefined];
const expected = JSON.parse(readFileSync(list, "utf8")) as Expected[];
const system = new System(nodeEnvironment());

function outcomeOf({ path, sha256 }: Expected): string {
  let file = -1;
  try {
    file = system.open(`${root}/${path}`);
    system.call("fadvise64", path, file, 0, 0, POSIX_FADV_DONTNEED);
    return system.sha256(file) === sha256 ? "right" : "wrong";
  } catch (error) {
    if (error instanceof SystemFailure) return error.code;
    throw error;
  } finally {
    if (file >= 0) system.close(file);
  }
}

function readUntilFailure(): Failure {
  for (let filesRead = 0; ; filesRead++) {
    const file = expected[filesRead % expected.length] as Expected;
    const outcome = outcomeOf(file);
    if (outcome === "right") {
      if (filesRead === 0) console.log("reading");
      continue;
    }
    const secondOutcome = outcomeOf(file);
    return { outcome, secondOutcome, at: Date.now(), filesRead };
  }
}

function readAll(): Observation[] {
  return expected.map((one) => {
    const start = performance.now();
    const outcome = outcomeOf(one);
    return { path: one.path, outcome, milliseconds: performance.now() - start };
  });
}

console.log(JSON.stringify(option === "--until-failure" ? readUntilFailure() : readAll()));
