/**
 * Finds what opens, changes or runs something by a path: a name that another user may control. The product does that by
 * packages/linux only (directory.ts, named-path.ts).
 */
import ts from "typescript";

/** A way around packages/linux. */
export interface Detour {
  /** `openSync`, `spawn("mount")`, `AT_FDCWD`, `node:fs/promises` … */
  name: string;
  line: number;
}

/** Of `node:fs`: what takes descriptors, or nothing that is looked up. */
const HARMLESS = new Set(
  (
    "constants closeSync readSync readvSync writeSync writevSync fstatSync fsyncSync fdatasyncSync ftruncateSync " +
    "fchmodSync fchownSync futimesSync close read readv write writev fstat fsync fdatasync ftruncate fchmod fchown futimes"
  ).split(" "),
);
/** Of `node:child_process`: the first argument is the program. The others ask a shell, or run a module by its name. */
const RUNNING = new Set(["spawn", "spawnSync", "execFile", "execFileSync"]);
/** Of packages/linux: calls relative to the working directory, and new system calls. */
const LOW_LEVEL = new Set(["AT_FDCWD", "bind"]);

export function detours(source: string): Detour[] {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const found: Detour[] = [];
  const report = (name: string, node: ts.Node): void => {
    found.push({ name, line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  const runners = new Map<string, string>();
  for (const statement of file.statements) {
    if (ts.isImportDeclaration(statement)) readImport(statement, runners, report);
    if (ts.isExportDeclaration(statement) && !statement.isTypeOnly && statement.moduleSpecifier !== undefined) {
      const module = moduleOf(statement.moduleSpecifier);
      if (module !== undefined) report(module, statement);
    }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) readCall(node, report);
    if (ts.isIdentifier(node) && runners.has(node.text)) readRunner(node, runners.get(node.text) as string, report);
    if (ts.isIdentifier(node) && LOW_LEVEL.has(node.text) && isReference(node)) report(node.text, node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

type Report = (name: string, node: ts.Node) => void;

/** The module's canonical name, if it is one that takes paths. */
function moduleOf(specifier: ts.Node | undefined): string | undefined {
  if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return undefined;
  const name = specifier.text.replace(/^node:/, "");
  if (name === "koffi") return name;
  return ["fs", "fs/promises", "child_process"].includes(name) ? `node:${name}` : undefined;
}

function readImport(declaration: ts.ImportDeclaration, runners: Map<string, string>, report: Report): void {
  const module = moduleOf(declaration.moduleSpecifier);
  const clause = declaration.importClause;
  if (module === undefined || clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return;
  const bindings = clause?.namedBindings;
  const isWhole = clause === undefined || clause.name !== undefined || bindings === undefined;
  if (isWhole || ts.isNamespaceImport(bindings)) return report(module, declaration);
  for (const element of bindings.elements) {
    const name = (element.propertyName ?? element.name).text;
    if (element.isTypeOnly || (module === "node:child_process" && name === "ChildProcess")) continue;
    if (module === "node:child_process" && RUNNING.has(name)) runners.set(element.name.text, name);
    else if (module === "node:fs" ? !HARMLESS.has(name) : true) report(name, element);
  }
}

/** `import("node:fs")`, `createRequire(…)("koffi")`, `process.getBuiltinModule("fs")`: any call with the name. */
function readCall(call: ts.CallExpression, report: Report): void {
  const module = moduleOf(call.arguments[0]);
  if (module !== undefined) report(module, call);
}

/** A program must be an absolute path. */
function readRunner(node: ts.Identifier, name: string, report: Report): void {
  const { parent } = node;
  if (ts.isImportSpecifier(parent)) return;
  if (!ts.isCallExpression(parent) || parent.expression !== node) return report(`${name} as a value`, node);
  const program = parent.arguments[0];
  if (program === undefined || !isAbsolute(program)) report(`${name}(${program?.getText() ?? ""})`, node);
}

function isAbsolute(program: ts.Expression): boolean {
  if (ts.isStringLiteralLike(program)) return program.text.startsWith("/");
  if (ts.isIdentifier(program)) {
    const value = constantOf(program.getSourceFile(), program.text);
    return value !== undefined && isAbsolute(value);
  }
  return program.getText() === "process.execPath";
}

/** The value of a `const` at the top of the file. */
function constantOf(file: ts.SourceFile, name: string): ts.Expression | undefined {
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement) || (statement.declarationList.flags & ts.NodeFlags.Const) === 0) continue;
    for (const declaration of statement.declarationList.declarations) {
      if (declaration.name.getText() === name) return declaration.initializer;
    }
  }
  return undefined;
}

/** Not a member of that name of something else. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return !ts.isPropertyAssignment(parent) && !ts.isMethodDeclaration(parent) && !ts.isPropertySignature(parent);
}
