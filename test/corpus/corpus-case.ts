/** An object that breaks one rule of the format. */
export interface CorpusCase {
  /** The rule that is broken: an identifier of schema/rules.ts. */
  readonly rule: string;
  readonly object: "metadata" | "manifest" | "seek-table";
  /** The object; of a blob with a seek table its last bytes. */
  readonly bytes: Uint8Array;
  /** Size of the object in bytes, if it is more than `bytes`: the object is a sparse file then. */
  readonly size?: number;
}
