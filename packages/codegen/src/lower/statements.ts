import { Node, SyntaxKind } from "ts-morph";
import type { Block, CallExpression, Expression, ForOfStatement, ForStatement, FunctionDeclaration } from "ts-morph";
import type { Statement, VariableStatement, WhileStatement } from "ts-morph";
import { typeOf } from "./declarations.ts";
import { SpecError } from "../errors.ts";
import { Expressions } from "./expressions.ts";
import { endsFlow } from "../walk.ts";
import { HIGHEST, scalar } from "../ir.ts";
import type { Callee, Expr, Stmt, Type } from "../ir.ts";
import { Scope } from "./scope.ts";
import type { Names } from "./scope.ts";
import { difference } from "./values.ts";

/** A variable that is there and may hold any value of its type. */
const anyValue = (type: Type): { type: Type; optional: false; low: number; high: number } => ({
  type,
  optional: false,
  low: 0,
  high: type.is === "scalar" ? HIGHEST[type.name] : 0,
});

/** Reads the body of one function. */
export class Body {
  readonly #names: Names;
  readonly #callee: Callee;
  readonly #scope = new Scope();
  readonly #expressions: Expressions;

  constructor(names: Names, callee: Callee) {
    this.#names = names;
    this.#callee = callee;
    this.#expressions = new Expressions(names, this.#scope);
  }

  read(declaration: FunctionDeclaration): Stmt[] {
    this.#callee.parameters.forEach(({ name, type }, position) => {
      this.#scope.declare(declaration.getParameters()[position] as Node, name, { ...anyValue(type), constant: true });
    });
    const body = declaration.getBodyOrThrow() as Block;
    const statements = this.#statements(body.getStatements());
    if (this.#callee.returns.is !== "void" && !endsFlow(statements))
      throw new SpecError(declaration, "not every path returns");
    return statements;
  }

  #statements(nodes: Statement[]): Stmt[] {
    return nodes.flatMap((node) => this.#statement(node));
  }

  #block(node: Statement | undefined): Stmt[] {
    if (node === undefined) return [];
    this.#scope.enter();
    const statements = Node.isBlock(node) ? this.#statements(node.getStatements()) : this.#statements([node]);
    this.#scope.leave();
    return statements;
  }

  #statement(node: Statement): Stmt[] {
    if (Node.isVariableStatement(node)) return this.#declarations(node);
    if (Node.isExpressionStatement(node)) return [this.#effect(node.getExpression())];
    if (Node.isBreakStatement(node)) return [{ is: "break" }];
    if (Node.isContinueStatement(node)) return [{ is: "continue" }];
    if (Node.isIfStatement(node)) {
      const condition = this.#expressions.condition(node.getExpression());
      const [then, otherwise] = [this.#block(node.getThenStatement()), this.#block(node.getElseStatement())];
      return [{ is: "if", condition, then, otherwise }];
    }
    if (Node.isReturnStatement(node)) return [this.#return(node.getExpression())];
    if (Node.isForOfStatement(node)) return [this.#forOf(node)];
    if (Node.isForStatement(node)) return [this.#forCount(node)];
    if (Node.isWhileStatement(node)) return [this.#while(node)];
    throw new SpecError(node, `${node.getKindName()} is not in the language`);
  }

  #declarations(node: VariableStatement): Stmt[] {
    const kind = node.getDeclarationKind();
    return node.getDeclarations().map((declaration) => {
      const name = declaration.getName();
      const initializer = declaration.getInitializer();
      if (!Node.isIdentifier(declaration.getNameNode()) || initializer === undefined) {
        throw new SpecError(declaration, "a variable has one name and starts with a value");
      }
      const typeNode = declaration.getTypeNode();
      if (kind !== "const" && (kind !== "let" || typeNode === undefined)) {
        throw new SpecError(declaration, "write `const x = …` or `let x: type = …`");
      }
      const wanted = typeNode === undefined ? undefined : typeOf(typeNode, this.#names);
      const value =
        wanted === undefined ? this.#expressions.read(initializer) : this.#expressions.of(initializer, wanted);
      const type = wanted ?? value.type;
      const constant = kind === "const";
      const optional = value.is === "call" && value.callee.optional;
      const range = constant && type.is === "scalar" ? { low: value.low, high: value.high } : {};
      this.#scope.declare(declaration, name, { ...anyValue(type), constant, optional, ...range });
      return { is: "declare", name, type, constant, optional, value };
    });
  }

  #effect(node: Expression): Stmt {
    if (Node.isCallExpression(node)) return this.#callStatement(node);
    if (!Node.isBinaryExpression(node) || node.getOperatorToken().getKind() !== SyntaxKind.EqualsToken) {
      throw new SpecError(node, "only calls and assignments are statements");
    }
    const [target, value] = [node.getLeft(), node.getRight()];
    const variable = this.#scope.find(target.getText());
    if (variable?.constant === false) {
      return { is: "assign", name: target.getText(), value: this.#expressions.of(value, variable.type) };
    }
    const indexed = target.asKind(SyntaxKind.ElementAccessExpression);
    const scratch = indexed === undefined ? undefined : this.#expressions.read(indexed.getExpression());
    if (indexed === undefined || scratch?.type.is !== "scratch") {
      throw new SpecError(target, "only a `let` and scratch memory are assigned");
    }
    const index = this.#expressions.integer(indexed.getArgumentExpressionOrThrow());
    const { element } = scratch.type;
    return { is: "store", element, scratch, index, value: this.#expressions.of(value, scalar(element)) };
  }

  #callStatement(node: CallExpression): Stmt {
    const name = node.getExpression().getText();
    const args = node.getArguments() as Expression[];
    if (name !== "fail") return { is: "call", call: this.#expressions.read(node) };
    const [ruleNode, subject, offset] = args as [Expression, Expression, Expression];
    const rule: Expr = Node.isStringLiteral(ruleNode)
      ? { is: "rule", rule: this.#expressions.rule(ruleNode), type: scalar("u32"), low: 0, high: 0 }
      : this.#expressions.of(ruleNode, scalar("u32"));
    return {
      is: "fail",
      rule,
      subject: this.#expressions.of(subject, scalar("u53")),
      offset: this.#expressions.of(offset, scalar("u53")),
    };
  }

  #return(expression: Expression | undefined): Stmt {
    if (expression === undefined) return { is: "return", value: undefined, absent: false };
    if (expression.getText() === "undefined") return { is: "return", value: undefined, absent: true };
    return { is: "return", value: this.#expressions.of(expression, this.#callee.returns), absent: false };
  }

  #forOf(node: ForOfStatement): Stmt {
    const list = this.#expressions.read(node.getExpression());
    const [, name] = /^const (\w+)$/.exec(node.getInitializer().getText()) ?? [];
    if (list.type.is !== "list" || name === undefined || node.isAwaited()) {
      throw new SpecError(node, "write for (const item of …) over a list of structs");
    }
    const { element } = list.type;
    this.#scope.enter();
    this.#scope.declare(node, name, { ...anyValue({ is: "struct", name: element }), constant: true });
    const body = this.#block(node.getStatement());
    this.#scope.leave();
    return { is: "forOf", name, element, list, body };
  }

  /** `for (let i: u32 = from; i < limit; i++)`: the one form of a counting loop. */
  #forCount(node: ForStatement): Stmt {
    const [, name = "", typeName] = /^let (\w+): (u32|u53) = [^,]*$/.exec(node.getInitializer()?.getText() ?? "") ?? [];
    const [declaration] = node.getInitializer()?.asKind(SyntaxKind.VariableDeclarationList)?.getDeclarations() ?? [];
    const condition = node.getCondition()?.asKind(SyntaxKind.BinaryExpression);
    const below = condition?.getLeft().getText() === name && condition.getOperatorToken().getText() === "<";
    if (declaration === undefined || !below || node.getIncrementor()?.getText() !== `${name}++`) {
      throw new SpecError(node, "write for (let i: u32 = …; i < …; i++)");
    }
    const type = scalar(typeName === "u32" ? "u32" : "u53");
    const from = this.#expressions.of(declaration.getInitializerOrThrow(), type);
    const limit = this.#expressions.of(condition.getRight(), type);
    const range = { low: from.low, high: Math.max(limit.high - 1, from.high) };
    this.#scope.enter();
    this.#scope.declare(node, name, { ...anyValue(type), constant: true, ...range });
    const body = this.#block(node.getStatement());
    this.#scope.leave();
    return { is: "forCount", name, type, from, limit, body };
  }

  #while(node: WhileStatement): Stmt {
    const condition = this.#expressions.condition(node.getExpression());
    const block = node.getStatement().asKind(SyntaxKind.Block);
    const first = block?.getStatements()[0]?.asKind(SyntaxKind.ExpressionStatement)?.getExpression();
    const call = first?.asKind(SyntaxKind.CallExpression);
    const guard = call?.getExpression().getText();
    if (block === undefined || (guard !== "decreases" && guard !== "halves")) {
      throw new SpecError(node, "a while loop begins with decreases(measure) or halves(measure)");
    }
    const measure = saturated(this.#expressions.integer(call?.getArguments()[0] as Expression));
    this.#scope.enter();
    const body = this.#statements(block.getStatements().slice(1));
    this.#scope.leave();
    return { is: "while", condition, guard, measure, body };
  }
}

/** A measure `a - b` is 0 where b is larger: it cannot fail. */
const saturated = (measure: Expr): Expr =>
  measure.is === "checkedBinary" && measure.operator === "-" ? difference(measure.left, measure.right) : measure;
