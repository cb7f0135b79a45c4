import { Node, ts } from "ts-morph";
import type { SourceFile } from "ts-morph";
import { SpecError } from "../errors.ts";
import type { Schema } from "../read/schema.ts";

/** Throws SpecError if the specification is not valid TypeScript, or a module has a statement that C lacks. */
export function checkTypes({ project, modules }: Schema): void {
  const [diagnostic] = project.getPreEmitDiagnostics();
  if (diagnostic !== undefined) {
    const file = diagnostic.getSourceFile();
    const text = ts.flattenDiagnosticMessageText(diagnostic.compilerObject.messageText, " ");
    if (file === undefined) throw new Error(text);
    throw new SpecError(file.getDescendantAtPos(diagnostic.getStart() ?? 0) ?? file, text);
  }
  for (const { file, derived } of modules) if (!derived) checkStatements(file);
}

/** A module has imports, constants, records and functions only. */
function checkStatements(file: SourceFile): void {
  for (const statement of file.getStatements()) {
    const constant = Node.isVariableStatement(statement) && statement.getDeclarationKind() === "const";
    const known = constant || Node.isImportDeclaration(statement) || Node.isInterfaceDeclaration(statement);
    if (!known && !Node.isFunctionDeclaration(statement)) {
      throw new SpecError(statement, `${statement.getKindName()} is not in the language`);
    }
  }
}
