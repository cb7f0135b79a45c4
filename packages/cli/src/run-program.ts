import { programArguments } from "@puzzlefs/linux";
import { exitCodeOf, messageLines } from "./errors.ts";
import { failure } from "./terminal/messages.ts";
import { dieOf, leaveStreamsAlone, ReaderGoneError } from "./terminal/output.ts";

export interface Program {
  /** The beginning of its messages. */
  name: string;
  load(): Promise<ProgramModule>;
}

export interface ProgramModule {
  /** Returns the exit code. */
  main(argv: readonly string[]): Promise<number>;
  /** The program's own exit code for an error, instead of `code` from errors.ts. */
  translate?(code: number, error: unknown): number;
}

/** Runs a program, and reports any error that it throws, at any time, by a message and an exit code. */
export async function runProgram({ name, load }: Program): Promise<void> {
  let translate: NonNullable<ProgramModule["translate"]> = (code) => code;
  const fail = (error: unknown): void => {
    if (error instanceof ReaderGoneError) dieOf("SIGPIPE");
    process.exitCode = translate(exitCodeOf(error), error);
    const lines = messageLines(error);
    try {
      if (lines.length > 0) failure(lines, name);
    } catch {
      dieOf("SIGPIPE");
    }
  };
  leaveStreamsAlone();
  process.on("uncaughtException", (error) => {
    fail(error);
    process.exit();
  });
  try {
    const module = await load();
    translate = module.translate ?? translate;
    process.exitCode = await module.main(programArguments());
    // Node's own exit restores the default action of signals first: one could end a process whose work is done.
    process.exit();
  } catch (error) {
    fail(error);
  }
}
