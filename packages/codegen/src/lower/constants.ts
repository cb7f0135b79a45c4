import { Node } from "ts-morph";
import type { VariableDeclaration, VariableStatement } from "ts-morph";
import { SpecError } from "../errors.ts";
import { HIGHEST, isInteger, scalar, U53_END, VOID } from "../ir.ts";
import type { Constant, Expr } from "../ir.ts";
import type { Module } from "../read/schema.ts";
import { docOf } from "../read/structs.ts";
import { typeOf } from "./declarations.ts";
import { Expressions } from "./expressions.ts";
import { refuseTaken, Scope } from "./scope.ts";
import type { Names } from "./scope.ts";
import { number } from "./values.ts";

interface Declared {
  module: string;
  statement: VariableStatement;
  declaration: VariableDeclaration;
}

/** Constants that the language declares and the runtime of each target defines. */
const LANGUAGE_CONSTANTS: readonly Constant[] = [
  {
    name: "U53_END",
    doc: "",
    module: "language",
    exported: true,
    type: scalar("u53"),
    value: U53_END,
    initializer: number(U53_END),
  },
];

/** The constants that `module` may name: the language's, its own, and those that others export. */
export function constantsInSight(constants: readonly Constant[], module: string): Map<string, Constant> {
  const visible = constants.filter((constant) => constant.exported || constant.module === module);
  return new Map([...LANGUAGE_CONSTANTS, ...visible].map((constant) => [constant.name, constant]));
}

/** Reads the constants of all modules; one may be computed from others. Throws SpecError. */
export function readConstants(modules: readonly Module[], names: Names): Constant[] {
  const declared = modules.flatMap(({ name: module, file }) =>
    file
      .getVariableStatements()
      .flatMap((statement) => statement.getDeclarations().map((declaration) => ({ module, statement, declaration }))),
  );
  refuseAmbiguous(declared);
  const known = new Map<Declared, Constant>();
  const open = new Set<Declared>();
  const read = (item: Declared): Constant => {
    const done = known.get(item);
    if (done !== undefined) return done;
    const name = item.declaration.getName();
    if (open.has(item)) throw new SpecError(item.declaration, `${name} is computed from itself`);
    open.add(item);
    const inSight = declared.filter(({ module, statement }) => module === item.module || statement.isExported());
    const get = (wanted: string): Constant | undefined => {
      const found = inSight.find(({ declaration }) => declaration.getName() === wanted);
      return found === undefined ? LANGUAGE_CONSTANTS.find((constant) => constant.name === wanted) : read(found);
    };
    const constant = constantOf(item, { ...names, constants: { get } });
    known.set(item, constant);
    return constant;
  };
  return declared.map(read);
}

/** Refuses an exported constant that has the name of another module's: C has one space of names. */
function refuseAmbiguous(declared: readonly Declared[]): void {
  for (const { module, statement, declaration } of declared) {
    const other = declared.find(
      (candidate) => candidate.module !== module && candidate.declaration.getName() === declaration.getName(),
    );
    if (statement.isExported() && other !== undefined) {
      throw new SpecError(declaration, `${other.module} has a constant ${declaration.getName()}, too`);
    }
  }
}

function constantOf({ module, statement, declaration }: Declared, names: Names): Constant {
  const name = declaration.getName();
  refuseTaken(declaration, name);
  const typeNode = declaration.getTypeNode();
  const type = typeNode === undefined ? VOID : typeOf(typeNode, names);
  if (type.is !== "scalar" || !isInteger(type)) throw new SpecError(declaration, "a constant declares an integer type");
  const node = declaration.getInitializerOrThrow();
  const initializer = new Expressions(names, new Scope()).integer(node);
  const value = valueOf(node, initializer);
  if (value > HIGHEST[type.name]) throw new SpecError(node, `${node.getText()} is no ${type.name}`);
  return { name, doc: docOf(statement), module, exported: statement.isExported(), type, value, initializer };
}

/** The value of a constant expression. */
function valueOf(node: Node, expression: Expr): number {
  if (expression.is === "number" || expression.is === "constant") return expression.low;
  if (expression.is === "binary" && OPERATIONS[expression.operator] !== undefined) {
    const [left, right] = [valueOf(node, expression.left), valueOf(node, expression.right)];
    return OPERATIONS[expression.operator]?.(left, right) ?? NaN;
  }
  throw new SpecError(node, "a constant is made of literals, constants, +, -, * and <<, and from 0 up to 2^53");
}

const OPERATIONS: Record<string, (left: number, right: number) => number> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "<<": (left, right) => left * 2 ** right,
};
