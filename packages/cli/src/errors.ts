/** The command line makes no sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A signal ended the work. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** The image is corrupt, or is not what a digest promises. */
export const EXIT_CORRUPT = 3;
/** The command did all it could, but the result is not all that was asked for. */
export const EXIT_INCOMPLETE = 4;

/** Errors of the packages below, by name: a daemon's errors cross a process and keep nothing else. */
const exitCodes = new Map([
  ["UsageError", EXIT_USAGE],
  ["RangeError", EXIT_USAGE],
  ["MountOptionError", EXIT_USAGE],
  ["FormatError", EXIT_CORRUPT],
  ["IntegrityError", EXIT_CORRUPT],
]);

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Error) || isBug(error)) return EXIT_FAILED;
  if (isCommanderError(error)) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error.name === "LayoutError" && "kind" in error && error.kind === "corrupt") return EXIT_CORRUPT;
  return exitCodes.get(error.name) ?? EXIT_FAILED;
}

/** Lines for stderr, without the program's name; none when commander has said it all. */
export function messageOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  if (isCommanderError(error)) return [];
  if (!isBug(error)) return [error.message];
  const frames = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return [`internal error, please report it: ${error.name}: ${error.message}`, ...frames];
}

/** What commander throws instead of exiting: after --help with code 0, for wrong arguments with another. */
function isCommanderError(error: Error): error is Error & { exitCode: number } {
  return "exitCode" in error && "code" in error && String(error.code).startsWith("commander.");
}

/** Node's own RangeErrors have a code; ours, about values of options, have none. */
export function isBug(error: Error): boolean {
  if (error.name === "RangeError") return "code" in error;
  return error.name === "TypeError" || error.name === "ReferenceError";
}
