/** An operator that binds tighter has the larger number; the same in C and TypeScript. */
const PRECEDENCE: Record<string, number> = {
  "||": 1,
  "&&": 2,
  "|": 3,
  "^": 4,
  "&": 5,
  "===": 6,
  "!==": 6,
  "<": 7,
  "<=": 7,
  ">": 7,
  ">=": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "%": 10,
};
export const UNARY = 11;

export const precedenceOf = (operator: string): number => PRECEDENCE[operator] ?? 0;

export const isComparison = (operator: string): boolean => precedenceOf(operator) === 6 || precedenceOf(operator) === 7;
