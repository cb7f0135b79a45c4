import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import test from "ava";
import { readDefinitions } from "../../packaging/definitions.ts";
import { manPage } from "../../packaging/man-pages.ts";
import { markdownToRoff } from "../../packaging/roff.ts";
import { pages } from "../../packaging/shared-files.ts";
import { missing } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";

const scratch = new Scratch();
test.after.always(() => scratch.remove());

const definitions = await readDefinitions();
const SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"];

for (const page of pages) {
  const name = `${page.title}(${page.section})`;
  const text = manPage(page, definitions);

  test(`${name} has every section, and none of them is empty`, (t) => {
    const found = [...text.matchAll(/^\.SH (.*)\n(?!\.SH|$)/gm)].map(([, title]) => title);
    t.deepEqual(found, SECTIONS);
  });

  (missing("man").length > 0 ? test.skip : test)(`man formats ${name} without a warning`, (t) => {
    const path = scratch.fresh(page.title);
    writeFileSync(path, text);
    const env = { ...process.env, MANWIDTH: "100", LC_ALL: "C.UTF-8" };
    const { status, stdout, stderr } = spawnSync("man", ["--warnings", "-l", path], { encoding: "utf8", env });
    t.is(stderr, "");
    t.is(status, 0);
    t.true(stdout.includes(page.title));
  });
}

test("text cannot be taken for a request or an escape of roff", (t) => {
  t.is(markdownToRoff("\\.a `\\xHH`\n'b'"), ".PP\n\\&.a \\fB\\exHH\\fP\n\\&'b'\n");
  t.is(markdownToRoff("    .x\n    -y"), ".PP\n.RS 4\n.EX\n\\&.x\n\\-y\n.EE\n.RE\n");
  t.throws(() => markdownToRoff("![picture](a.svg)"), { message: /^no roff for image/ });
});
