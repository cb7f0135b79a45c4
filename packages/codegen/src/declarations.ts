import { Node } from "ts-morph";
import type { FunctionDeclaration, SourceFile, TypeNode } from "ts-morph";
import { SpecError } from "./errors.ts";
import { Expressions } from "./expressions.ts";
import { HIGHEST, isInteger, LANGUAGE_CONSTANTS, scalar, VOID } from "./ir.ts";
import type { Constant, Expr, FunctionType, ScalarName, Type, ValueType } from "./ir.ts";
import { refuseTaken, Scope } from "./scope.ts";
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

const CONSTANT_FORMS: readonly string[] = ["number", "constant", "binary"] satisfies Expr["is"][];

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
function returnType(node: TypeNode, names: Names): [Type, boolean] {
  if (!Node.isUnionTypeNode(node)) return [typeOf(node, names), false];
  const [first, second, more] = node.getTypeNodes();
  if (first === undefined || second?.getText() !== "undefined" || more !== undefined) {
    throw new SpecError(node, "only `T | undefined` is a union here");
  }
  return [typeOf(first, names), true];
}

/** A module holds imports, constants, records and functions: nothing else would reach both targets. */
export function checkModule(file: SourceFile): void {
  for (const statement of file.getStatements()) {
    const constant = Node.isVariableStatement(statement) && statement.getDeclarationKind() === "const";
    const known = constant || Node.isImportDeclaration(statement) || Node.isInterfaceDeclaration(statement);
    if (!known && !Node.isFunctionDeclaration(statement)) {
      throw new SpecError(statement, `${statement.getKindName()} is not in the language`);
    }
  }
}

/** What `module` may name of these constants, the language's included: its own, and what others export. */
export function visibleConstants(constants: readonly Constant[], module: string): Map<string, Constant> {
  const visible = constants.filter((constant) => constant.exported || constant.module === module);
  return new Map([...LANGUAGE_CONSTANTS, ...visible].map((constant) => [constant.name, constant]));
}

/** Adds the constants of a module to `constants`: each is made of literals and of constants before it. */
export function readConstants(file: SourceFile, module: string, names: Names, constants: Constant[]): void {
  for (const statement of file.getVariableStatements()) {
    for (const declaration of statement.getDeclarations()) {
      refuseTaken(declaration, declaration.getName());
      const typeNode = declaration.getTypeNode();
      const type = typeNode === undefined ? VOID : typeOf(typeNode, names);
      const initializer = declaration.getInitializerOrThrow();
      const visible = { ...names, constants: visibleConstants(constants, module) };
      const expression = new Expressions(visible, new Scope()).read(initializer);
      const known = expression.low === expression.high && CONSTANT_FORMS.includes(expression.is);
      if (type.is !== "scalar" || !isInteger(type) || !isInteger(expression.type) || !known) {
        throw new SpecError(
          declaration,
          "a constant is an integer of a declared type: literals, constants, arithmetic",
        );
      }
      const value = expression.low;
      if (value > HIGHEST[type.name]) throw new SpecError(initializer, `${initializer.getText()} is no ${type.name}`);
      constants.push({
        name: declaration.getName(),
        doc: docOf(statement),
        module,
        exported: statement.isExported(),
        type,
        value,
        expression,
      });
    }
  }
}

/** The names of the records of a module; their members may name each other. */
export function readRecords(file: SourceFile, module: string): ValueType[] {
  return file.getInterfaces().map((declaration) => {
    refuseTaken(declaration, declaration.getName());
    const kind = declaration.getExtends()[0]?.getText();
    if (kind !== "Value" && kind !== "Shared") throw new SpecError(declaration, "a record extends Value or Shared");
    return { name: declaration.getName(), doc: docOf(declaration), module, shared: kind === "Shared", members: [] };
  });
}

export function readRecordMembers(file: SourceFile, names: Names): void {
  for (const declaration of file.getInterfaces()) {
    const record = names.values.get(declaration.getName());
    for (const member of declaration.getMembers()) {
      if (!Node.isPropertySignature(member) || member.hasQuestionToken()) {
        throw new SpecError(member, "a record has only members that are always there");
      }
      const type = typeOf(member.getTypeNodeOrThrow(), names);
      record?.members.push({ name: member.getName(), doc: docOf(member), type });
    }
  }
}

export function readSignature(declaration: FunctionDeclaration, module: string, names: Names): FunctionType {
  if (declaration.isAsync() || declaration.isGenerator() || declaration.getTypeParameters().length > 0) {
    throw new SpecError(declaration, "a function is neither generic nor asynchronous nor a generator");
  }
  const name = declaration.getNameOrThrow();
  refuseTaken(declaration, name);
  const parameters = declaration.getParameters().map((parameter) => {
    if (parameter.isOptional() || parameter.isRestParameter())
      throw new SpecError(parameter, "a parameter is always given");
    return { name: parameter.getName(), type: typeOf(parameter.getTypeNodeOrThrow(), names) };
  });
  const returnNode = declaration.getReturnTypeNode();
  if (returnNode === undefined) throw new SpecError(declaration, "a function declares what it returns");
  const [returns, optional] = returnType(returnNode, names);
  return {
    name,
    module,
    parameters,
    returns,
    optional,
    fallible: false,
    writes: false,
    doc: docOf(declaration),
    exported: declaration.isExported(),
    body: [],
  };
}
