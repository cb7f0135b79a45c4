import type { Node } from "ts-morph";
import { SpecError } from "../errors.ts";
import type { Callee, Constant, StructType, Type, UnionType, ValueType } from "../ir.ts";

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
  constants: Pick<ReadonlyMap<string, Constant>, "get">;
  functions: Map<string, Callee>;
  rules: Set<string>;
}

const words = (...lines: string[]): Set<string> => new Set(lines.flatMap((line) => line.split(" ")));

/** Names of the runtime of the generated code, and of the language. */
const TAKEN = words(
  "Bytes StructList ABSENT ABSENT_BYTES ABSENT_LIST Rule failure narrow checkedAdd checkedSubtract checkedMultiply",
  "atMost checked decreases difference fail halves offsetOf ruleNumber text u32 view U53_END",
);

/** Names of variables of the generated code, and words of C that are names in TypeScript. */
const RESERVED = words(
  "out unused measure bound element",
  "auto bool char double extern float goto inline int long register restrict short signed sizeof static struct",
  "typedef union unsigned volatile u8 u16 u64 s64",
);

/** Refuses a declaration whose name the generated code needs. */
export function refuseTaken(node: Node, name: string): void {
  if (TAKEN.has(name)) throw new SpecError(node, `${name} is a name of the language or of the generated code`);
}

/** The visible variables, innermost block last; none hides another one. */
export class Scope {
  readonly #blocks: Map<string, Variable>[] = [new Map()];

  enter(): void {
    this.#blocks.push(new Map());
  }

  leave(): void {
    this.#blocks.pop();
  }

  declare(node: Node, name: string, variable: Variable): void {
    refuseTaken(node, name);
    if (RESERVED.has(name)) throw new SpecError(node, `${name} is a word of C or of the generated code`);
    if (this.find(name) !== undefined) throw new SpecError(node, `${name} hides another variable`);
    this.#blocks.at(-1)?.set(name, variable);
  }

  find(name: string): Variable | undefined {
    return this.#blocks.find((block) => block.has(name))?.get(name);
  }
}
