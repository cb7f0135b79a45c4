import { writeSync } from "node:fs";
import { isatty } from "node:tty";

/**
 * Standard output and error, written synchronously: nothing is lost at exit, and a slow reader slows us down instead
 * of filling memory. A reader that went away (`| head`) ends the process quietly, by ReaderGoneError: what is under way is
 * cleaned up as after any other error.
 */
const STDOUT = 1;
const STDERR = 2;

export const stdoutIsTerminal = isatty(STDOUT);
export const stderrIsTerminal = isatty(STDERR);

/** Nobody reads the output any more. It is not reported. */
export class ReaderGoneError extends Error {
  override readonly name = "ReaderGoneError";
}

const sleepCell = new Int32Array(new SharedArrayBuffer(4));

export function write(data: string | Uint8Array): void {
  writeAll(STDOUT, data);
}

export function writeLine(line: string): void {
  writeAll(STDOUT, `${line}\n`);
}

export function writeError(text: string): void {
  writeAll(STDERR, text);
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
    if (this.#lines.length > 0) write(`${this.#lines.join("\n")}\n`);
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
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") throw new ReaderGoneError();
      if (code !== "EAGAIN") throw error;
      // Somebody made the pipe non-blocking: wait as a blocking write would.
      Atomics.wait(sleepCell, 0, 0, 2);
    }
  }
}
