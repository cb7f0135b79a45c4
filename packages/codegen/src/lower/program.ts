import type { FunctionDeclaration } from "ts-morph";
import { SpecError } from "../errors.ts";
import type { FunctionType, Spec } from "../ir.ts";
import { readRules } from "../read/rules.ts";
import type { Schema } from "../read/schema.ts";
import { constantsInSight, readConstants } from "./constants.ts";
import { readRecordMembers, readRecords, readSignature } from "./declarations.ts";
import type { Names } from "./scope.ts";
import { Body } from "./statements.ts";

/** The intermediate form of a specification, and the declaration of each function for messages about it. */
export interface Program {
  spec: Spec;
  declarations: Map<string, FunctionDeclaration>;
}

/**
 * Translates the parsed specification into the intermediate form. Every expression gets a type and a range; an operation
 * that could leave its range becomes a checked one. Throws SpecError.
 */
export function lower({ settings, structs, rules: rulesFile, modules, checks }: Schema): Program {
  const rules = readRules(rulesFile);
  const names: Names = {
    structs: new Map(structs.map((struct) => [struct.name, struct])),
    unions: new Map(structs.flatMap((struct) => struct.unions.map((union) => [union.name, union]))),
    values: new Map(),
    constants: new Map(),
    functions: new Map(),
    rules: new Set(rules.map((rule) => rule.name)),
  };
  for (const { name, file } of modules)
    for (const value of readRecords(file, name)) names.values.set(value.name, value);
  for (const { file } of modules) readRecordMembers(file, names);
  const constants = readConstants(modules, names);

  const declarations = new Map<string, FunctionDeclaration>();
  const functions: FunctionType[] = [];
  for (const { name: module, file } of modules) {
    for (const declaration of file.getFunctions()) {
      const fn = readSignature(declaration, module, names);
      if (names.functions.has(fn.name)) throw new SpecError(declaration, `${fn.name} is there twice`);
      names.functions.set(fn.name, fn);
      declarations.set(fn.name, declaration);
      functions.push(fn);
    }
  }
  for (const fn of functions) {
    const inSight = { ...names, constants: constantsInSight(constants, fn.module) };
    fn.body = new Body(inSight, fn).read(declarations.get(fn.name) as FunctionDeclaration);
  }
  const spec = { settings, structs, values: [...names.values.values()], constants, functions, rules, checks };
  return { spec, declarations };
}
