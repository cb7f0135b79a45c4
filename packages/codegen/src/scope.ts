import type { Node } from "ts-morph";
import { SpecError } from "./errors.ts";
import type { Callee, Constant, StructType, Type, UnionType, ValueType } from "./ir.ts";

export interface Variable {
  type: Type;
  constant: boolean;
  /** May be undefined: must be compared with undefined before it is used. */
  optional: boolean;
  low: number;
  high: number;
}

/** Everything a function may name that is not its own. */
export interface Names {
  structs: Map<string, StructType>;
  unions: Map<string, UnionType>;
  values: Map<string, ValueType>;
  constants: Map<string, Constant>;
  functions: Map<string, Callee>;
  rules: Set<string>;
}

/** The variables in sight, innermost block last; a name is declared once in a function, so that C can hoist it. */
export class Scope {
  readonly #blocks: Map<string, Variable>[] = [new Map()];
  readonly #used = new Set<string>();

  enter(): void {
    this.#blocks.push(new Map());
  }

  leave(): void {
    this.#blocks.pop();
  }

  declare(node: Node, name: string, variable: Variable): void {
    if (this.#blocks.some((block) => block.has(name))) throw new SpecError(node, `${name} hides another variable`);
    this.#used.add(name);
    this.#blocks.at(-1)?.set(name, variable);
  }

  find(name: string): Variable | undefined {
    for (const block of this.#blocks.toReversed()) {
      const variable = block.get(name);
      if (variable !== undefined) return variable;
    }
    return undefined;
  }
}
