import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import test from "ava";

const root = resolve(import.meta.dirname, "../..");
const documents = globSync(["*.md", "docs/**/*.md", "test/**/*.md", "kernel/**/*.md"], {
  cwd: root,
  exclude: ["**/node_modules/**"],
});

/** Without code, in which brackets are no links. */
function prose(path: string): string {
  return readFileSync(path, "utf8")
    .replace(/^```[^]*?^```/gm, "")
    .replace(/^ {4}.*$/gm, "")
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ""));
}

/** As GitHub makes them of headings. */
function anchors(path: string): string[] {
  const headings = readFileSync(path, "utf8").match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The relative links of a document that lead nowhere. */
function brokenLinks(path: string): string[] {
  const targets = [...prose(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => {
    if (/^https?:/.test(target)) return false;
    const [file = "", anchor] = target.split("#");
    const found = file === "" ? path : join(dirname(path), file);
    return !existsSync(found) || (anchor !== undefined && !anchors(found).includes(anchor));
  });
}

for (const document of documents) {
  test(`every link of ${document} leads to a file and a heading in the repository`, (t) => {
    t.deepEqual(brokenLinks(join(root, document)), []);
  });
}
