import { INTERNAL_ERROR, messageOf } from "@puzzlefs/linux";

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A comparison failed; 1 would mean that it found differences. */
export class TroubleError extends Error {
  override readonly name = "TroubleError";
}

/** A signal came before the mount was complete. */
export class MountInterruptedError extends Error {
  override readonly name = "MountInterruptedError";
}

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
/** The image is corrupt, or does not have the digest or the signature that was demanded. */
export const EXIT_CORRUPT = 3;
/** Of diff, as diff(1) has them. */
export const EXIT_DIFFERENT = 1;
export const EXIT_TROUBLE = 2;
/** The command ran to its end, but the result is incomplete. */
export const EXIT_INCOMPLETE = 4;
/** A fault of the program itself. */
export const EXIT_INTERNAL = 5;

/** Errors of the packages below, by name: a daemon's errors cross a process and keep nothing else. */
const exitCodes = new Map([
  ["UsageError", EXIT_USAGE],
  ["TroubleError", EXIT_TROUBLE],
  ["OptionError", EXIT_USAGE],
  ["MountOptionError", EXIT_USAGE],
  ["FormatError", EXIT_CORRUPT],
  ["IntegrityError", EXIT_CORRUPT],
  ["SignatureError", EXIT_CORRUPT],
]);

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Error)) return EXIT_FAILED;
  if (isCommanderError(error)) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (isInternal(error)) return EXIT_INTERNAL;
  if (error.name === "SignatureError" && "kind" in error && error.kind === "password") return EXIT_FAILED;
  if (error.name === "LayerError" && "kind" in error && error.kind === "corrupt") return EXIT_CORRUPT;
  if (error.name === "LayoutError" && "kind" in error && error.kind === "corrupt") return EXIT_CORRUPT;
  return exitCodes.get(error.name) ?? EXIT_FAILED;
}

let withStack = false;

/** From here on, messages about faults of the program have the whole stack. */
export function showStacks(): void {
  withStack = true;
}

/** Lines for stderr, without the program's name; none if commander has already written them. */
export function messageLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  if (isCommanderError(error)) return [];
  const frames = withStack && isInternal(error) ? (error.stack ?? "").split("\n").filter(isFrame) : [];
  return [messageOf(error), ...frames];
}

function isFrame(line: string): boolean {
  return line.startsWith("    at ");
}

/** Commander throws these instead of exiting: after --help with code 0, for wrong arguments with another. */
function isCommanderError(error: Error): error is Error & { exitCode: number } {
  return "exitCode" in error && "code" in error && String(error.code).startsWith("commander.");
}

/** Also one that another process reports. */
function isInternal(error: Error): boolean {
  return messageOf(error).startsWith(INTERNAL_ERROR);
}
