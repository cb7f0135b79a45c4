import { DERIVED } from "../read/derive.ts";
import type { Settings } from "../ir.ts";

/** The file that a module is written in, or derived into. */
export const sourceOf = (module: string, { outputs }: Settings): string =>
  module === DERIVED ? outputs.checks : `schema/${module}.ts`;

/** The line on top of every generated file, without the marks of a comment. `source` is a path from the project's root. */
export const banner = (source: string): string => `Code generated from ${source} by make codegen. DO NOT EDIT.`;
