import { existsSync } from "node:fs";
import { describeFailure } from "./failure-text.ts";
import { describeErrno } from "./library.ts";

/** The code of a failed system call, or of another error of Node ("ENOENT"); undefined for an error without one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether `error` is a system error with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Whether `error` is what a system call of Node's or ours threw. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { errno: number } {
  return error instanceof Error && "errno" in error && typeof error.errno === "number" && error.errno < 0;
}

/** The beginning of messageOf() for a fault of the program. */
export const INTERNAL_ERROR = "internal error, please report it";

/** Classes of errors that V8 throws, and libraries for a wrong call. The product throws classes of its own. */
const FAULTS = [TypeError, ReferenceError, RangeError, SyntaxError, EvalError, URIError];
const NO_PROC = "/proc is not mounted, which this command needs";
const MODULE_CODES = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND", "ERR_DLOPEN_FAILED"];

/**
 * The message of anything thrown, for users: in our words, whether it is an error of the product's, of the system, of
 * Node, of V8 or of a library. What was put before or after the text of a system error stays.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (hasCode(error, ...MODULE_CODES)) {
    const what = /'([^']+)'|^(\S+?): /.exec(error.message);
    return `a part of the program is missing or cannot be loaded: ${what?.[1] ?? what?.[2] ?? error.message}; install it again`;
  }
  if (isOutOfMemory(error))
    return "not enough memory: see the limits of the process (ulimit -v) and of its control group";
  if (isFault(error)) {
    const where = /^ +at (.*)$/m.exec(error.stack ?? "")?.[1];
    return `${INTERNAL_ERROR}: ${error.name}: ${error.message}${where === undefined ? "" : ` (at ${where})`}`;
  }
  return withOurWords(error);
}

/** Why it failed, in a few words and without what was tried: "permission denied". The message of other errors. */
export function reasonOf(error: unknown): string {
  return isSystemError(error) ? describeErrno(-error.errno).text : messageOf(error);
}

/** Of an array, a buffer, or the memory of WebAssembly. */
function isOutOfMemory(error: Error): boolean {
  return error instanceof RangeError && /allocation failed|could not allocate|out of memory/i.test(error.message);
}

function isFault(error: Error): boolean {
  if ("code" in error && String(error.code).startsWith("ERR_")) return true;
  return isOfV8(error) && !isOutOfMemory(error);
}

/** Not for classes derived from these: their messages are meant for users. */
function isOfV8(error: Error): boolean {
  return FAULTS.some((fault) => error.constructor === fault) || error.constructor.name === "RuntimeError";
}

/** Node's "EACCES: permission denied, open '/x'" becomes what SystemError has: "cannot open /x: permission denied". */
function withOurWords(error: Error): string {
  if (!isSystemError(error) || error.syscall === undefined) return error.message;
  const { code, errno, syscall, path } = error;
  if (path?.startsWith("/proc/self/") === true && !existsSync("/proc/self")) return NO_PROC;
  const { text, nodeText } = describeErrno(-errno);
  const named = path === undefined ? [] : [` '${path}'`];
  const theirs = [`${code}: ${nodeText}, ${syscall}`, `${syscall} ${code}`].flatMap((words) =>
    [...named, ""].map((name) => `${words}${name}`),
  );
  const found = theirs.find((words) => error.message.includes(words));
  return found === undefined ? error.message : error.message.replace(found, () => describeFailure(syscall, text, path));
}

/** /proc is not mounted, and is needed. */
export class MissingProcError extends Error {
  override readonly name = "MissingProcError";

  /** @param why continues "/proc is not mounted: …" */
  constructor(why: string) {
    super(`/proc is not mounted: ${why}`);
  }
}
