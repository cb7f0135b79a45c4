/**
 * One POSIX suite for every backend: a fixture (fixture.ts) that the backend shows in its way, and named cases that look
 * at it through system calls. What a backend cannot show is data: the features it lacks leave cases out by name.
 */
import type { Case, Feature } from "./case.ts";
import { attributeCases } from "./cases/attributes.ts";
import { contentCases } from "./cases/content.ts";
import { directoryCases } from "./cases/directories.ts";
import { lookupCases } from "./cases/lookups.ts";
import { refusalCases } from "./cases/refusals.ts";
import { xattrCases } from "./cases/xattrs.ts";

export type { Case, Feature, Subject } from "./case.ts";
export { fixture, type FixtureEntry } from "./fixture.ts";
export { makeOnDisk } from "./make.ts";
export { MemoryTree } from "./memory-tree.ts";

export const posixCases: readonly Case[] = [
  ...directoryCases,
  ...lookupCases,
  ...attributeCases,
  ...contentCases,
  ...xattrCases,
  ...refusalCases,
];

/** Whether a backend with these features can be held to `item`. */
export function applies(item: Case, features: ReadonlySet<Feature>): boolean {
  return (item.needs ?? []).every((feature) => features.has(feature));
}
