import { writeFileSync } from "node:fs";
import test from "ava";
import { attempt } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { complaint, isPrinted, readRecipes, type Recipe, scriptOf } from "./document.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

test("commands and what they print are found under their titles", (t) => {
  const path = scratch.fresh("document.md");
  const lines =
    "# Title\n## Talk\nwords\n```\nno program\n```\n## First\n```sh\na\n  b\n```\n\n```\nab\n```\n" +
    "```sh\nc\n```\nwords\n```\nnot of c\n```\n## Second\n```json\n{}\n```\n";
  writeFileSync(path, lines);
  t.deepEqual(readRecipes(path), [
    {
      title: "First",
      steps: [
        { commands: "a\n  b", prints: ["ab"], line: 9 },
        { commands: "c", prints: [], line: 17 },
      ],
    },
  ]);
});

test("an ellipsis matches any text, and everything else only itself", (t) => {
  t.true(isPrinted(["a.c"], "a.c\n\n"));
  t.false(isPrinted(["a.c"], "abc\n"));
  t.false(isPrinted(["a"], "a\nb\n"));
  t.false(isPrinted(["a", "b"], "b\n"));
  t.true(isPrinted(["…", "sum: … B"], "some\nlines\nsum: 12 B\n"));
  t.true(isPrinted(["…", "end"], "end\n"));
  t.false(isPrinted(["…", "end"], "begin\nends\n"));
  t.true(isPrinted(["a", "…"], "a\nmore\n"));
  t.false(isPrinted(["one … line"], "one\nline\n"));
});

test("a difference between a recipe's output and the document is reported with its line", (t) => {
  const recipe: Recipe = {
    title: "",
    steps: [
      { commands: "x=one", prints: [], line: 10 },
      { commands: "echo $x", prints: ["one"], line: 20 },
      { commands: "echo two >&2", prints: ["two"], line: 30 },
    ],
  };
  const outcome = (commands?: string): string => {
    const steps = recipe.steps.map((step) =>
      step.line === 20 ? { ...step, commands: commands ?? step.commands } : step,
    );
    const { status, stdout } = attempt("bash", ["-c", scriptOf({ title: "", steps })]);
    return complaint(recipe, stdout, status);
  };
  t.is(outcome(), "");
  t.regex(outcome("echo other"), /^docs\/recipes.md:20 prints something else; .*\n\none\n\n.*\n\nother\n$/);
  t.regex(outcome("echo one; false"), /^docs\/recipes.md:20 fails with status 1; /);
  t.regex(outcome("false | true; echo $absent"), /^docs\/recipes.md:20 fails with status 1; /);
  t.regex(outcome("exit 0"), /^docs\/recipes.md:20 /);
});
