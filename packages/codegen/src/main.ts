/**
 * The compiler. It translates the specification in schema/ into Cap'n Proto, TypeScript, C and pages of docs/:
 *
 *     read    parse schema/*.ts, lay out the structs, derive the pointer checks
 *     check   TypeScript's types, and the statements that both targets have
 *     lower   the intermediate form (ir.ts): each expression with its type and range
 *     check   no recursion; one effect a statement
 *     emit    the text of every output file
 */
import { resolve } from "node:path";
import { checkEffects } from "./check/effects.ts";
import { checkTypes } from "./check/types.ts";
import { emit } from "./emit/files.ts";
import { writeFiles } from "./emit/write.ts";
import { SpecError } from "./errors.ts";
import type { Spec } from "./ir.ts";
import { lower } from "./lower/program.ts";
import { readSchema } from "./read/schema.ts";

/** Everything before emit. Throws SpecError with file, line and reason. */
export function analyze(directory: string): Spec {
  const schema = readSchema(directory);
  checkTypes(schema);
  const program = lower(schema);
  checkEffects(program);
  return program.spec;
}

async function main(schema = "schema", out = "."): Promise<void> {
  try {
    const spec = analyze(resolve(schema));
    for (const file of writeFiles(await emit(spec), out)) console.log(`wrote ${file}`);
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(...process.argv.slice(2));
