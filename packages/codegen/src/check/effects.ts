import type { FunctionDeclaration } from "ts-morph";
import { SpecError } from "../errors.ts";
import type { Expr, FunctionType, Stmt } from "../ir.ts";
import type { Program } from "../lower/program.ts";
import { anyExpression, anyStatement, calleesFirst, callsOf, mayBeCut, mayFail, parts, pieces } from "../walk.ts";

/** Must be a whole initial value, assigned value, return value or statement. */
const standsAlone = (expression: Expr): boolean =>
  mayFail(expression) || (expression.is === "call" && (expression.callee.optional || expression.callee.writes));

/** Determines which functions may fail or write. Throws SpecError for recursion, and for an effect inside an expression. */
export function checkEffects({ spec, declarations }: Program): void {
  determineEffects(spec.functions, declarations);
  for (const fn of spec.functions) checkPlacement(fn, declarations.get(fn.name) as FunctionDeclaration);
}

function determineEffects(functions: FunctionType[], declarations: Map<string, FunctionDeclaration>): void {
  const calls = new Map(functions.map((fn) => [fn.name, callsOf(fn)]));
  const visit = (name: string, open: string[]): void => {
    const declaration = declarations.get(name);
    if (open.includes(name) && declaration !== undefined) {
      throw new SpecError(declaration, `${name} calls itself: ${[...open, name].join(" → ")}`);
    }
    for (const next of calls.get(name) ?? []) visit(next, [...open, name]);
  };
  for (const fn of functions) visit(fn.name, []);

  for (const fn of calleesFirst(functions)) {
    const writes = (expression: Expr): boolean => expression.is === "call" && expression.callee.writes;
    fn.fallible = anyStatement(fn.body, (statement) => statement.is === "fail") || anyExpression(fn.body, mayFail);
    fn.writes = anyStatement(fn.body, (statement) => statement.is === "store") || anyExpression(fn.body, writes);
    fn.mayStop = !fn.fallible && mayBeCut(fn.body);
  }
}

/**
 * Refuses what C cannot express in one expression, or would evaluate in another order: a call that may fail, return
 * undefined or write memory, inside another expression.
 */
function checkPlacement(fn: FunctionType, declaration: FunctionDeclaration): void {
  const nested = (expression: Expr): boolean => parts(expression).some((part) => standsAlone(part) || nested(part));
  const check = (statement: Stmt): void => {
    const alone = ["declare", "assign", "return", "call"].includes(statement.is);
    const { expressions, statements } = pieces(statement);
    if (expressions.some((expression) => nested(expression) || (!alone && standsAlone(expression)))) {
      const reason =
        "a call that may fail, return undefined or write memory needs a statement of its own (const x = …)";
      throw new SpecError(declaration, `${fn.name}: ${reason}`);
    }
    if (statement.is !== "return" && anyExpression([statement], (part) => part.is === "record" && part.shared)) {
      throw new SpecError(declaration, `${fn.name}: a shared record is only returned`);
    }
    statements.forEach(check);
  };
  fn.body.forEach(check);
  if (fn.fallible && fn.optional) {
    throw new SpecError(declaration, `${fn.name} may fail and may be undefined: choose one`);
  }
}
