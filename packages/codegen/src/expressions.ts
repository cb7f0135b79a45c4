import { Node, SyntaxKind } from "ts-morph";
import type { BinaryExpression, CallExpression, Expression } from "ts-morph";
import { SpecError } from "./errors.ts";
import { BYTES, HIGHEST, isInteger, sameType, scalar } from "./ir.ts";
import type { Callee, Expr, Type } from "./ir.ts";
import type { Names, Scope } from "./scope.ts";

const LARGEST = 2 ** 53;
const ARITHMETIC: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.PlusToken]: "+",
  [SyntaxKind.MinusToken]: "-",
  [SyntaxKind.AsteriskToken]: "*",
  [SyntaxKind.SlashToken]: "/",
  [SyntaxKind.PercentToken]: "%",
};
const BITWISE: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.AmpersandToken]: "&",
  [SyntaxKind.BarToken]: "|",
  [SyntaxKind.CaretToken]: "^",
  [SyntaxKind.LessThanLessThanToken]: "<<",
  [SyntaxKind.GreaterThanGreaterThanToken]: ">>",
};
const COMPARISON: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.EqualsEqualsEqualsToken]: "===",
  [SyntaxKind.ExclamationEqualsEqualsToken]: "!==",
  [SyntaxKind.LessThanToken]: "<",
  [SyntaxKind.LessThanEqualsToken]: "<=",
  [SyntaxKind.GreaterThanToken]: ">",
  [SyntaxKind.GreaterThanEqualsToken]: ">=",
};
const LOGICAL: Partial<Record<SyntaxKind, string>> = {
  [SyntaxKind.AmpersandAmpersandToken]: "&&",
  [SyntaxKind.BarBarToken]: "||",
};

/** The interval of an integer operation; division floors. */
function interval(operator: string, left: Expr, right: Expr): [number, number] {
  if (operator === "+") return [left.low + right.low, left.high + right.high];
  if (operator === "-") return [left.low - right.high, left.high - right.low];
  if (operator === "*") return [left.low * right.low, left.high * right.high];
  if (operator === "/") return [Math.floor(left.low / right.high), Math.floor(left.high / right.low)];
  if (operator === "%") return [0, right.high - 1];
  if (operator === "&") return [0, Math.min(left.high, right.high)];
  if (operator === "<<") return [0, left.high * 2 ** right.high];
  if (operator === ">>") return [0, Math.floor(left.high / 2 ** right.low)];
  return [0, 2 ** Math.ceil(Math.log2(Math.max(left.high, right.high) + 1)) - 1];
}

/** Reads the expressions of one function: checks types and ranges, and gives their intermediate form. */
export class Expressions {
  readonly #names: Names;
  readonly #scope: Scope;

  constructor(names: Names, scope: Scope) {
    this.#names = names;
    this.#scope = scope;
  }

  /** An expression of type `wanted`. */
  of(node: Expression, wanted: Type): Expr {
    const expression = this.read(node, wanted);
    return this.fit(node, expression, wanted);
  }

  /** `expression` as a value of type `wanted`; a narrower integer fits a wider one. */
  fit(node: Node, expression: Expr, wanted: Type): Expr {
    if (isInteger(expression.type) && wanted.is === "scalar" && wanted.name !== "bool") {
      if (expression.high > HIGHEST[wanted.name])
        throw new SpecError(
          node,
          `may not fit ${wanted.name}: up to ${expression.high}; use ${wanted.name === "u32" ? "u32(…)" : "a wider type"}`,
        );
      return expression;
    }
    if (!sameType(expression.type, wanted))
      throw new SpecError(node, `is of type ${expression.type.is}, wanted ${wanted.is}`);
    return expression;
  }

  integer(node: Expression): Expr {
    const expression = this.read(node);
    if (!isInteger(expression.type)) throw new SpecError(node, "an integer is wanted here");
    return expression;
  }

  condition(node: Expression): Expr {
    return this.of(node, scalar("bool"));
  }

  read(node: Expression, wanted?: Type): Expr {
    if (Node.isParenthesizedExpression(node)) return this.read(node.getExpression(), wanted);
    if (Node.isNumericLiteral(node)) return number(Number(node.getLiteralText()));
    if (Node.isTrueLiteral(node) || Node.isFalseLiteral(node))
      return boolean({ is: "boolean", value: Node.isTrueLiteral(node) });
    if (Node.isIdentifier(node)) return this.#named(node, node.getText());
    if (Node.isPrefixUnaryExpression(node) && node.getOperatorToken() === SyntaxKind.ExclamationToken) {
      return boolean({ is: "not", operand: this.condition(node.getOperand()) });
    }
    if (Node.isConditionalExpression(node)) {
      const then = this.read(node.getWhenTrue(), wanted);
      const otherwise = this.read(node.getWhenFalse(), wanted);
      if (!isInteger(then.type) && !sameType(then.type, otherwise.type))
        throw new SpecError(node, "both sides of ?: need one type");
      const [low, high] = [Math.min(then.low, otherwise.low), Math.max(then.high, otherwise.high)];
      return {
        is: "choice",
        condition: this.condition(node.getCondition()),
        then,
        otherwise,
        type: then.high >= otherwise.high ? then.type : otherwise.type,
        low,
        high,
      };
    }
    if (Node.isBinaryExpression(node)) return this.#binary(node);
    if (Node.isCallExpression(node)) return this.#call(node, wanted);
    if (Node.isPropertyAccessExpression(node))
      return this.#property(node, this.read(node.getExpression()), node.getName());
    if (Node.isElementAccessExpression(node))
      return this.#element(node, node.getExpression(), node.getArgumentExpressionOrThrow());
    if (Node.isObjectLiteralExpression(node) && wanted?.is === "value") return this.#record(node, wanted.name);
    throw new SpecError(node, `${node.getKindName()} is not in the language`);
  }

  #named(node: Node, name: string): Expr {
    const variable = this.#scope.find(name);
    if (variable !== undefined) {
      return {
        is: "variable",
        name,
        constant: variable.constant,
        type: variable.type,
        low: variable.low,
        high: variable.high,
      };
    }
    const constant = this.#names.constants.get(name);
    if (constant === undefined) throw new SpecError(node, `${name} is neither a variable nor a constant`);
    return { is: "constant", name, type: constant.type, low: constant.value, high: constant.value };
  }

  #binary(node: BinaryExpression): Expr {
    const kind = node.getOperatorToken().getKind();
    const logical = LOGICAL[kind];
    if (logical !== undefined) {
      return boolean({
        is: "binary",
        operator: logical,
        left: this.condition(node.getLeft()),
        right: this.condition(node.getRight()),
      });
    }
    const comparison = COMPARISON[kind];
    if (comparison !== undefined) return this.#comparison(node, comparison);
    const operator = ARITHMETIC[kind] ?? BITWISE[kind];
    if (operator === undefined)
      throw new SpecError(node, `operator ${node.getOperatorToken().getText()} is not in the language`);
    const [left, right] = [this.integer(node.getLeft()), this.integer(node.getRight())];
    const bitwise = BITWISE[kind] !== undefined;
    if (bitwise && (left.high > HIGHEST.u32 || right.high > HIGHEST.u32))
      throw new SpecError(node, "bit operations are on u32 only");
    if ((operator === "<<" || operator === ">>") && right.high > 31)
      throw new SpecError(node, "shifts are by less than 32");
    if ((operator === "/" || operator === "%") && right.low < 1) throw new SpecError(node, "the divisor may be zero");
    if (
      (operator === "/" || operator === "%") &&
      Math.max(left.high, right.high) > HIGHEST.u32 &&
      !isPowerOfTwo(right)
    ) {
      throw new SpecError(
        node,
        "more than 32 bits are divided by powers of two only: 32-bit kernels have no other division",
      );
    }
    const [low, high] = interval(operator, left, right);
    if (bitwise && high > HIGHEST.u32) throw new SpecError(node, "the result may not fit u32");
    if (low >= 0 && high <= LARGEST)
      return { is: "binary", operator, left, right, type: scalar(high <= HIGHEST.u32 ? "u32" : "u53"), low, high };
    return {
      is: "checkedBinary",
      operator,
      left,
      right,
      type: scalar("u53"),
      low: Math.max(low, 0),
      high: Math.min(high, LARGEST),
    };
  }

  #comparison(node: BinaryExpression, operator: string): Expr {
    const [leftNode, rightNode] = [node.getLeft(), node.getRight()];
    if (rightNode.getText() === "undefined") {
      const variable = this.#scope.find(leftNode.getText());
      if (variable?.optional !== true)
        throw new SpecError(node, "only what may be undefined is compared with undefined");
      return boolean({ is: "present", name: leftNode.getText(), negated: operator === "===" });
    }
    const left = this.read(leftNode);
    if (left.type.is === "kind") {
      if (!Node.isStringLiteral(rightNode)) throw new SpecError(rightNode, "a kind is compared with a member's name");
      const member = rightNode.getLiteralText();
      const names = [...left.type.union.members.map((field) => field.name), "invalid"];
      if (!names.includes(member)) throw new SpecError(rightNode, `${member} is no member of ${left.type.union.name}`);
      return boolean({
        is: "binary",
        operator,
        left,
        right: { is: "kindName", union: left.type.union.name, member, type: left.type, low: 0, high: 0 },
      });
    }
    const right = this.read(rightNode);
    const comparable = isInteger(left.type)
      ? isInteger(right.type)
      : sameType(left.type, right.type) && left.type.is === "scalar";
    if (!comparable) throw new SpecError(node, "these cannot be compared");
    return boolean({ is: "binary", operator, left, right });
  }

  #record(node: Expression, name: string): Expr {
    const value = this.#names.values.get(name);
    if (value === undefined || !Node.isObjectLiteralExpression(node)) throw new SpecError(node, `${name} is no record`);
    const given = new Map(
      node.getProperties().map((property) => {
        if (!Node.isPropertyAssignment(property)) throw new SpecError(property, "write `name: value`");
        return [property.getName(), property.getInitializerOrThrow()] as const;
      }),
    );
    const members = value.members.map((member) => {
      const expression = given.get(member.name);
      if (expression === undefined) throw new SpecError(node, `${member.name} is missing`);
      return { name: member.name, value: this.of(expression, member.type) };
    });
    return plain({ is: "record", value: name, members }, { is: "value", name });
  }

  #property(node: Node, object: Expr, name: string): Expr {
    const { type } = object;
    if (name === "length" && (type.is === "bytes" || type.is === "list" || type.is === "scratch")) {
      const width = type.is === "scratch" ? "u53" : "u32";
      return { is: "length", object, type: scalar(width), low: 0, high: HIGHEST[width] };
    }
    if (type.is === "struct") {
      const struct = this.#names.structs.get(type.name);
      const union = struct?.unions.find((candidate) => candidate.member === name);
      if (union !== undefined) return plain({ is: "unionView", object, union }, { is: "union", union });
      const field = struct?.fields.find((candidate) => candidate.name === name);
      if (field !== undefined) return ranged({ is: "field", object, struct: type.name, field }, field.type);
    }
    if (type.is === "union") {
      if (name === "kind")
        return plain({ is: "unionKind", object, union: type.union }, { is: "kind", union: type.union });
      const field = type.union.members.find((candidate) => candidate.name === name);
      if (field !== undefined) return ranged({ is: "unionMember", object, union: type.union, field }, field.type);
    }
    if (type.is === "value") {
      const member = this.#names.values.get(type.name)?.members.find((candidate) => candidate.name === name);
      if (member !== undefined)
        return ranged({ is: "valueMember", object, value: type.name, member: name }, member.type);
    }
    throw new SpecError(node, `there is no member ${name} here`);
  }

  #element(node: Node, objectNode: Expression, indexNode: Expression): Expr {
    const object = this.read(objectNode);
    const index = this.integer(indexNode);
    const { type } = object;
    if (type.is === "bytes") return ranged({ is: "index", object, index }, scalar("u8"));
    if (type.is === "list") {
      this.fit(indexNode, index, scalar("u32"));
      return plain({ is: "index", object, index }, { is: "struct", name: type.element });
    }
    if (type.is === "scratch") return ranged({ is: "index", object, index }, scalar(type.element));
    throw new SpecError(node, "only bytes, lists and scratch memory have elements");
  }

  #call(node: CallExpression, wanted: Type | undefined): Expr {
    const target = node.getExpression();
    const args = node.getArguments() as Expression[];
    if (Node.isPropertyAccessExpression(target))
      return this.#method(node, this.read(target.getExpression()), target.getName(), args);
    const name = target.getText();
    if (name === "u32") {
      const operand = this.integer(args[0] as Expression);
      return {
        is: "narrow",
        operand,
        type: scalar("u32"),
        low: Math.min(operand.low, HIGHEST.u32),
        high: Math.min(operand.high, HIGHEST.u32),
      };
    }
    if (name === "difference")
      return difference(this.integer(args[0] as Expression), this.integer(args[1] as Expression));
    if (name === "text") {
      const literal = args[0] as Expression;
      if (!Node.isStringLiteral(literal) || !/^[ !#-[\]-~]*$/.test(literal.getLiteralText()))
        throw new SpecError(node, "text takes a literal of plain ASCII");
      return plain({ is: "text", value: literal.getLiteralText() }, BYTES);
    }
    if (name === "ruleNumber")
      return plain({ is: "rule", rule: this.rule(args[0] as Expression) }, scalar("u32"), HIGHEST.u16);
    if (name === "offsetOf") {
      const object = this.read(args[0] as Expression);
      if (object.type.is !== "struct") throw new SpecError(node, "offsetOf takes a struct");
      return ranged({ is: "offsetOf", object }, scalar("u53"));
    }
    if (name === "checked") return this.#checked(node, args);
    if (name === "view") {
      if (wanted?.is !== "struct") throw new SpecError(node, "view initializes a variable whose type is a struct");
      const operand = this.read(args[0] as Expression);
      if (operand.type.is !== "value") throw new SpecError(node, "view takes the part of a message");
      return plain({ is: "cast", struct: wanted.name, operand }, wanted);
    }
    const callee = this.#names.functions.get(name);
    if (callee === undefined) throw new SpecError(node, `${name} is no function of the specification`);
    return this.#called(node, callee, args);
  }

  #called(node: CallExpression, callee: Callee, args: Expression[]): Expr {
    if (args.length !== callee.parameters.length)
      throw new SpecError(node, `${callee.name} takes ${callee.parameters.length} arguments`);
    const values = callee.parameters.map((parameter, position) =>
      this.of(args[position] as Expression, parameter.type),
    );
    return ranged({ is: "call", callee, arguments: values }, callee.returns);
  }

  #method(node: CallExpression, object: Expr, name: string, args: Expression[]): Expr {
    if (object.type.is !== "bytes") throw new SpecError(node, "only bytes have functions of their own");
    if (name === "slice") {
      return plain(
        { is: "slice", object, start: this.integer(args[0] as Expression), end: this.integer(args[1] as Expression) },
        BYTES,
      );
    }
    if (name !== "u16" && name !== "u32" && name !== "u53" && name !== "i53")
      throw new SpecError(node, `bytes have no ${name}`);
    return ranged({ is: "load", object, width: name, offset: this.integer(args[0] as Expression) }, scalar(name));
  }

  #checked(node: CallExpression, args: Expression[]): Expr {
    const member = this.read(args[0] as Expression);
    const work = this.of(args[1] as Expression, { is: "scratch", element: "u53" });
    if (member.is === "field") return plain({ ...member, is: "strictField", work }, member.type);
    if (member.is === "unionMember") return plain({ ...member, is: "strictUnionMember", work }, member.type);
    throw new SpecError(node, "checked takes a member that is behind a pointer");
  }

  /** The rule that a string literal names. */
  rule(node: Expression): string {
    if (!Node.isStringLiteral(node)) throw new SpecError(node, "a rule is named by a string literal");
    if (!this.#names.rules.has(node.getLiteralText()))
      throw new SpecError(node, `${node.getLiteralText()} is not in the list of rules`);
    return node.getLiteralText();
  }
}

/** Whether an expression is one power of two, whatever happens. */
export const isPowerOfTwo = (expression: Expr): boolean =>
  expression.low === expression.high && Number.isInteger(Math.log2(expression.high));

type Shape = Expr extends infer E ? (E extends Expr ? Omit<E, "type" | "low" | "high"> : never) : never;

const plain = (shape: Shape, type: Type, high = 0): Expr => ({ ...shape, type, low: 0, high }) as Expr;
const ranged = (shape: Shape, type: Type): Expr => plain(shape, type, type.is === "scalar" ? HIGHEST[type.name] : 0);
const boolean = (shape: Shape): Expr => plain(shape, scalar("bool"), 1);
const number = (value: number): Expr => ({
  is: "number",
  value,
  type: scalar(value <= HIGHEST.u32 ? "u32" : "u53"),
  low: value,
  high: value,
});

/** `left - right`, or 0 where right is larger. */
export function difference(left: Expr, right: Expr): Expr {
  const high = Math.max(left.high - right.low, 0);
  const range = { type: scalar(high <= HIGHEST.u32 ? "u32" : "u53"), low: 0, high };
  const condition = boolean({ is: "binary", operator: ">", left, right });
  const then: Expr = { is: "binary", operator: "-", left, right, ...range };
  return { is: "choice", condition, then, otherwise: number(0), ...range };
}
