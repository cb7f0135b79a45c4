import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Node, Project, ts } from "ts-morph";
import type { FunctionDeclaration, SourceFile } from "ts-morph";
import { DERIVED, deriveChecks } from "./derive.ts";
import { SpecError } from "./errors.ts";
import { checkPlacement, settleEffects } from "./flow.ts";
import {
  checkModule,
  readConstants,
  readRecordMembers,
  readRecords,
  readSignature,
  visibleConstants,
} from "./declarations.ts";
import type { Constant, FunctionType, Rule, Settings, Spec } from "./ir.ts";
import type { Names } from "./scope.ts";
import { Body } from "./statements.ts";
import { readStructs } from "./structs.ts";

const LANGUAGE = "language.ts";

/** The list of rules: `export const rules = { /** doc *\/ "rule-name": "corrupt", … }`. */
function readRules(file: SourceFile): Rule[] {
  const initializer = file.getVariableDeclarationOrThrow("rules").getInitializerOrThrow();
  let literal = initializer;
  while (Node.isSatisfiesExpression(literal) || Node.isAsExpression(literal)) literal = literal.getExpression();
  if (!Node.isObjectLiteralExpression(literal)) throw new SpecError(initializer, "rules is an object literal");
  return literal.getProperties().map((property) => {
    if (!Node.isPropertyAssignment(property)) throw new SpecError(property, "a rule is `name: kind`");
    const kind = property.getInitializerOrThrow().getText().slice(1, -1);
    const name = property.getName().replace(/^"|"$/g, "");
    const doc = property
      .getLeadingCommentRanges()
      .map((range) => range.getText().replace(/^\/\*\*\s*|\s*\*\/$/g, ""))
      .join(" ");
    if (kind !== "corrupt" && kind !== "unsupported") throw new SpecError(property, "a rule is corrupt or unsupported");
    if (doc === "") throw new SpecError(property, `${name} needs a line that says what it means`);
    return { name, kind, doc };
  });
}

function typeCheck(project: Project): void {
  const [diagnostic] = project.getPreEmitDiagnostics();
  if (diagnostic === undefined) return;
  const file = diagnostic.getSourceFile();
  const text = ts.flattenDiagnosticMessageText(diagnostic.compilerObject.messageText, " ");
  if (file === undefined) throw new Error(text);
  const node = file.getDescendantAtPos(diagnostic.getStart() ?? 0) ?? file;
  throw new SpecError(node, text);
}

/** Reads the directory of a specification; throws SpecError with file, line and reason. */
export function readSpec(directory: string): Spec {
  const settings = JSON.parse(readFileSync(join(directory, "codegen.json"), "utf8")) as Settings;
  const project = new Project({
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      lib: ["lib.es2022.d.ts"],
      skipLibCheck: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      allowImportingTsExtensions: true,
      types: [],
    },
  });
  const load = (module: string): SourceFile => project.addSourceFileAtPath(join(directory, `${module}.ts`));
  load("language");
  const structsFile = load(settings.structs);
  const rulesFile = load(settings.rules);
  const structs = readStructs(structsFile);
  const written = settings.modules
    .filter((module) => existsSync(join(directory, `${module}.ts`)))
    .map((module) => ({ module, file: load(module) }));
  const checks = deriveChecks(structs, `../${LANGUAGE}`, `../${settings.structs}.ts`);
  const derived = project.createSourceFile(join(directory, `generated/${DERIVED}.ts`), checks, { overwrite: true });
  typeCheck(project);

  const rules = readRules(rulesFile);
  const names: Names = {
    structs: new Map(structs.map((struct) => [struct.name, struct])),
    unions: new Map(structs.flatMap((struct) => struct.unions.map((union) => [union.name, union]))),
    values: new Map(),
    constants: new Map(),
    functions: new Map(),
    rules: new Set(rules.map((rule) => rule.name)),
  };
  const modules = [...written, { module: DERIVED, file: derived }];
  for (const { file } of written) checkModule(file);
  for (const { module, file } of modules)
    for (const value of readRecords(file, module)) names.values.set(value.name, value);
  for (const { file } of modules) readRecordMembers(file, names);
  const constants: Constant[] = [];
  for (const { module, file } of modules) readConstants(file, module, names, constants);
  for (const { name, module, exported } of constants) {
    const other = constants.find((constant) => constant.name === name && constant.module !== module);
    const file = modules.find((candidate) => candidate.module === module)?.file;
    if (exported && other !== undefined && file !== undefined) {
      throw new SpecError(file.getVariableDeclarationOrThrow(name), `${other.module} has a constant ${name}, too`);
    }
  }
  const seenFrom = (module: string): Names => ({ ...names, constants: visibleConstants(constants, module) });

  const declarations = new Map<string, FunctionDeclaration>();
  const functions: FunctionType[] = [];
  for (const { module, file } of modules) {
    for (const declaration of file.getFunctions()) {
      const fn = readSignature(declaration, module, names);
      if (names.functions.has(fn.name)) throw new SpecError(declaration, `${fn.name} is there twice`);
      names.functions.set(fn.name, fn);
      declarations.set(fn.name, declaration);
      functions.push(fn);
    }
  }
  for (const fn of functions)
    fn.body = new Body(seenFrom(fn.module), fn).read(declarations.get(fn.name) as FunctionDeclaration);
  settleEffects(functions, declarations);
  for (const fn of functions) checkPlacement(fn, declarations.get(fn.name) as FunctionDeclaration);
  return { settings, structs, values: [...names.values.values()], constants, functions, rules, checks };
}
