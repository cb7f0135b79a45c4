import { Node, SyntaxKind } from "ts-morph";
import type { Block, CallExpression, Expression, FunctionDeclaration, SourceFile, Statement, TypeNode } from "ts-morph";
import { SpecError } from "./errors.ts";
import { difference, Expressions } from "./expressions.ts";
import { endsFlow } from "./flow.ts";
import { HIGHEST, isInteger, scalar, VOID } from "./ir.ts";
import type { Callee, Constant, Expr, FunctionType, ScalarName, Stmt, Type, ValueType } from "./ir.ts";
import { Scope } from "./scope.ts";
import type { Names } from "./scope.ts";
import { docOf, reference } from "./structs.ts";

const SCALARS = new Map<string, ScalarName>([
  ["boolean", "bool"],
  ["bit", "bool"],
  ["u8", "u8"],
  ["u16", "u16"],
  ["u32", "u32"],
  ["u53", "u53"],
  ["i53", "i53"],
]);

/** The type that an annotation names. */
export function typeOf(node: TypeNode, names: Names): Type {
  const [name, args] = reference(node);
  const known = SCALARS.get(name);
  if (known !== undefined) return scalar(known);
  if (name === "void") return VOID;
  if (name === "Bytes") return { is: "bytes" };
  if (names.structs.has(name)) return { is: "struct", name };
  const union = names.unions.get(name);
  if (union !== undefined) return { is: "union", union };
  if (names.values.has(name)) return { is: "value", name };
  const inner = args[0]?.getText() ?? "";
  if (name === "Items" && names.structs.has(inner)) return { is: "list", element: inner };
  const element = SCALARS.get(inner);
  if (name === "Scratch" && (element === "bool" || element === "u8" || element === "u32" || element === "u53")) {
    return { is: "scratch", element };
  }
  throw new SpecError(node, `${node.getText()} is no type of the language`);
}

/** `T | undefined` as [T, true]. */
function optionalType(node: TypeNode, names: Names): [Type, boolean] {
  if (!Node.isUnionTypeNode(node)) return [typeOf(node, names), false];
  const [first, second] = node.getTypeNodes();
  if (first === undefined || second?.getText() !== "undefined")
    throw new SpecError(node, "only `T | undefined` is a union here");
  return [typeOf(first, names), true];
}

export function readConstants(file: SourceFile, module: string, names: Names): Constant[] {
  return file.getVariableStatements().flatMap((statement) =>
    statement.getDeclarations().map((declaration) => {
      const type = typeOf(declaration.getTypeNodeOrThrow(), names);
      const literal = declaration.getInitializerOrThrow();
      if (!Node.isNumericLiteral(literal) || !isInteger(type))
        throw new SpecError(declaration, "a constant is an integer literal");
      return {
        name: declaration.getName(),
        doc: docOf(statement),
        module,
        exported: statement.isExported(),
        type,
        value: Number(literal.getLiteralText()),
      };
    }),
  );
}

export function readValueMembers(file: SourceFile, names: Names): void {
  for (const declaration of file.getInterfaces()) {
    const value = names.values.get(declaration.getName());
    for (const member of declaration.getProperties()) {
      const [type] = optionalType(member.getTypeNodeOrThrow(), names);
      value?.members.push({ name: member.getName(), doc: docOf(member), type });
    }
  }
}

export function readValues(file: SourceFile, module: string): ValueType[] {
  return file.getInterfaces().map((declaration) => {
    const kind = declaration.getExtends()[0]?.getText();
    if (kind !== "Value" && kind !== "Shared") throw new SpecError(declaration, "a record extends Value or Shared");
    return { name: declaration.getName(), doc: docOf(declaration), module, shared: kind === "Shared", members: [] };
  });
}

export function readSignature(declaration: FunctionDeclaration, module: string, names: Names): FunctionType {
  const parameters = declaration.getParameters().map((parameter) => ({
    name: parameter.getName(),
    type: typeOf(parameter.getTypeNodeOrThrow(), names),
  }));
  const returnNode = declaration.getReturnTypeNode();
  if (returnNode === undefined) throw new SpecError(declaration, "a function declares what it returns");
  const [returns, optional] = optionalType(returnNode, names);
  const name = declaration.getNameOrThrow();
  return {
    name,
    module,
    parameters,
    returns,
    optional,
    fallible: false,
    doc: docOf(declaration),
    exported: declaration.isExported(),
    body: [],
  };
}

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
      const high = type.is === "scalar" ? HIGHEST[type.name] : 0;
      this.#scope.declare(declaration.getParameters()[position] as Node, name, {
        type,
        constant: true,
        optional: false,
        low: 0,
        high,
      });
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
    if (Node.isVariableStatement(node))
      return node.getDeclarations().map((declaration) => this.#declaration(declaration, node));
    if (Node.isExpressionStatement(node)) return [this.#effect(node.getExpression())];
    if (Node.isBreakStatement(node)) return [{ is: "break" }];
    if (Node.isContinueStatement(node)) return [{ is: "continue" }];
    if (Node.isBlock(node)) return this.#block(node);
    if (Node.isIfStatement(node)) {
      const condition = this.#expressions.condition(node.getExpression());
      return [
        {
          is: "if",
          condition,
          then: this.#block(node.getThenStatement()),
          otherwise: this.#block(node.getElseStatement()),
        },
      ];
    }
    if (Node.isReturnStatement(node)) return [this.#return(node, node.getExpression())];
    if (Node.isForOfStatement(node)) return [this.#forOf(node)];
    if (Node.isForStatement(node)) return [this.#forCount(node)];
    if (Node.isWhileStatement(node)) return [this.#while(node)];
    throw new SpecError(node, `${node.getKindName()} is not in the language`);
  }

  #declaration(declaration: Node, node: Statement): Stmt {
    if (!Node.isVariableDeclaration(declaration)) throw new SpecError(node, "one name a declaration");
    const constant = Node.isVariableStatement(node) && node.getDeclarationKind() === "const";
    const typeNode = declaration.getTypeNode();
    const wanted = typeNode === undefined ? undefined : typeOf(typeNode, this.#names);
    const initializer = declaration.getInitializer();
    if (initializer === undefined) throw new SpecError(declaration, "a variable starts with a value");
    const value =
      wanted === undefined ? this.#expressions.read(initializer) : this.#expressions.of(initializer, wanted);
    const type = wanted ?? value.type;
    if (!constant && wanted === undefined) throw new SpecError(declaration, "a `let` declares its type");
    const optional = value.is === "call" && value.callee.optional;
    const name = declaration.getName();
    const high = constant && type.is === "scalar" ? value.high : type.is === "scalar" ? HIGHEST[type.name] : 0;
    this.#scope.declare(declaration, name, { type, constant, optional, low: constant ? value.low : 0, high });
    return { is: "declare", name, type, constant, optional, value };
  }

  #effect(node: Expression): Stmt {
    if (Node.isCallExpression(node)) return this.#callStatement(node);
    if (!Node.isBinaryExpression(node) || node.getOperatorToken().getKind() !== SyntaxKind.EqualsToken) {
      throw new SpecError(node, "only calls and assignments stand alone");
    }
    const target = node.getLeft();
    if (Node.isElementAccessExpression(target)) {
      const scratch = this.#expressions.read(target.getExpression());
      if (scratch.type.is !== "scratch") throw new SpecError(target, "only scratch memory is written");
      const index = this.#expressions.integer(target.getArgumentExpressionOrThrow());
      const { element } = scratch.type;
      return { is: "store", element, scratch, index, value: this.#expressions.of(node.getRight(), scalar(element)) };
    }
    const variable = this.#scope.find(target.getText());
    if (variable === undefined || variable.constant) throw new SpecError(target, "only a `let` is assigned");
    return { is: "assign", name: target.getText(), value: this.#expressions.of(node.getRight(), variable.type) };
  }

  #callStatement(node: CallExpression): Stmt {
    const name = node.getExpression().getText();
    const args = node.getArguments() as Expression[];
    if (name !== "fail") return { is: "call", call: this.#expressions.read(node) };
    const [ruleNode, inode, offset] = args;
    if (ruleNode === undefined || inode === undefined || offset === undefined)
      throw new SpecError(node, "fail(rule, inode, offset)");
    const rule: Expr = Node.isStringLiteral(ruleNode)
      ? { is: "rule", rule: this.#expressions.rule(ruleNode), type: scalar("u32"), low: 0, high: 0 }
      : this.#expressions.of(ruleNode, scalar("u32"));
    return {
      is: "fail",
      rule,
      inode: this.#expressions.of(inode, scalar("u53")),
      offset: this.#expressions.of(offset, scalar("u53")),
    };
  }

  #return(node: Node, expression: Expression | undefined): Stmt {
    const { returns, optional } = this.#callee;
    if (expression === undefined) {
      if (returns.is !== "void") throw new SpecError(node, "a value is missing");
      return { is: "return", value: undefined, absent: false };
    }
    if (expression.getText() === "undefined") {
      if (!optional) throw new SpecError(node, "this function does not return undefined");
      return { is: "return", value: undefined, absent: true };
    }
    return { is: "return", value: this.#expressions.of(expression, returns), absent: false };
  }

  #forOf(node: Node): Stmt {
    if (!Node.isForOfStatement(node)) throw new SpecError(node, "for…of");
    const list = this.#expressions.read(node.getExpression());
    if (list.type.is !== "list") throw new SpecError(node, "for…of runs over a list of structs");
    const name = node
      .getInitializer()
      .getText()
      .replace(/^const /, "");
    this.#scope.enter();
    this.#scope.declare(node, name, {
      type: { is: "struct", name: list.type.element },
      constant: true,
      optional: false,
      low: 0,
      high: 0,
    });
    const body = this.#block(node.getStatement());
    this.#scope.leave();
    return { is: "forOf", name, element: list.type.element, list, body };
  }

  /** `for (let i: u32 = from; i < limit; i++)`: the one form of a counting loop. */
  #forCount(node: Node): Stmt {
    const shape = /^let (\w+): (u32|u53)$/;
    if (!Node.isForStatement(node)) throw new SpecError(node, "for");
    const initializer = node.getInitializer();
    const declaration =
      initializer !== undefined && Node.isVariableDeclarationList(initializer)
        ? initializer.getDeclarations()[0]
        : undefined;
    const [head, name = "", typeName = ""] =
      shape.exec(`let ${declaration?.getName() ?? ""}: ${declaration?.getTypeNode()?.getText() ?? ""}`) ?? [];
    const condition = node.getCondition();
    if (
      head === undefined ||
      declaration === undefined ||
      condition === undefined ||
      !Node.isBinaryExpression(condition)
    ) {
      throw new SpecError(node, "write for (let i: u32 = …; i < …; i++)");
    }
    if (
      condition.getLeft().getText() !== name ||
      condition.getOperatorToken().getText() !== "<" ||
      node.getIncrementor()?.getText() !== `${name}++`
    ) {
      throw new SpecError(node, "write for (let i: u32 = …; i < …; i++)");
    }
    const type = scalar(typeName === "u32" ? "u32" : "u53");
    const from = this.#expressions.of(declaration.getInitializerOrThrow(), type);
    const limit = this.#expressions.of(condition.getRight(), type);
    this.#scope.enter();
    this.#scope.declare(node, name, {
      type,
      constant: true,
      optional: false,
      low: from.low,
      high: Math.max(limit.high - 1, from.high),
    });
    const body = this.#block(node.getStatement());
    this.#scope.leave();
    return { is: "forCount", name, type, from, limit, body };
  }

  #while(node: Node): Stmt {
    if (!Node.isWhileStatement(node)) throw new SpecError(node, "while");
    const condition = this.#expressions.condition(node.getExpression());
    const block = node.getStatement();
    const first = Node.isBlock(block) ? block.getStatements()[0] : undefined;
    const call = first !== undefined && Node.isExpressionStatement(first) ? first.getExpression() : undefined;
    if (
      call === undefined ||
      !Node.isCallExpression(call) ||
      call.getExpression().getText() !== "decreases" ||
      !Node.isBlock(block)
    ) {
      throw new SpecError(node, "a while loop begins with decreases(measure)");
    }
    const measure = saturated(this.#expressions.integer(call.getArguments()[0] as Expression));
    this.#scope.enter();
    const body = this.#statements(block.getStatements().slice(1));
    this.#scope.leave();
    return { is: "while", condition, measure, body };
  }
}

/** A measure `a - b` is 0 where b is larger: it cannot fail. */
const saturated = (measure: Expr): Expr =>
  measure.is === "checkedBinary" && measure.operator === "-" ? difference(measure.left, measure.right) : measure;
