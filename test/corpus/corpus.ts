/**
 * The corruption corpus: for each rule of the format an object that breaks it, and no other before it.
 *
 * Every backend must refuse each case for its rule. The bytes are made from minimal images, the same each time.
 */
import type { CorpusCase } from "./corpus-case.ts";
import { manifestCases } from "./manifest-cases.ts";
import { encodingCases, valueCases } from "./metadata-cases.ts";
import { packedCases } from "./packed-cases.ts";
import { seekTableCases } from "./seek-table-cases.ts";

/** One case for each rule, named by it. */
export function corpusCases(): CorpusCase[] {
  return [...encodingCases(), ...valueCases(), ...manifestCases(), ...seekTableCases(), ...packedCases()];
}

/** Rules that no single object can be shown to break, with the reason. */
export const WITHOUT_CASE: Readonly<Record<string, string>> = {
  "arithmetic-overflow": "each sum of numbers from an object has a rule of its own, which is checked first",
  "too-many-runs": "takes 128 MiB: test/conformance/limits.test.ts has it",
  "chunk-outside-blob":
    "takes an image and its blob: the reader's tests have it; conformance compares the check itself",
  "bundle-pack-descriptor": "takes a bundle and its manifest: the reader's tests have it",
};
