import { Node, SyntaxKind } from "ts-morph";
import type { InterfaceDeclaration, JSDocableNode, PropertySignature, SourceFile, TypeNode } from "ts-morph";
import { SpecError } from "../errors.ts";
import { scalar, VOID } from "../ir.ts";
import type { Field, StructType, Type, UnionType } from "../ir.ts";
import { layOut } from "./layout.ts";

/** The text of a doc comment. */
export function docOf(node: JSDocableNode): string {
  return node
    .getJsDocs()
    .map((doc) => doc.getDescription().trim())
    .join("\n");
}

/** A type reference's name and its arguments: `List<T, 0>` is ["List", [T, 0]]. */
export function reference(node: TypeNode): [string, TypeNode[]] {
  if (!Node.isTypeReference(node)) return [node.getText(), []];
  return [node.getTypeName().getText(), node.getTypeArguments()];
}

const SCALARS: Record<string, [Type, string]> = {
  Void: [VOID, "Void"],
  Bool: [scalar("bool"), "Bool"],
  U16: [scalar("u16"), "UInt16"],
  U32: [scalar("u32"), "UInt32"],
  U53: [scalar("u53"), "UInt64"],
  I53: [scalar("i53"), "Int64"],
  Data: [{ is: "bytes" }, "Data"],
};

function ordinalOf(node: TypeNode | undefined, member: Node): number {
  const ordinal = Number(node?.getText());
  if (!Number.isInteger(ordinal) || ordinal < 0) throw new SpecError(member, "a member needs an ordinal");
  return ordinal;
}

function fieldOf(member: PropertySignature, structs: Set<string>): Field {
  const outer = member.getTypeNodeOrThrow();
  const [outerName, outerArguments] = reference(outer);
  const added = outerName === "Added";
  const [name, args] = added ? reference(outerArguments[0] as TypeNode) : [outerName, outerArguments];
  const common = { name: member.getName(), doc: docOf(member), slot: 0, added };
  const known = SCALARS[name];
  if (known !== undefined) return { ...common, ordinal: ordinalOf(args[0], member), type: known[0], wire: known[1] };
  if (name !== "Ref" && name !== "List") throw new SpecError(member, `${name} is no type of a member`);
  const target = args[0]?.getText() ?? "";
  if (!structs.has(target)) throw new SpecError(member, `${target} is no struct of this file`);
  const ordinal = ordinalOf(args[1], member);
  if (name === "Ref") return { ...common, ordinal, type: { is: "struct", name: target }, wire: target };
  return { ...common, ordinal, type: { is: "list", element: target }, wire: `List(${target})` };
}

function unionOf(member: PropertySignature, struct: string, structs: Set<string>): UnionType {
  const [, [literal]] = reference(member.getTypeNodeOrThrow());
  if (literal === undefined || !Node.isTypeLiteral(literal)) throw new SpecError(member, "a union lists its members");
  const members = literal.getMembers().map((inner) => {
    if (!Node.isPropertySignature(inner)) throw new SpecError(inner, "a union has only members");
    const field = fieldOf(inner, structs);
    if (field.type.is === "scalar") throw new SpecError(inner, "a union's members are Void or behind a pointer");
    if (field.added) throw new SpecError(inner, "a union's members are not optional");
    return field;
  });
  members.sort((a, b) => a.ordinal - b.ordinal);
  const name = struct + member.getName().replace(/^./, (first) => first.toUpperCase());
  return { name, struct, member: member.getName(), doc: docOf(member), members, tag: 0 };
}

function structOf(declaration: InterfaceDeclaration, structs: Set<string>): StructType {
  const fields: Field[] = [];
  const unions: UnionType[] = [];
  for (const member of declaration.getMembers()) {
    if (!Node.isPropertySignature(member)) throw new SpecError(member, "a struct has only members");
    if (member.hasQuestionToken()) throw new SpecError(member, "write Added<…> instead of `?`");
    const [name] = reference(member.getTypeNodeOrThrow());
    if (name === "Union") unions.push(unionOf(member, declaration.getName(), structs));
    else fields.push(fieldOf(member, structs));
  }
  const ordinals = [...fields, ...unions.flatMap((union) => union.members)].map((field) => field.ordinal);
  ordinals.sort((a, b) => a - b);
  ordinals.forEach((ordinal, position) => {
    if (ordinal !== position)
      throw new SpecError(declaration, `ordinals must run from 0 without gaps: ${position} is missing or doubled`);
  });
  return layOut({ name: declaration.getName(), doc: docOf(declaration), fields, unions });
}

/** Orders structs so that each follows those that it contains; a struct must not contain itself. */
function inOrder(structs: StructType[], file: SourceFile): StructType[] {
  const ordered: StructType[] = [];
  const open = new Set<string>();
  const visit = (struct: StructType): void => {
    if (ordered.includes(struct)) return;
    const declaration = file.getInterfaceOrThrow(struct.name);
    if (open.has(struct.name)) throw new SpecError(declaration, `${struct.name} contains itself`);
    open.add(struct.name);
    for (const field of [...struct.fields, ...struct.unions.flatMap((union) => union.members)]) {
      const inner = field.type.is === "struct" ? field.type.name : field.type.is === "list" ? field.type.element : "";
      const next = structs.find((candidate) => candidate.name === inner);
      if (next !== undefined) visit(next);
    }
    ordered.push(struct);
  };
  structs.forEach(visit);
  return ordered;
}

/** Reads the structs of the file that declares the wire format. */
export function readStructs(file: SourceFile): StructType[] {
  const declarations = file.getInterfaces();
  const names = new Set(declarations.map((declaration) => declaration.getName()));
  for (const statement of file.getStatements()) {
    if (statement.getKind() !== SyntaxKind.ImportDeclaration && !Node.isInterfaceDeclaration(statement)) {
      throw new SpecError(statement, "this file holds structs only");
    }
  }
  for (const declaration of declarations) {
    if (declaration.getExtends()[0]?.getText() !== "Struct")
      throw new SpecError(declaration, "a struct extends Struct");
  }
  return inOrder(
    declarations.map((declaration) => structOf(declaration, names)),
    file,
  );
}
