import { getSystemErrorMap } from "node:util";

/** Whether `error` is a system error with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** Whether `error` is what a system call of Node's or ours threw. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "errno" in error && typeof error.errno === "number" && error.errno < 0;
}

/** Why it failed, in a few words and without what was tried: "permission denied". The message of other errors. */
export function reasonOf(error: unknown): string {
  if (isSystemError(error)) return getSystemErrorMap().get(error.errno ?? 0)?.[1] ?? String(error.code);
  return error instanceof Error ? error.message : String(error);
}

/** What is asked for is only in /proc, which is not mounted. */
export class MissingProcError extends Error {
  override readonly name = "MissingProcError";

  /** @param why continues "/proc is not mounted: …" */
  constructor(why: string) {
    super(`/proc is not mounted: ${why}`);
  }
}
