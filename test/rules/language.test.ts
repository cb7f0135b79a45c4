/** The words that docs/style.md replaces are in no tracked file, but for exceptions by file and reason. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { root } from "../support/programs.ts";
import { exceptions, replaced, skipped } from "./words.ts";

interface Finding {
  file: string;
  line: number;
  word: string;
  text: string;
}

const pattern = new RegExp(`(?<![\\w-])(?:${replaced.join("|")})(?![\\w-])`, "gi");

function findingsIn(file: string, text: string): Finding[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      [...line.matchAll(pattern)].map(([word]) => ({ file, line: index + 1, word: word.toLowerCase(), text: line })),
    );
}

const isBelow = (file: string, paths: readonly string[]): boolean =>
  paths.some((path) => (path.endsWith("/") ? file.startsWith(path) : file === path));

/** Tracked text files that the rule is about. */
function filesOfRule(): string[] {
  const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0");
  return tracked.filter((file) => file !== "" && !isBelow(file, skipped));
}

/** Whether an exception is for this finding. */
const permits = ({ file, words }: (typeof exceptions)[number], finding: Finding): boolean =>
  isBelow(finding.file, [file]) && words.includes(finding.word);

test("tracked files have none of the replaced words", (t) => {
  const found: string[] = [];
  const unused = new Set(exceptions);
  for (const file of filesOfRule()) {
    const content = readFileSync(join(root, file));
    if (content.includes(0)) continue;
    for (const finding of findingsIn(file, content.toString())) {
      const exception = exceptions.find((one) => permits(one, finding));
      if (exception === undefined) found.push(`${file}:${finding.line}: ${finding.word}: ${finding.text.trim()}`);
      else unused.delete(exception);
    }
  }
  t.deepEqual(found, []);
  t.deepEqual([...unused], [], "exceptions that are not needed");
});

test("the rule finds words in any case and leaves parts of words", (t) => {
  const words = (text: string): string[] => findingsIn("file", text).map(({ word }) => word);
  t.deepEqual(words("Whoever reads it, in vain; cannot be had"), ["whoever", "in vain", "be had"]);
  t.deepEqual(words("the whole unit test belies it; blameless; non-who"), []);
});
