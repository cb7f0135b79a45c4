import { Node } from "ts-morph";
import type { FunctionDeclaration, SourceFile, TypeNode } from "ts-morph";
import { SpecError } from "../errors.ts";
import { scalar, VOID } from "../ir.ts";
import type { FunctionType, ScalarName, Type, ValueType } from "../ir.ts";
import { refuseTaken } from "./scope.ts";
import type { Names } from "./scope.ts";
import { docOf, reference } from "../read/structs.ts";

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
function returnType(node: TypeNode, names: Names): [Type, boolean] {
  if (!Node.isUnionTypeNode(node)) return [typeOf(node, names), false];
  const [first, second, more] = node.getTypeNodes();
  if (first === undefined || second?.getText() !== "undefined" || more !== undefined) {
    throw new SpecError(node, "only `T | undefined` is a union here");
  }
  return [typeOf(first, names), true];
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
    mayStop: false,
    doc: docOf(declaration),
    exported: declaration.isExported(),
    body: [],
  };
}
