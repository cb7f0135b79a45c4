/** The words that language.test.ts finds. The table of docs/style.md has their replacements. */

/** Regular expressions of words; spaces as they are, any case. */
export const replaced: readonly string[] = [
  "who",
  "whoever",
  "whomever",
  "hears?",
  "tells?",
  "told",
  "lies",
  "be had",
  "for ever",
  "besides",
  "somebody",
  "anybody",
  "is had",
  "stands on",
  "stand on",
  "stands for",
  "stand for",
  "vigils?",
  "lends?",
  "lent",
  "blame[sd]?",
  "blaming",
  "in vain",
  "bring in",
  "brought in",
  "rehearse[sd]?",
  "FaultTheatre",
];

/** Texts that the rule is not about: files, or directories that end in a slash. */
export const skipped: readonly string[] = [
  // The table itself, in both forms.
  "docs/style.md",
  "test/rules/words.ts",
  "test/rules/language.test.ts",
  // Texts of others.
  "LICENSE",
  "LICENSES/",
  "pnpm-lock.yaml",
  // Quotations of what was discussed and decided at the time.
  "docs/decisions/",
  // Copied from their sources by `make codegen`, where the rule finds the words.
  "kernel/generated/",
  "packages/format/src/generated/",
  "schema/generated/",
  "docs/rules.md",
];

export interface WordException {
  /** A file, or a directory that ends in a slash. */
  file: string;
  /** In lower case. */
  words: readonly string[];
  why: string;
}

export const exceptions: readonly WordException[] = [];
