import { closeSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { hasCode, isWritable, reasonOf, terminalColumns } from "@puzzlefs/linux";

/**
 * Standard output and error, written by write(2): nothing is lost at exit, and a slow reader slows the program down
 * instead of filling its memory. The flags of the open files stay as they were inherited (see @puzzlefs/linux/closed-streams).
 */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

export const stdoutIsTerminal = isatty(STDOUT);
export const stderrIsTerminal = isatty(STDERR);

/** Standard output cannot be written: a full disk, for one. */
export class OutputError extends Error {
  override readonly name = "OutputError";

  constructor(cause: unknown) {
    super(`cannot write to standard output: ${reasonOf(cause)}`, { cause });
  }
}

/** The reader of the output or of the messages has closed the pipe. The work is undone, and the process ends by SIGPIPE. */
export class ReaderGoneError extends Error {
  override readonly name = "ReaderGoneError";
}

/** Throws OutputError, or ReaderGoneError if the reader has closed the pipe (`| head`). */
export function write(data: string | Uint8Array): void {
  try {
    writeAll(STDOUT, data);
  } catch (error) {
    if (hasCode(error, "EPIPE")) throw new ReaderGoneError();
    throw new OutputError(error);
  }
}

export function writeLine(line: string): void {
  write(`${line}\n`);
}

/** Columns of the line on stderr that the next text replaces. */
let transientColumns = 0;

/** A line on stderr that the next text there replaces. It must fit the terminal: one cell a character. */
export function writeTransient(line: string): void {
  writeToStderr(`\r${line.padEnd(columnsToClear())}`);
  transientColumns = line.length;
}

/** Removes that line. */
export function clearTransient(): void {
  if (transientColumns > 0) writeToStderr(`\r${" ".repeat(columnsToClear())}\r`);
  transientColumns = 0;
}

/** By spaces, which need no escape sequence; not beyond a window that has become narrower. */
function columnsToClear(): number {
  return Math.min(transientColumns, (terminalColumns(STDERR) ?? Infinity) - 1);
}

/** Writes a message. If that fails, the work goes on. Throws ReaderGoneError. */
export function writeError(text: string): void {
  clearTransient();
  writeToStderr(text);
}

function writeToStderr(text: string): void {
  try {
    writeAll(STDERR, text);
  } catch (error) {
    if (hasCode(error, "EPIPE")) throw new ReaderGoneError();
    // A full disk, a closed terminal: it cannot be reported.
  }
}

/** Collects many small lines into few writes; flush() at the end. */
export class LineBuffer {
  #lines: string[] = [];
  #length = 0;

  readonly push = (line: string): void => {
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length > 1 << 16) this.flush();
  };

  flush(): void {
    if (this.#lines.length > 0) {
      clearTransient();
      write(`${this.#lines.join("\n")}\n`);
    }
    this.#lines = [];
    this.#length = 0;
  }
}

function writeAll(descriptor: number, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      // Another process has made it non-blocking: wait as a blocking write would.
      if (!hasCode(error, "EAGAIN")) throw error;
      isWritable(descriptor, -1);
    }
  }
}

/** Ends this process by a signal that Node ignores or handles itself. */
export function dieOf(signal: NodeJS.Signals): never {
  restoreDefault(signal);
  process.kill(process.pid, signal);
  // If the signal is blocked: the exit code that a shell would report.
  process.exit(128 + 13);
}

/** Adding a listener and removing it leaves the signal with the kernel's default action. */
function restoreDefault(signal: NodeJS.Signals): void {
  const listener = (): void => undefined;
  process.on(signal, listener).off(signal, listener);
}

/**
 * Node puts standard input, output and error back to how it found them when it ends, terminal settings too: it would
 * undo what other programs have done to them meanwhile. It does so for descriptors that are open, and on two signals.
 */
export function leaveStreamsAlone(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) restoreDefault(signal);
  process.on("exit", () => {
    for (const descriptor of [STDIN, STDOUT, STDERR]) closeAtExit(descriptor);
  });
}

/** Some file systems (NFS) report write errors only here. */
function closeAtExit(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch (error) {
    if (descriptor !== STDOUT || hasCode(error, "EBADF")) return;
    writeError(`puzzlefs: ${new OutputError(error).message}\n`);
    process.exitCode ||= 1;
  }
}
