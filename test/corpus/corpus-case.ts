/** An object that breaks one rule of the format. */
export interface CorpusCase {
  /** The rule that is broken: an identifier of schema/rules.ts. */
  readonly rule: string;
  readonly object: "metadata" | "manifest" | "seek-table" | "packed-manifest" | "bundle" | "place-table";
  /** The object; of a blob with a seek table its last bytes, of a bundle its decompressed content. */
  readonly bytes: Uint8Array;
  /** Size of the object in bytes, if it is more than `bytes`: the object is a sparse file then. */
  readonly size?: number;
}
