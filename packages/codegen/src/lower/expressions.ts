import { Node, SyntaxKind } from "ts-morph";
import type { BinaryExpression, CallExpression, ConditionalExpression, ElementAccessExpression } from "ts-morph";
import type { Expression, ObjectLiteralExpression, PropertyAccessExpression } from "ts-morph";
import { SpecError } from "../errors.ts";
import { BYTES, HIGHEST, isInteger, sameType, scalar } from "../ir.ts";
import type { Expr, Type } from "../ir.ts";
import type { Names, Scope } from "./scope.ts";
import { SHORT_ROUNDS } from "../walk.ts";
import { COMPARISON, LOGICAL, operation, operatorOf } from "./operators.ts";
import { atMost, boolean, difference, integer, plain, ranged } from "./values.ts";

const BUILTINS = [
  "u32",
  "difference",
  "atMost",
  "compareBytes",
  "text",
  "ruleNumber",
  "offsetOf",
  "view",
  "checked",
] as const;
type Builtin = (typeof BUILTINS)[number];
const isBuiltin = (name: string): name is Builtin => (BUILTINS as readonly string[]).includes(name);

/** A type as a message names it. */
const typeName = (type: Type): string => (type.is === "scalar" ? type.name : type.is);

/** Translates the expressions of one function, and checks their types and ranges. */
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
      if (expression.high <= HIGHEST[wanted.name]) return expression;
      const advice = wanted.name === "u32" ? "u32(…)" : "a wider type";
      throw new SpecError(node, `may not fit ${wanted.name}: up to ${expression.high}; use ${advice}`);
    }
    if (sameType(expression.type, wanted)) return expression;
    throw new SpecError(node, `is of type ${typeName(expression.type)}, not ${typeName(wanted)}`);
  }

  integer(node: Expression): Expr {
    const expression = this.read(node);
    if (!isInteger(expression.type)) throw new SpecError(node, "not an integer");
    return expression;
  }

  condition(node: Expression): Expr {
    return this.of(node, scalar("bool"));
  }

  read(node: Expression, wanted?: Type): Expr {
    if (Node.isQuestionDotTokenable(node) && node.hasQuestionDotToken()) {
      throw new SpecError(node, "?. is not in the language");
    }
    if (Node.isParenthesizedExpression(node)) return this.read(node.getExpression(), wanted);
    if (Node.isNumericLiteral(node)) return integer(node);
    if (Node.isTrueLiteral(node)) return boolean({ is: "boolean", value: true });
    if (Node.isFalseLiteral(node)) return boolean({ is: "boolean", value: false });
    if (Node.isIdentifier(node)) return this.#named(node, node.getText());
    if (Node.isPrefixUnaryExpression(node) && node.getOperatorToken() === SyntaxKind.ExclamationToken) {
      return boolean({ is: "not", operand: this.condition(node.getOperand()) });
    }
    if (Node.isConditionalExpression(node)) return this.#choice(node, wanted);
    if (Node.isBinaryExpression(node)) return this.#binary(node);
    if (Node.isCallExpression(node)) return this.#call(node, wanted);
    if (Node.isPropertyAccessExpression(node)) return this.#property(node);
    if (Node.isElementAccessExpression(node)) return this.#element(node);
    if (Node.isObjectLiteralExpression(node) && wanted?.is === "value") return this.#record(node, wanted.name);
    throw new SpecError(node, `${node.getKindName()} is not in the language`);
  }

  #choice(node: ConditionalExpression, wanted: Type | undefined): Expr {
    const condition = this.condition(node.getCondition());
    const [then, otherwise] = [this.read(node.getWhenTrue(), wanted), this.read(node.getWhenFalse(), wanted)];
    const integers = isInteger(then.type) && isInteger(otherwise.type);
    if (!integers && !sameType(then.type, otherwise.type)) throw new SpecError(node, "both sides of ?: need one type");
    const { type } = then.high >= otherwise.high ? then : otherwise;
    const range = { low: Math.min(then.low, otherwise.low), high: Math.max(then.high, otherwise.high) };
    return { is: "choice", condition, then, otherwise, type, ...range };
  }

  #named(node: Node, name: string): Expr {
    const variable = this.#scope.find(name);
    if (variable?.optional === true && node.getType().isNullable()) {
      throw new SpecError(node, `${name} may be undefined here: compare it with undefined first`);
    }
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
    const operator = operatorOf(node);
    return operation(node, operator, this.integer(node.getLeft()), this.integer(node.getRight()));
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
      const [union, member] = [left.type.union.name, rightNode.getLiteralText()];
      return boolean({ is: "binary", operator, left, right: plain({ is: "kindName", union, member }, left.type) });
    }
    const right = this.read(rightNode);
    const comparable = isInteger(left.type)
      ? isInteger(right.type)
      : sameType(left.type, right.type) && left.type.is === "scalar";
    if (!comparable) throw new SpecError(node, "these cannot be compared");
    return boolean({ is: "binary", operator, left, right });
  }

  #record(node: ObjectLiteralExpression, name: string): Expr {
    const record = this.#names.values.get(name);
    const members = node.getProperties().map((property) => {
      const member = record?.members.find((candidate) => candidate.name === property.getSymbol()?.getName());
      if (!Node.isPropertyAssignment(property) || member === undefined) {
        throw new SpecError(property, "write `name: value`");
      }
      return { name: member.name, value: this.of(property.getInitializerOrThrow(), member.type) };
    });
    return plain({ is: "record", value: name, shared: record?.shared === true, members }, { is: "value", name });
  }

  #property(node: PropertyAccessExpression): Expr {
    const object = this.read(node.getExpression());
    const name = node.getName();
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
      const { union } = type;
      if (name === "kind") return plain({ is: "unionKind", object, union }, { is: "kind", union });
      const field = union.members.find((candidate) => candidate.name === name);
      if (field !== undefined) return ranged({ is: "unionMember", object, union, field }, field.type);
    }
    if (type.is === "value") {
      const member = this.#names.values.get(type.name)?.members.find((candidate) => candidate.name === name);
      if (member !== undefined) return ranged({ is: "valueMember", object, member: name }, member.type);
    }
    throw new SpecError(node, `there is no member ${name} here`);
  }

  #element(node: ElementAccessExpression): Expr {
    const object = this.read(node.getExpression());
    const indexNode = node.getArgumentExpressionOrThrow();
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
    if (Node.isPropertyAccessExpression(target)) return this.#method(target, args);
    const name = target.getText();
    if (isBuiltin(name)) return this.#builtin(node, name, args as [Expression, Expression, Expression], wanted);
    const callee = this.#names.functions.get(name);
    if (callee === undefined) throw new SpecError(node, `${name} is no function of the specification`);
    if (callee.returns.is === "value" && this.#names.values.get(callee.returns.name)?.shared === true) {
      throw new SpecError(
        node,
        `${name} opens a shared record: only C and TypeScript code outside the specification may call it`,
      );
    }
    const values = callee.parameters.map(({ type }, position) => this.of(args[position] as Expression, type));
    return ranged({ is: "call", callee, arguments: values }, callee.returns);
  }

  /** The functions that the language itself declares; the type checker has seen that all arguments are there. */
  #builtin(
    node: CallExpression,
    name: Builtin,
    args: [Expression, Expression, Expression],
    wanted: Type | undefined,
  ): Expr {
    const [first, second, third] = args;
    switch (name) {
      case "u32": {
        const operand = this.integer(first);
        const [low, high] = [Math.min(operand.low, HIGHEST.u32), Math.min(operand.high, HIGHEST.u32)];
        return { is: "narrow", operand, type: scalar("u32"), low, high };
      }
      case "difference":
        return difference(this.integer(first), this.integer(second));
      case "atMost":
        return atMost(this.integer(first), this.integer(second));
      case "compareBytes": {
        const most = this.integer(third);
        if (most.high > SHORT_ROUNDS) throw new SpecError(node, `compareBytes compares at most ${SHORT_ROUNDS} bytes`);
        const [left, right] = [this.of(first, BYTES), this.of(second, BYTES)];
        return plain({ is: "compareBytes", left, right, most }, scalar("u32"), 2);
      }
      case "text": {
        if (!Node.isStringLiteral(first) || !/^[ !#-[\]-~]*$/.test(first.getLiteralText())) {
          throw new SpecError(node, "text takes a literal of plain ASCII");
        }
        return plain({ is: "text", value: first.getLiteralText() }, BYTES);
      }
      case "ruleNumber":
        return plain({ is: "rule", rule: this.rule(first) }, scalar("u32"), HIGHEST.u16);
      case "offsetOf":
        return ranged({ is: "offsetOf", object: this.read(first) }, scalar("u53"));
      case "view": {
        const operand = this.read(first);
        if (wanted?.is !== "struct" || operand.type.is !== "value") {
          throw new SpecError(node, "view sees a part of a message as the struct that its variable declares");
        }
        return plain({ is: "cast", struct: wanted.name, operand }, wanted);
      }
      case "checked": {
        const member = this.read(first);
        const work = this.of(second, { is: "scratch", element: "u53" });
        if (member.type.is === "struct" || member.type.is === "list" || member.type.is === "bytes") {
          if (member.is === "field") return plain({ ...member, is: "strictField", work }, member.type);
          if (member.is === "unionMember") return plain({ ...member, is: "strictUnionMember", work }, member.type);
        }
        throw new SpecError(node, "checked takes a member that is behind a pointer");
      }
    }
  }

  #method(target: PropertyAccessExpression, args: Expression[]): Expr {
    const object = this.read(target.getExpression());
    const name = target.getName();
    const [first, second] = args as [Expression, Expression];
    if (object.type.is === "bytes") {
      if (name === "slice") {
        return plain({ is: "slice", object, start: this.integer(first), end: this.integer(second) }, BYTES);
      }
      if (name === "u16" || name === "u32" || name === "u53" || name === "i53") {
        return ranged({ is: "load", object, width: name, offset: this.integer(first) }, scalar(name));
      }
    }
    throw new SpecError(target, `${name} is no function of ${typeName(object.type)}`);
  }

  /** The rule that a string literal names. */
  rule(node: Expression): string {
    if (!Node.isStringLiteral(node)) throw new SpecError(node, "a rule is named by a string literal");
    if (!this.#names.rules.has(node.getLiteralText()))
      throw new SpecError(node, `${node.getLiteralText()} is not in the list of rules`);
    return node.getLiteralText();
  }
}
