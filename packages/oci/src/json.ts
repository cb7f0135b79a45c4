import { LayoutError } from "./errors.ts";

/** Parses a JSON object. Throws LayoutError (corrupt). */
export function parseObject(text: string, path: string): Record<string, unknown> {
  const value = parseJson(text, (problem) => new LayoutError("corrupt", path, problem));
  if (!isObject(value)) throw new LayoutError("corrupt", path, "not a JSON object");
  return value;
}

/**
 * JSON.parse() whose error quotes nothing of the text: the reader of the message may have no permission to read the file.
 * `failure` makes the error from a description of the fault and its position.
 */
export function parseJson(text: string, failure: (problem: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [, position] = / in JSON at position \d+ \((line \d+ column \d+)\)$/.exec(error.message) ?? [];
    throw failure(position === undefined ? "not JSON" : `not JSON: wrong at ${position}`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
