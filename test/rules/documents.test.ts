/** Documents name files and functions that exist. Their links are tested by links.test.ts. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { root } from "../support/programs.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const git = (...argv: string[]): string => execFileSync("git", argv, { cwd: root, encoding: "utf8" });
const tracked = git("ls-files").trimEnd().split("\n");
/** Of every tracked file and its directories, all endings: `reader/src/image.ts` is one of `packages/reader/src/image.ts`. */
const endings = new Set(
  tracked.flatMap((file) => {
    const parts = file.split("/");
    return parts.flatMap((_, from) =>
      parts.slice(from).map((__, more) => parts.slice(from, from + more + 1).join("/")),
    );
  }),
);

const codeSpans = (file: string): string[] => [...read(file).matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
const isSource = (code: string): boolean => /^[\w.@-]+(\/[\w.@-]+)*\.(ts|c|h|sh|capnp|rst)$/.test(code);
/** Below a directory of the repository's root. */
const isBelowRoot = (code: string): boolean =>
  /^[\w./-]+$/.test(code) && code.includes("/") && tracked.some((file) => file.startsWith(`${code.split("/")[0]}/`));

for (const document of globSync(["*.md", "docs/*.md"], { cwd: root })) {
  test(`every source file and directory that ${document} names exists`, (t) => {
    const paths = codeSpans(document).filter((code) => isSource(code) || isBelowRoot(code));
    const isThere = (path: string): boolean => endings.has(path) || existsSync(join(root, path));
    t.deepEqual(
      paths.map((path) => path.replace(/\/$/, "")).filter((path) => !isThere(path)),
      [],
    );
  });
}

test("every function and class that ARCHITECTURE.md names is in the sources", (t) => {
  const sources = tracked
    .filter((file) => /^(packages|schema|kernel)\/.*\.(ts|c|h)$/.test(file))
    .map(read)
    .join("\n");
  const words = new Set(sources.match(/\w+/g));
  const names = codeSpans("ARCHITECTURE.md").filter(
    (code) => /^[A-Za-z]\w*(\.[a-z]\w*)?$/.test(code) && !isSource(code),
  );
  t.deepEqual(
    names.flatMap((name) => name.split(".")).filter((name) => !words.has(name) && !endings.has(name)),
    [],
  );
});

test("docs/decisions/README.md lists every decision", (t) => {
  const list = read("docs/decisions/README.md");
  const decisions = globSync("2*.md", { cwd: join(root, "docs/decisions") });
  t.deepEqual(
    decisions.filter((file) => !list.includes(`(${file})`)),
    [],
  );
});
