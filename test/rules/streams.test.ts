/** The product leaves the open files that it inherits as they are; see packages/linux/src/closed-streams.ts. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import ts from "typescript";
import { root } from "../support/programs.ts";

/** Programs of tests and of the build. */
const OTHERS = /\.test\.ts$|fixture|^packages\/(posix|codegen)\/|\/generated\//;
const STREAMS = new Set(["stdin", "stdout", "stderr"]);

/** Uses of Node's streams, and threads that would have Node open them. */
function usesOf(source: string): string[] {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
      const name = ts.isPropertyAccessExpression(node)
        ? node.name.text
        : node.argumentExpression.getText().slice(1, -1);
      if (node.expression.getText() === "process" && STREAMS.has(name)) found.push(`process.${name}`);
    }
    if (ts.isVariableDeclaration(node) && node.initializer?.getText() === "process") found.push(node.name.getText());
    if (ts.isIdentifier(node) && node.text === "console" && !ts.isPropertyAccessExpression(node.parent.parent)) {
      found.push("console");
    }
    if (ts.isStringLiteralLike(node) && /^(node:)?(process|console)$/.test(node.text)) found.push(node.text);
    if (ts.isStringLiteralLike(node) && node.text === "inherit") found.push("inherit");
    if (ts.isNewExpression(node) && node.expression.getText() === "Worker") {
      const options = node.arguments?.[1]?.getText() ?? "";
      if (!/\bstdout: true\b/.test(options) || !/\bstderr: true\b/.test(options)) found.push("Worker");
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

test("no product code touches process.stdin, process.stdout, process.stderr or console, or has a thread or child do so", (t) => {
  const files = globSync("packages/*/src/**/*.ts", { cwd: root }).filter((file) => !OTHERS.test(file));
  t.true(files.length > 100);
  const lines = files.flatMap((file) =>
    usesOf(readFileSync(join(root, file), "utf8")).map((use) => `${file}: ${use}: use terminal/output.ts`),
  );
  t.deepEqual(lines, []);
});

test("each program closes the streams before it loads anything else", (t) => {
  for (const program of ["cli/src/puzzlefs", "cli/src/mount-helper", "mount/src/daemon"]) {
    const text = readFileSync(join(root, `packages/${program}.ts`), "utf8");
    t.deepEqual(text.match(/^(import|export)\b.*$/gm), ['import "@puzzlefs/linux/closed-streams";'], program);
  }
  t.notRegex(readFileSync(join(root, "packages/linux/src/closed-streams.ts"), "utf8"), /^import|\brequire\(/m);
});

test("the rule finds each way", (t) => {
  for (const source of [
    "process.stdout.write('x')",
    "process['stderr'].write('x')",
    "process?.stdin?.on('data')",
    "const { stdout } = process;",
    "console.log(1)",
    'import process from "node:process";',
    'import("console")',
    "new Worker(path, { workerData: 1 })",
    "new Worker(path)",
    'spawn("/bin/x", [], { stdio: "inherit" })',
  ])
    t.is(usesOf(source).length, 1, source);
  for (const source of [
    "child.stdout.on('data')",
    "new Worker(path, { stdout: true, stderr: true })",
    "// console.log",
  ])
    t.deepEqual(usesOf(source), [], source);
});
