import { hasCode, reasonOf } from "@puzzlefs/linux";
import { escapeBytes } from "./escape.ts";
import { pathOf } from "./walk-tree.ts";
import type { Visit } from "./walk-tree.ts";

/**
 * `missing`: the name was not made. `damaged`: the same, because its content is damaged. `copied`: a hard link became a file of
 * its own. `changed`: an attribute differs from the image's. `left out`: the caller did not ask for it.
 */
export type Loss = "missing" | "damaged" | "copied" | "changed" | "left out";

/** A kind of thing that could not be restored: number, first paths and cause. */
export interface ExtractWarning {
  /** A kind of inode as in a dump (`chr`, `lnk`), or of attribute (`owner`, `times`, `user attribute`). */
  what: string;
  loss: Loss;
  /** Code of the operating system's error, where that is the reason. */
  code?: string;
  cause?: string;
  count: number;
  /** The first paths inside the image, escaped. */
  examples: string[];
  /** An ordinary user may never have it, or it is left out as documented: the extraction counts as complete. */
  expected: boolean;
}

const mostExamples = 3;

/** Error codes for lack of permission, and for what the file system cannot store. */
const refusals = (
  "EPERM EACCES EINVAL ENOTSUP EOPNOTSUPP ENOSYS EXDEV EMLINK ENAMETOOLONG EILSEQ EFBIG EOVERFLOW E2BIG ERANGE ENODATA " +
  // The name is that of a directory or a mount point or, on a case-insensitive file system, another name of the image.
  "EEXIST EISDIR ENOTEMPTY EBUSY"
).split(" ");

/** tar does not try these either for ordinary users. */
const privilegedOnly = new Set(["owner", "set-id bits", "trusted attribute", "security attribute"]);

/** Whether the target refuses only this operation. After any other error, further operations are not tried. */
export function isRefusal(error: unknown): boolean {
  return hasCode(error, ...refusals);
}

/** Counts operations that the target's file system or the caller's rights do not allow, while extraction goes on. */
export class ExtractWarnings {
  readonly #isOrdinary: boolean;
  readonly #warnings = new Map<string, { warning: ExtractWarning; last: Visit }>();

  constructor(isOrdinary = process.geteuid?.() !== 0) {
    this.#isOrdinary = isOrdinary;
  }

  get list(): ExtractWarning[] {
    return [...this.#warnings.values()].map(({ warning }) => warning);
  }

  /** `reason`: the error that a system call threw, or a text. */
  add(what: string, loss: Loss, visit: Visit, reason?: unknown): void {
    const { code, cause } = describe(reason);
    const key = `${loss} ${what} ${code}`;
    const known = this.#warnings.get(key);
    // An inode is counted once, however many of its attributes are refused.
    if (known?.last === visit) return;
    const expected = loss === "left out" || (this.#isOrdinary && privilegedOnly.has(what));
    const warning = known?.warning ?? { what, loss, count: 0, examples: [], expected };
    if (code !== undefined) warning.code = code;
    if (cause !== undefined) warning.cause ??= cause;
    warning.count += 1;
    if (warning.examples.length < mostExamples) warning.examples.push(escapeBytes(pathOf(visit)));
    this.#warnings.set(key, { warning, last: visit });
  }

  /** Whether the call succeeded. A refusal becomes a warning, anything else is thrown. */
  tolerate(what: string, loss: Loss, visit: Visit, call: () => void): boolean {
    try {
      call();
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.add(what, loss, visit, error);
      return false;
    }
  }
}

function describe(reason: unknown): { code?: string; cause?: string } {
  if (!(reason instanceof Error)) return typeof reason === "string" ? { cause: reason } : {};
  const { code } = reason as NodeJS.ErrnoException;
  return { ...(code !== undefined && { code }), cause: reasonOf(reason) };
}
