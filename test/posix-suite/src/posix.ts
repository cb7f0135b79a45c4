/**
 * One POSIX suite for every backend: a fixture (fixture.ts) that the backend shows in its way, and named cases that look
 * at it through system calls. What a backend cannot show is data: the features it lacks leave cases out by name.
 */
import type { Case, Feature, Subject } from "./case.ts";
import { attributeCases } from "./cases/attributes.ts";
import { contentCases } from "./cases/content.ts";
import { directoryCases } from "./cases/directories.ts";
import { handleCases } from "./cases/handles.ts";
import { holeCases } from "./cases/holes.ts";
import { lookupCases } from "./cases/lookups.ts";
import { refusalCases } from "./cases/refusals.ts";
import { xattrCases } from "./cases/xattrs.ts";

export const posixCases: readonly Case[] = [
  ...directoryCases,
  ...lookupCases,
  ...attributeCases,
  ...contentCases,
  ...holeCases,
  ...xattrCases,
  ...refusalCases,
  ...handleCases,
];

/** Whether a backend with these features must pass `item`. */
export function applies(item: Case, features: ReadonlySet<Feature>): boolean {
  return (item.needs ?? []).every((feature) => features.has(feature));
}

/** Runs the cases and writes their results in TAP; cases that need other features are skipped. Returns the number of failures. */
export function runCases(subject: Subject, features: ReadonlySet<Feature>, write: (line: string) => void): number {
  let failed = 0;
  write(`1..${posixCases.length}`);
  for (let index = 0; index < posixCases.length; index++) {
    const item = posixCases[index];
    const title = `${index + 1} - ${item.name}`;
    if (!applies(item, features)) {
      const missing = (item.needs ?? []).filter((feature) => !features.has(feature)).join(", ");
      write(`ok ${title} # SKIP needs ${missing}`);
      continue;
    }
    try {
      item.check(subject);
      write(`ok ${title}`);
    } catch (error) {
      failed++;
      write(`not ok ${title}`);
      write(`# ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failed;
}
