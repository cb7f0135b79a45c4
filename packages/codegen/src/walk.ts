/** Walks over the intermediate form. */
import type { Expr, FunctionType, Stmt } from "./ir.ts";

/** The expressions directly inside an expression. */
export function parts(expression: Expr): Expr[] {
  switch (expression.is) {
    case "binary":
    case "checkedBinary":
    case "difference":
    case "atMost":
      return [expression.left, expression.right];
    case "compareBytes":
      return [expression.left, expression.right, expression.most];
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

/** Whether `test` holds for an expression anywhere in the statements. */
export function anyExpression(statements: Stmt[], test: (expression: Expr) => boolean): boolean {
  const within = (expression: Expr): boolean => test(expression) || parts(expression).some(within);
  return statements.some((statement) => {
    const inner = pieces(statement);
    return inner.expressions.some(within) || anyExpression(inner.statements, test);
  });
}

/** Whether `test` holds for a statement, or one inside it. */
export const anyStatement = (statements: Stmt[], test: (statement: Stmt) => boolean): boolean =>
  statements.some((statement) => test(statement) || anyStatement(pieces(statement).statements, test));

const isLoop = ({ is }: Stmt): boolean => is === "forOf" || is === "forCount" || is === "while";

/** Rounds of a loop that are short together. */
export const SHORT_ROUNDS = 4096;

/** Whether a statement is a loop with more rounds than a small constant: the input determines how many. */
export function isLong(statement: Stmt): boolean {
  if (statement.is === "forOf") return true;
  if (statement.is === "forCount") return statement.limit.high - statement.from.low > SHORT_ROUNDS;
  // Halving ends after 53 rounds.
  return statement.is === "while" && statement.guard === "decreases" && statement.measure.high > SHORT_ROUNDS;
}

/** Whether the statements may end early if the task must stop: they have a long loop, or call a function that may. */
export const mayBeCut = (statements: Stmt[]): boolean =>
  anyStatement(statements, isLong) ||
  anyExpression(statements, (expression) => expression.is === "call" && expression.callee.mayStop);

/** The functions that `fn` calls, by name. */
export function callsOf(fn: FunctionType): Set<string> {
  const calls = new Set<string>();
  anyExpression(fn.body, (expression) => {
    if (expression.is === "call") calls.add(expression.callee.name);
    return false;
  });
  return calls;
}

/** Orders functions so that each follows those that it calls: C declares a static function before its use. */
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

/**
 * The accessors of a module: its exported functions that neither fail nor loop, and call only such ones; and those that they call.
 * They have a few instructions each.
 */
export function accessorsOf(functions: readonly FunctionType[]): Set<FunctionType> {
  const found = new Set<FunctionType>();
  const callees = (fn: FunctionType): (FunctionType | undefined)[] =>
    [...callsOf(fn)].map((name) => functions.find((other) => other.name === name));
  const isSimple = (fn: FunctionType | undefined): boolean =>
    fn !== undefined && !fn.fallible && !anyStatement(fn.body, isLoop) && callees(fn).every(isSimple);
  const add = (fn: FunctionType | undefined): void => {
    if (fn === undefined) return;
    found.add(fn);
    callees(fn).forEach(add);
  };
  for (const fn of functions) if (fn.exported && isSimple(fn)) add(fn);
  return found;
}

/** Whether control never passes the end of these statements. */
export function endsFlow(statements: Stmt[]): boolean {
  const last = statements.at(-1);
  if (last === undefined) return false;
  if (last.is === "return" || last.is === "fail") return true;
  return last.is === "if" && endsFlow(last.then) && endsFlow(last.otherwise);
}
