import { Node } from "ts-morph";
import type { SourceFile } from "ts-morph";
import { SpecError } from "../errors.ts";
import type { Rule } from "../ir.ts";

/** Reads the list of rules: `export const rules = { /** doc *\/ "rule-name": "corrupt", … }`. */
export function readRules(file: SourceFile): Rule[] {
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
    if (doc === "") throw new SpecError(property, `${name} needs a comment with its meaning`);
    return { name, kind, doc };
  });
}
