import { FormatError } from "@puzzlefs/format";
import { LayoutError } from "@puzzlefs/oci";
import { IntegrityError } from "./errors.ts";

/** Something wrong with an image or a blob. */
export interface VerifyProblem {
  /** `warning`: the image reads correctly, but something recorded beside it is wrong or missing. */
  severity: "error" | "warning";
  /** `blob sha256:…`, `metadata blob sha256:…`, `manifest sha256:…`, or the tag. */
  object: string;
  /** The rule of the format that is broken, where it is one. */
  rule: string;
  /** Inode concerned, 0 where there is none. */
  inode: number;
  /** Byte in the object, 0 where it has no meaning. */
  offset: number;
  message: string;
}

/** An error as a problem. Errors that are not about the image are thrown again. */
export function problemOf(error: unknown, object: string): VerifyProblem {
  if (error instanceof FormatError) {
    const { rule, inode, offset, message } = error;
    return { severity: "error", object: error.object || object, rule, inode, offset, message };
  }
  if (error instanceof IntegrityError || error instanceof LayoutError) {
    const at = error instanceof IntegrityError ? error.blob : error.path;
    return { severity: "error", object: at, rule: "", inode: 0, offset: 0, message: error.message };
  }
  throw error;
}
