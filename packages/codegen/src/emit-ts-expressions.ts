import { HIGHEST } from "./ir.ts";
import type { Expr, Field, Type } from "./ir.ts";

/** What binds tighter has the larger number; the same in C and TypeScript. */
export const PRECEDENCE: Record<string, number> = {
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
const UNARY = 11;
const CHECKED: Record<string, string> = { "+": "checkedAdd", "-": "checkedSubtract", "*": "checkedMultiply" };

export function tsType(type: Type): string {
  switch (type.is) {
    case "scalar":
      return type.name === "bool" ? "boolean" : "number";
    case "kind":
      return `${type.union.name}Kind`;
    case "bytes":
      return "Bytes";
    case "struct":
    case "value":
      return type.name;
    case "union":
      return type.union.name;
    case "list":
      return `StructList<${type.element}>`;
    case "scratch":
      return { bool: "Uint8Array", u8: "Uint8Array", u32: "Uint32Array", u53: "Float64Array" }[type.element];
    case "void":
      return "void";
  }
}

/** A pointer member read by the functions of the wire module, `strict` or total. */
export function tsPointer(part: string, field: Field, work?: string): string {
  const strict = work !== undefined;
  const args = `${part}, ${field.slot}${strict ? `, ${work}` : ""}`;
  if (field.type.is === "struct") return `new ${field.type.name}(${strict ? "checkedStruct" : "structField"}(${args}))`;
  if (field.type.is === "list") return `new StructList(${strict ? "checkedList" : "listField"}(${args}), ${field.type.element})`;
  return `${strict ? "checkedData" : "dataField"}(${args})`;
}

const parenthesized = (text: string, own: number, outer: number): string => (own < outer ? `(${text})` : text);

function binary(expression: Expr & { is: "binary" }, outer: number): string {
  const { operator, left, right } = expression;
  const own = PRECEDENCE[operator] ?? 0;
  const [a, b] = [tsExpression(left, own), tsExpression(right, own + 1)];
  if (operator === "/") {
    const power = right.is === "number" ? Math.log2(right.value) : NaN;
    if (left.high <= HIGHEST.u32 && Number.isInteger(power)) return parenthesized(`${a} >>> ${power}`, PRECEDENCE[">>"] ?? 0, outer);
    return `Math.floor(${a} / ${b})`;
  }
  if (operator === ">>") return parenthesized(`${a} >>> ${b}`, own, outer);
  if (operator === "&" && expression.high < 2 ** 31) return parenthesized(`${a} & ${b}`, own, outer);
  if (["&", "|", "^", "<<"].includes(operator)) return parenthesized(`(${a} ${operator} ${b}) >>> 0`, PRECEDENCE[">>"] ?? 0, outer);
  return parenthesized(`${a} ${operator} ${b}`, own, outer);
}

/** An expression as TypeScript, in parentheses where `outer` binds tighter. */
export function tsExpression(expression: Expr, outer = 0): string {
  switch (expression.is) {
    case "number":
    case "boolean":
      return String(expression.value);
    case "kindName":
      return JSON.stringify(expression.member);
    case "rule":
      return `Rule["${expression.rule}"]`;
    case "text":
      return `text("${expression.value}")`;
    case "constant":
    case "variable":
      return expression.name;
    case "present":
      return parenthesized(`${expression.name} ${expression.negated ? "===" : "!=="} undefined`, 6, outer);
    case "binary":
      return binary(expression, outer);
    case "checkedBinary":
      return `${CHECKED[expression.operator]}(${tsExpression(expression.left)}, ${tsExpression(expression.right)})`;
    case "not":
      return `!${tsExpression(expression.operand, UNARY)}`;
    case "choice":
      return `(${tsExpression(expression.condition)} ? ${tsExpression(expression.then)} : ${tsExpression(expression.otherwise)})`;
    case "narrow":
      if (expression.operand.high <= HIGHEST.u32) return tsExpression(expression.operand, outer);
      return `narrow(${tsExpression(expression.operand)})`;
    case "call":
      return `${expression.callee.name}(${expression.arguments.map((argument) => tsExpression(argument)).join(", ")})`;
    case "strictField":
    case "strictUnionMember":
      return tsPointer(`${tsExpression(expression.object, UNARY)}.part`, expression.field, tsExpression(expression.work));
    case "field":
    case "unionMember":
      return `${tsExpression(expression.object, UNARY)}.${expression.field.name}`;
    case "unionView":
      return `${tsExpression(expression.object, UNARY)}.${expression.union.member}`;
    case "unionKind":
      return `${tsExpression(expression.object, UNARY)}.kind`;
    case "valueMember":
      return `${tsExpression(expression.object, UNARY)}.${expression.member}`;
    case "length":
      return `${tsExpression(expression.object, UNARY)}.length`;
    case "index":
      return tsIndex(expression);
    case "load":
      return `${tsExpression(expression.object, UNARY)}.${expression.width}(${tsExpression(expression.offset)})`;
    case "slice":
      return `${tsExpression(expression.object, UNARY)}.slice(${tsExpression(expression.start)}, ${tsExpression(expression.end)})`;
    case "record":
      return `{ ${expression.members.map((member) => `${member.name}: ${tsExpression(member.value)}`).join(", ")} }`;
    case "offsetOf":
      return parenthesized(`${tsExpression(expression.object, UNARY)}.part.at * 8`, PRECEDENCE["*"] ?? 0, outer);
    case "cast":
      return expression.type.is === "struct" ? `new ${expression.type.name}(${tsExpression(expression.operand)})` : tsExpression(expression.operand, outer);
  }
}

function tsIndex(expression: Expr & { is: "index" }): string {
  const [object, index] = [tsExpression(expression.object, UNARY), tsExpression(expression.index)];
  const { type } = expression.object;
  if (type.is === "list") return `new ${type.element}(element(${object}.part, ${index}))`;
  if (type.is === "bytes") return `${object}.at(${index})`;
  if (type.is === "scratch" && type.element === "bool") return `(${object}[${index}] === 1)`;
  return `(${object}[${index}] ?? 0)`;
}
