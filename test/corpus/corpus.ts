/**
 * The corruption corpus: for each rule of the format an object that breaks it, and no other before it.
 *
 * Every backend must refuse each case for its rule. The bytes are made from minimal images, the same each time.
 */
import { manifestCases } from "./manifest-cases.ts";
import { encodingCases, valueCases } from "./metadata-cases.ts";
import { seekTableCases } from "./seek-table-cases.ts";

export interface CorpusCase {
  /** The rule that is broken: an identifier of schema/rules.ts. */
  readonly rule: string;
  readonly object: "metadata" | "manifest" | "seek-table";
  /** The object; of a blob with a seek table its last bytes. */
  readonly bytes: Uint8Array;
  /** Size of the object in bytes, if it is more than `bytes`: the object is a sparse file then. */
  readonly size?: number;
}

/** One case for each rule, named by it. */
export function corpusCases(): CorpusCase[] {
  return [...encodingCases(), ...valueCases(), ...manifestCases(), ...seekTableCases()];
}

/** Rules that no single object can be shown to break, with the reason. */
export const WITHOUT_CASE: Readonly<Record<string, string>> = {
  "arithmetic-overflow": "each sum of numbers from an object has a rule of its own, which is checked first",
  "chunk-outside-blob":
    "takes an image and its blob: the reader's tests have it; conformance compares the check itself",
};
