/** A blob that the image needs. */
export interface Blob {
  digest: Uint8Array;
  hex: string;
  verity: Uint8Array;
  /** Bytes as stored. */
  size: number;
  compressed: boolean;
  /** Its name in the temporary directory, when this build wrote it. */
  temporary: string | undefined;
  /** The layout has a damaged file of this name. */
  replaces: boolean;
}
