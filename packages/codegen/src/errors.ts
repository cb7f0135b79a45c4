import type { Node } from "ts-morph";

/** The specification uses something outside the language, or breaks one of its rules. */
export class SpecError extends Error {
  override readonly name = "SpecError";

  constructor(node: Node, reason: string) {
    const file = node.getSourceFile();
    const { line, column } = file.getLineAndColumnAtPos(node.getStart());
    super(`${file.getBaseName()}:${line}:${column}: ${reason}`);
  }
}
