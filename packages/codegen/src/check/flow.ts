import type { FunctionDeclaration } from "ts-morph";
import { SpecError } from "../errors.ts";
import type { Expr, FunctionType, Stmt } from "../ir.ts";

/** The expressions directly inside an expression. */
export function parts(expression: Expr): Expr[] {
  switch (expression.is) {
    case "binary":
    case "checkedBinary":
      return [expression.left, expression.right];
    case "not":
    case "narrow":
    case "cast":
      return [expression.operand];
    case "choice":
      return [expression.condition, expression.then, expression.otherwise];
    case "call":
      return expression.arguments;
    case "strictField":
    case "strictUnionMember":
      return [expression.object, expression.work];
    case "field":
    case "unionMember":
    case "unionView":
    case "unionKind":
    case "valueMember":
    case "length":
    case "offsetOf":
      return [expression.object];
    case "index":
      return [expression.object, expression.index];
    case "load":
      return [expression.object, expression.offset];
    case "slice":
      return [expression.object, expression.start, expression.end];
    case "record":
      return expression.members.map((member) => member.value);
    default:
      return [];
  }
}

/** The expressions of a statement itself, and the statements inside it. */
export function pieces(statement: Stmt): { expressions: Expr[]; statements: Stmt[] } {
  switch (statement.is) {
    case "declare":
    case "assign":
      return { expressions: [statement.value], statements: [] };
    case "store":
      return { expressions: [statement.value, statement.scratch, statement.index], statements: [] };
    case "if":
      return { expressions: [statement.condition], statements: [...statement.then, ...statement.otherwise] };
    case "return":
      return { expressions: statement.value === undefined ? [] : [statement.value], statements: [] };
    case "fail":
      return { expressions: [statement.rule, statement.subject, statement.offset], statements: [] };
    case "forOf":
      return { expressions: [statement.list], statements: statement.body };
    case "forCount":
      return { expressions: [statement.from, statement.limit], statements: statement.body };
    case "while":
      return { expressions: [statement.condition, statement.measure], statements: statement.body };
    case "call":
      return { expressions: [statement.call], statements: [] };
    default:
      return { expressions: [], statements: [] };
  }
}

/** Whether evaluating this expression itself, not its parts, may fail. */
export const mayFail = (expression: Expr): boolean =>
  expression.is === "checkedBinary" ||
  expression.is === "strictField" ||
  expression.is === "strictUnionMember" ||
  (expression.is === "call" && expression.callee.fallible);

/** May stand only alone: as a whole initial value, assigned value, return value or statement. */
const standsAlone = (expression: Expr): boolean =>
  mayFail(expression) || (expression.is === "call" && (expression.callee.optional || expression.callee.writes));

function anyExpression(statements: Stmt[], test: (expression: Expr) => boolean): boolean {
  const within = (expression: Expr): boolean => test(expression) || parts(expression).some(within);
  return statements.some((statement) => {
    const inner = pieces(statement);
    return inner.expressions.some(within) || anyExpression(inner.statements, test);
  });
}

const anyStatement = (statements: Stmt[], test: (statement: Stmt) => boolean): boolean =>
  statements.some((statement) => test(statement) || anyStatement(pieces(statement).statements, test));

/** The functions that `fn` calls, by name. */
function callsOf(fn: FunctionType): Set<string> {
  const calls = new Set<string>();
  anyExpression(fn.body, (expression) => {
    if (expression.is === "call") calls.add(expression.callee.name);
    return false;
  });
  return calls;
}

/** Orders functions so that each stands after those it calls, as C wants static ones. */
export function calleesFirst(functions: FunctionType[]): FunctionType[] {
  const ordered = new Set<FunctionType>();
  const visit = (fn: FunctionType): void => {
    const calls = callsOf(fn);
    for (const other of functions) if (calls.has(other.name) && !ordered.has(other)) visit(other);
    ordered.add(fn);
  };
  functions.forEach(visit);
  return [...ordered];
}

/** Settles which functions may fail or write, and refuses recursion. */
export function settleEffects(functions: FunctionType[], declarations: Map<string, FunctionDeclaration>): void {
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
  }
}

/**
 * Refuses what C cannot say in one expression, or would evaluate in another order: a value that may fail or be
 * undefined, or whose making writes memory, in the middle of another.
 */
export function checkPlacement(fn: FunctionType, declaration: FunctionDeclaration): void {
  const nested = (expression: Expr): boolean => parts(expression).some((part) => standsAlone(part) || nested(part));
  const check = (statement: Stmt): void => {
    const alone = ["declare", "assign", "return", "call"].includes(statement.is);
    const { expressions, statements } = pieces(statement);
    if (expressions.some((expression) => nested(expression) || (!alone && standsAlone(expression)))) {
      const reason = "what may fail, be undefined or write gets a name of its own (const x = …)";
      throw new SpecError(declaration, `${fn.name}: ${reason}, not a place inside another expression`);
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

/** Whether control never passes the end of these statements. */
export function endsFlow(statements: Stmt[]): boolean {
  const last = statements.at(-1);
  if (last === undefined) return false;
  if (last.is === "return" || last.is === "fail") return true;
  return last.is === "if" && endsFlow(last.then) && endsFlow(last.otherwise);
}
